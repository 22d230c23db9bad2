/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slab caches of the SLAB allocator for test_slab_arrays.py, with the members that are read. The
 * test copies conf_slab_pages into the array of all struct pages.
 */
#include "mini_kernel.h"

typedef unsigned char freelist_idx_t;

enum pageflags { PG_locked, PG_slab = 9, PG_head = 16, __NR_PAGEFLAGS = 24 };
enum pageflags conf_pageflags;

struct kmem_cache;

struct page {
    unsigned long flags;
    union {
        struct {
            struct list_head lru;
            void *mapping;
            unsigned long index, private;
        };
        struct {
            unsigned long compound_head;
        };
#ifdef OLD_TASK /* before v5.17 there was no struct slab */
        struct {
            struct list_head slab_list;
            struct kmem_cache *slab_cache;
            void *freelist;
            void *s_mem;
        };
#endif
    };
    unsigned int active;
    atomic_t _refcount;
    unsigned long memcg_data;
};

#ifdef OLD_TASK
#define slab page
#define SLAB_FLAGS flags
#else
#define SLAB_FLAGS __page_flags
struct page conf_page;
struct slab {
    unsigned long __page_flags;
    struct list_head slab_list;
    struct kmem_cache *slab_cache;
    void *freelist;
    void *s_mem;
    unsigned int active;
    atomic_t __page_refcount;
    unsigned long memcg_data;
};
#endif

struct array_cache {
    unsigned int avail, limit, batchcount, touched;
    void *entry[];
};
struct alien_cache {
    long lock;
    struct array_cache ac;
};
struct kmem_cache_node {
    long list_lock;
    unsigned long free_objects;
    struct array_cache *shared;
    struct alien_cache **alien;
};
struct kmem_cache {
    struct array_cache *cpu_cache; /* a per-CPU pointer */
    unsigned int size, num, gfporder;
    const char *name;
    struct list_head list;
    int object_size;
    struct kmem_cache_node *node[2];
};

#define SIZE 64
#define OBJECTS 8
#define OBJECT(slab, index) (&conf_slab_memory[slab][128 + (index)*SIZE])
#define SLAB(cache, numbers, memory, used)                                                         \
    {                                                                                              \
        .SLAB_FLAGS = 1 << PG_slab, .slab_cache = &(cache), .freelist = (numbers),                 \
        .s_mem = OBJECT(memory, 0), .active = (used)                                               \
    }

char conf_slab_memory[3][4096] __attribute__((aligned(4096)));

__attribute__((section(".data..percpu"))) struct array_cache conf_on_cpu = {
    .avail = 1, .limit = 8, .entry = {OBJECT(0, 1)},
};
__attribute__((section(".data..percpu"))) struct array_cache conf_on_cpu_damaged = {
    .avail = 5000, .limit = 8, .entry = {OBJECT(2, 0)},
};
struct array_cache conf_shared = {.avail = 1, .limit = 8, .entry = {OBJECT(0, 2)}};
struct {
    long lock;
    unsigned int avail, limit, batchcount, touched;
    void *entry[1];
} conf_alien = {.avail = 1, .limit = 8, .entry = {OBJECT(0, 4)}};
void *conf_aliens[1] = {&conf_alien};

struct kmem_cache_node conf_slab_node = {
    .free_objects = 3, .shared = &conf_shared, .alien = (struct alien_cache **)conf_aliens,
};

extern struct list_head slab_caches;
extern struct kmem_cache conf_slab_whole, conf_slab_damaged;
struct kmem_cache conf_slab_whole = {
    .cpu_cache = &conf_on_cpu, .size = SIZE, .num = OBJECTS, .name = "conf_whole",
    .list = {&conf_slab_damaged.list, &slab_caches}, .object_size = 60,
    .node = {&conf_slab_node, 0},
};
struct kmem_cache conf_slab_damaged = {
    .cpu_cache = &conf_on_cpu_damaged, .size = SIZE, .num = 4, .name = "conf_damaged",
    .list = {&slab_caches, &conf_slab_whole.list}, .object_size = SIZE,
};
struct list_head slab_caches = {&conf_slab_whole.list, &conf_slab_damaged.list};

/* The first three of 8 are free: 7, 5 and 6. */
freelist_idx_t conf_slab_numbers[OBJECTS] = {4, 0, 1, 2, 3, 7, 5, 6};
freelist_idx_t conf_slab_wild_numbers[4] = {0, 1, 9, 2};

struct slab conf_slab_pages[3] = {
    SLAB(conf_slab_whole, conf_slab_numbers, 0, 5),
    SLAB(conf_slab_whole, 0, 1, OBJECTS), /* full */
    SLAB(conf_slab_damaged, conf_slab_wild_numbers, 2, 1),
};
