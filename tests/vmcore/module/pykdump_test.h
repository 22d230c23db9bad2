/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Planted structures whose addresses and values the tests know: reading /proc/pykdump_test prints
 * them as JSON, writing a word to it makes the kernel fault in that way (faults.c).
 *
 * Each part has pykdump_plant_PART() and pykdump_show_PART(), which prints one JSON member.
 * Addresses are strings "0x...": facts.py turns them into numbers.
 */
#ifndef PYKDUMP_TEST_H
#define PYKDUMP_TEST_H

#include <linux/hashtable.h>
#include <linux/klist.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/plist.h>
#include <linux/rbtree.h>
#include <linux/seq_file.h>
#include <linux/types.h>

/* An object that is on all the containers; id is also its key. */
struct pykdump_item {
	u32 id;
	char name[16];
	struct list_head link;
	struct hlist_node hash;
	struct llist_node lockless;
	struct klist_node kernel_list;
	struct rb_node tree;
	struct rcu_head rcu;
};

/* JSON: an address, and a list of values that each() prints with a comma before all but the first. */
#define JSON_ADDR "\"0x%px\""
#define json_comma(m, index) seq_puts(m, (index) ? ", " : "")

int pykdump_plant_containers(void);
void pykdump_show_containers(struct seq_file *m);
int pykdump_plant_trees(void);
void pykdump_show_trees(struct seq_file *m);
int pykdump_plant_shapes(void);
void pykdump_show_shapes(struct seq_file *m);
int pykdump_plant_memory(void);
void pykdump_show_memory(struct seq_file *m);
int pykdump_plant_tasks(void);
void pykdump_show_tasks(struct seq_file *m);
int pykdump_start_spinner(void);
int pykdump_fault(const char *how);

#endif
