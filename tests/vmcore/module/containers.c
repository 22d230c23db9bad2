// SPDX-License-Identifier: GPL-2.0-or-later
/* Linked lists: whole, empty, one that misses its head, and lists cut by a bad pointer. */
#include <linux/rculist.h>
#include <linux/slab.h>

#include <linux/rculist_nulls.h> /* needs the above */

#include "pykdump_test.h"

#define ITEMS 10
#define LONG_ITEMS 5000
/* Not canonical: no page table maps it with 4 or with 5 levels. */
#define BAD_POINTER ((void *)0x6b6b6b6b6b6b6b6bUL)
/* Canonical and mapped by no kernel: the guard hole of 4-level paging, unused space of 5-level. */
#define UNMAPPED_POINTER ((void *)0xffff800000000008UL)

LIST_HEAD(pykdump_list_whole);
LIST_HEAD(pykdump_list_empty);
LIST_HEAD(pykdump_list_cyclic);
LIST_HEAD(pykdump_list_cut);
LIST_HEAD(pykdump_list_null);
LIST_HEAD(pykdump_list_unmapped);
LIST_HEAD(pykdump_list_self);
LIST_HEAD(pykdump_list_long);
HLIST_HEAD(pykdump_hlist);
HLIST_HEAD(pykdump_hlist_cyclic);
HLIST_HEAD(pykdump_hlist_empty);
struct hlist_nulls_head pykdump_hlist_nulls;
DEFINE_HASHTABLE(pykdump_hash, 4);
LLIST_HEAD(pykdump_llist);
struct klist pykdump_klist;

struct nulls_item {
	u32 id;
	struct hlist_nulls_node node;
};

/* A list and what a walk of it meets; broken ones are cut after item `cut`. */
static struct planted_list {
	const char *name;
	struct list_head *head;
	struct pykdump_item *items[ITEMS];
	int count;
	void *stop; /* what the last item's next is, when not the head */
} lists[] = {
	{ "whole", &pykdump_list_whole },       { "cyclic", &pykdump_list_cyclic },
	{ "cut", &pykdump_list_cut },           { "null", &pykdump_list_null },
	{ "unmapped", &pykdump_list_unmapped }, { "self", &pykdump_list_self },
};

static struct pykdump_item *hashed[ITEMS], *cyclic_hashed[ITEMS], *lockless[ITEMS];
static struct pykdump_item *on_klist[ITEMS];
static struct nulls_item *nulls[ITEMS];
static struct pykdump_item *first_long;

static struct pykdump_item *new_item(const char *list, int id)
{
	struct pykdump_item *item = kzalloc(sizeof(*item), GFP_KERNEL | __GFP_NOFAIL);

	item->id = id;
	snprintf(item->name, sizeof(item->name), "%s-%d", list, id);
	return item;
}

static void plant_lists(void)
{
	struct planted_list *list;

	for (list = lists; list < lists + ARRAY_SIZE(lists); list++)
		for (; list->count < ITEMS; list->count++) {
			list->items[list->count] = new_item(list->name, list->count);
			list_add_tail(&list->items[list->count]->link, list->head);
		}
	lists[1].stop = &lists[1].items[3]->link;
	lists[2].stop = BAD_POINTER;
	lists[3].stop = NULL;
	lists[4].stop = UNMAPPED_POINTER;
	lists[5].stop = &lists[5].items[ITEMS - 1]->link;
	for (list = lists + 1; list < lists + ARRAY_SIZE(lists); list++)
		list->items[ITEMS - 1]->link.next = list->stop;
}

static void plant_long_list(void)
{
	int id;

	for (id = 0; id < LONG_ITEMS; id++) {
		struct pykdump_item *item = new_item("long", id);

		list_add_tail(&item->link, &pykdump_list_long);
		if (!id)
			first_long = item;
	}
}

