/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resizable hash tables for test_rhashtables.py, with the members that the walk reads. */
#include "mini_kernel.h"

struct rhash_head {
    struct rhash_head *next;
};
struct rhlist_head {
    struct rhash_head rhead;
    struct rhlist_head *next;
};
#ifndef OLD_TASK /* before v5.2 no bucket was locked by a bit in it */
struct rhash_lock_head {
    int unused;
};
struct rhash_lock_head conf_rht_unused;
#endif
struct bucket_table {
    unsigned int size, nest;
    u32 hash_rnd;
    struct bucket_table *future_tbl;
    void *buckets[];
};
struct rhashtable {
    struct bucket_table *tbl;
    struct {
        int counter;
    } nelems;
};

#define NODES 12
#define LAST ((struct rhash_head *)0x15) /* odd: the end of a chain */
#define LOCKED(node) ((void *)((unsigned long)(node) + 1))
#define WILD ((struct rhash_head *)0xffff7000deadbee0)

struct rhash_head conf_rht_nodes[NODES] = {
    [0] = {&conf_rht_nodes[1]}, [1] = {&conf_rht_nodes[2]}, [2] = {LAST},
    [3] = {LAST},
    [4] = {LAST}, /* in the table that the others move to */
    [5] = {LAST}, [6] = {&conf_rht_nodes[7]}, [7] = {LAST}, /* in nested tables */
    [8] = {WILD},
    [9] = {LAST},
};

/* ---- while it is resized, with a bucket that is locked ---- */
struct bucket_table conf_rht_next = {
    .size = 2, .buckets = {&conf_rht_nodes[4], 0},
};
struct bucket_table conf_rht_first = {
    .size = 4, .future_tbl = &conf_rht_next,
#ifdef OLD_TASK
    .buckets = {&conf_rht_nodes[0], LAST, &conf_rht_nodes[3], LAST},
#else
    .buckets = {LOCKED(&conf_rht_nodes[0]), 0, &conf_rht_nodes[3], (void *)1},
#endif
};
struct rhashtable conf_rht_moving = {&conf_rht_first, {5}};

/* ---- nested: two levels, and three ---- */
void *conf_rht_leaf[512] = {[5] = &conf_rht_nodes[5]};
void *conf_rht_root[2] = {conf_rht_leaf, 0};
struct bucket_table conf_rht_two = {.size = 1024, .nest = 1, .buckets = {conf_rht_root}};
struct rhashtable conf_rht_nested = {&conf_rht_two, {1}};

void *conf_rht_deep_leaf[2] = {0, &conf_rht_nodes[6]};
void *conf_rht_deep_middle[512] = {[511] = conf_rht_deep_leaf};
void *conf_rht_deep_root[4] = {[3] = conf_rht_deep_middle};
struct bucket_table conf_rht_three = {.size = 4096, .nest = 2, .buckets = {conf_rht_deep_root}};
struct rhashtable conf_rht_deep = {&conf_rht_three, {2}};

/* ---- damage ---- */
struct bucket_table conf_rht_wild_chain = {
    .size = 2, .buckets = {&conf_rht_nodes[8], &conf_rht_nodes[9]},
};
struct rhashtable conf_rht_broken = {&conf_rht_wild_chain, {3}};
struct bucket_table conf_rht_three_buckets = {.size = 3, .buckets = {0}};
struct rhashtable conf_rht_odd_size = {&conf_rht_three_buckets, {1}};
struct bucket_table conf_rht_ring = {
    .size = 1, .future_tbl = &conf_rht_ring, .buckets = {&conf_rht_nodes[9]},
};
struct rhashtable conf_rht_cyclic = {&conf_rht_ring, {1}};
struct rhashtable conf_rht_lost = {(struct bucket_table *)WILD, {7}};
struct bucket_table conf_rht_wild_leaf = {
    .size = 1024, .nest = 1, .buckets = {(void *)WILD},
};
struct rhashtable conf_rht_lost_leaf = {&conf_rht_wild_leaf, {1}};

/* ---- equal keys ---- */
struct rhlist_head conf_rhl[3] = {
    {{LAST}, &conf_rhl[1]}, {{0}, &conf_rhl[2]}, {{0}, 0},
};

/* Another type of this name is in mini_conformance.c. */
struct conf_twin {
    long before;
    int first, second, third;
};
int conf_in_tables(struct conf_twin *twin);
int conf_in_tables(struct conf_twin *twin) {
    return twin->first;
}