int pykdump_plant_containers(void)
{
	int id;

	plant_lists();
	plant_long_list();
	INIT_HLIST_NULLS_HEAD(&pykdump_hlist_nulls, 7);
	klist_init(&pykdump_klist, NULL, NULL);
	for (id = 0; id < ITEMS; id++) {
		hashed[id] = new_item("hashed", id);
		hash_add(pykdump_hash, &hashed[id]->hash, id % 3);
		lockless[id] = new_item("lockless", id);
		llist_add(&lockless[id]->lockless, &pykdump_llist);
		on_klist[id] = new_item("klist", id);
		klist_add_tail(&on_klist[id]->kernel_list, &pykdump_klist);
		nulls[id] = kzalloc(sizeof(*nulls[id]), GFP_KERNEL | __GFP_NOFAIL);
		nulls[id]->id = id;
		hlist_nulls_add_head_rcu(&nulls[id]->node, &pykdump_hlist_nulls);
	}
	/* hlist_add_head() puts in front: walks meet the items by id. */
	for (id = ITEMS - 1; id >= 0; id--) {
		hlist_add_head(&new_item("hlist", id)->hash, &pykdump_hlist);
		cyclic_hashed[id] = new_item("hcyclic", id);
		hlist_add_head(&cyclic_hashed[id]->hash, &pykdump_hlist_cyclic);
	}
	cyclic_hashed[ITEMS - 1]->hash.next = &cyclic_hashed[4]->hash;
	return 0;
}

static void show_items(struct seq_file *m, struct pykdump_item **items)
{
	int i;

	seq_puts(m, "\"items\": [");
	for (i = 0; i < ITEMS; i++) {
		json_comma(m, i);
		seq_printf(m, JSON_ADDR, items[i]);
	}
	seq_puts(m, "]");
}

static void show_hlists(struct seq_file *m)
{
	struct pykdump_item *item;
	int i = 0, bucket;

	seq_printf(m, "\"hlist\": {\"head\": " JSON_ADDR ", \"items\": [", &pykdump_hlist);
	hlist_for_each_entry(item, &pykdump_hlist, hash) {
		json_comma(m, i++);
		seq_printf(m, JSON_ADDR, item);
	}
	seq_printf(m, "]},\n\"hlist_cyclic\": {\"head\": " JSON_ADDR ", \"stop\": " JSON_ADDR ", ",
		   &pykdump_hlist_cyclic, cyclic_hashed[ITEMS - 1]->hash.next);
	show_items(m, cyclic_hashed);
	seq_printf(m, "},\n\"hlist_empty\": {\"head\": " JSON_ADDR ", \"items\": []},\n",
		   &pykdump_hlist_empty);
	seq_printf(m, "\"hlist_nulls\": {\"head\": " JSON_ADDR ", \"value\": 7, \"items\": [",
		   &pykdump_hlist_nulls);
	for (i = 0; i < ITEMS; i++) {
		json_comma(m, i);
		seq_printf(m, JSON_ADDR, nulls[ITEMS - 1 - i]);
	}
	seq_printf(m, "]},\n\"hash\": {\"table\": " JSON_ADDR ", \"buckets\": [", pykdump_hash);
	for (bucket = 0; bucket < HASH_SIZE(pykdump_hash); bucket++) {
		int in_bucket = 0;

		json_comma(m, bucket);
		seq_puts(m, "[");
		hlist_for_each_entry(item, &pykdump_hash[bucket], hash) {
			json_comma(m, in_bucket++);
			seq_printf(m, "%u", item->id);
		}
		seq_puts(m, "]");
	}
	seq_puts(m, "]}");
}

void pykdump_show_containers(struct seq_file *m)
{
	struct planted_list *list;

	seq_puts(m, "\"lists\": {\n");
	for (list = lists; list < lists + ARRAY_SIZE(lists); list++) {
		seq_printf(m, "\"%s\": {\"head\": " JSON_ADDR ", ", list->name, list->head);
		if (list != lists)
			seq_printf(m, "\"stop\": " JSON_ADDR ", ", list->stop);
		show_items(m, list->items);
		seq_puts(m, "},\n");
	}
	seq_printf(m, "\"empty\": {\"head\": " JSON_ADDR ", \"items\": []},\n", &pykdump_list_empty);
	seq_printf(m, "\"long\": {\"head\": " JSON_ADDR ", \"first\": " JSON_ADDR ", \"count\": %d}\n},\n",
		   &pykdump_list_long, first_long, LONG_ITEMS);
	show_hlists(m);
	/* The newest is in front of an llist. */
	seq_printf(m, ",\n\"llist\": {\"head\": " JSON_ADDR ", \"newest_first\": true, ", &pykdump_llist);
	show_items(m, lockless);
	seq_printf(m, "},\n\"klist\": {\"klist\": " JSON_ADDR ", ", &pykdump_klist);
	show_items(m, on_klist);
	seq_puts(m, "}");
}
