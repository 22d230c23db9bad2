// SPDX-License-Identifier: GPL-2.0-or-later
/* Trees: red-black, XArray, radix tree, IDR, maple tree. */
#include <linux/idr.h>
#include <linux/radix-tree.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <linux/xarray.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#include <linux/maple_tree.h>
#define HAVE_MAPLE_TREE
#endif

#include "pykdump_test.h"

#define NODES 100
#define IDS 20

struct rb_root pykdump_rbtree = RB_ROOT;
struct rb_root_cached pykdump_rbtree_cached = RB_ROOT_CACHED;
struct rb_root pykdump_rbtree_empty = RB_ROOT;
struct rb_root pykdump_rbtree_cyclic = RB_ROOT;
DEFINE_XARRAY(pykdump_xarray);
DEFINE_XARRAY(pykdump_xarray_single);
DEFINE_XARRAY(pykdump_xarray_empty);
DEFINE_XARRAY_ALLOC(pykdump_xarray_values);
RADIX_TREE(pykdump_radix, GFP_KERNEL);
DEFINE_IDR(pykdump_idr);

static const unsigned long indexes[] = {
	0, 1, 2, 63, 64, 65, 4095, 4096, 262144, 1UL << 32, (1UL << 40) + 5, ~0UL,
};
static void *entries[ARRAY_SIZE(indexes)], *radix_entries[ARRAY_SIZE(indexes)];
static void *single_entry, *ids[IDS];

static struct pykdump_item *tree_item(u32 id)
{
	struct pykdump_item *item = kzalloc(sizeof(*item), GFP_KERNEL | __GFP_NOFAIL);

	item->id = id;
	snprintf(item->name, sizeof(item->name), "tree-%u", id);
	return item;
}

static void add_rb(struct rb_root *root, u32 id)
{
	struct rb_node **place = &root->rb_node, *parent = NULL;
	struct pykdump_item *item = tree_item(id);

	while (*place) {
		parent = *place;
		place = id < rb_entry(parent, struct pykdump_item, tree)->id ? &parent->rb_left :
									       &parent->rb_right;
	}
	rb_link_node(&item->tree, parent, place);
	rb_insert_color(&item->tree, root);
}

static bool rb_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct pykdump_item, tree)->id < rb_entry(b, struct pykdump_item, tree)->id;
}

#ifdef HAVE_MAPLE_TREE
DEFINE_MTREE(pykdump_maple);
DEFINE_MTREE(pykdump_maple_empty);
struct maple_tree pykdump_maple_ranges;

/* Ranges of `length` pages, with gaps between them. */
static int plant_maple(struct maple_tree *tree, int count, unsigned long length)
{
	int error = 0, i;

	for (i = 0; i < count && !error; i++) {
		unsigned long first = 0x1000UL * i * i;

		error = mtree_store_range(tree, first, first + length - 1, tree_item(i), GFP_KERNEL);
	}
	return error;
}

static void show_maple(struct seq_file *m, const char *name, struct maple_tree *tree)
{
	unsigned long index = 0;
	struct pykdump_item *item;
	int i = 0;

	seq_printf(m, ",\n\"%s\": {\"tree\": " JSON_ADDR ", \"entries\": [", name, tree);
	mt_for_each(tree, item, index, ULONG_MAX) {
		/* mt_for_each leaves index behind the entry's last one. */
		json_comma(m, i++);
		seq_printf(m, "{\"end\": %lu, \"entry\": " JSON_ADDR ", \"id\": %u}", index, item, item->id);
	}
	seq_puts(m, "]}");
}
#endif

int pykdump_plant_trees(void)
{
	int i;

	for (i = 0; i < NODES; i++) {
		add_rb(&pykdump_rbtree, i * 7919 % 1000);
		rb_add_cached(&tree_item(NODES - i)->tree, &pykdump_rbtree_cached, rb_less);
	}
	for (i = 0; i < 3; i++)
		add_rb(&pykdump_rbtree_cyclic, i);
	/* Damage: the right child of the root's right child is the root. */
	pykdump_rbtree_cyclic.rb_node->rb_right->rb_right = pykdump_rbtree_cyclic.rb_node;
	for (i = 0; i < ARRAY_SIZE(indexes); i++) {
		entries[i] = tree_item(i);
		radix_entries[i] = tree_item(i);
		if (xa_err(xa_store(&pykdump_xarray, indexes[i], entries[i], GFP_KERNEL)))
			return -ENOMEM;
		if (radix_tree_insert(&pykdump_radix, indexes[i], radix_entries[i]))
			return -ENOMEM;
	}
	xa_set_mark(&pykdump_xarray, 64, XA_MARK_1);
	single_entry = tree_item(0);
	xa_store(&pykdump_xarray_single, 0, single_entry, GFP_KERNEL);
	for (i = 0; i < NODES; i++)
		xa_store(&pykdump_xarray_values, 3 * i, xa_mk_value(1000 + i), GFP_KERNEL);
	idr_preload(GFP_KERNEL);
	for (i = 0; i < IDS; i++) {
		ids[i] = tree_item(i);
		if (idr_alloc(&pykdump_idr, ids[i], 10 + i, 0, GFP_NOWAIT) != 10 + i)
			return -ENOMEM;
	}
	idr_preload_end();
#ifdef HAVE_MAPLE_TREE
	mt_init_flags(&pykdump_maple_ranges, MT_FLAGS_ALLOC_RANGE);
	i = plant_maple(&pykdump_maple, NODES, 1);
	return i ? i : plant_maple(&pykdump_maple_ranges, NODES, 0x800);
#else
	return 0;
#endif
}

static void show_rb(struct seq_file *m, const char *name, struct rb_root *root)
{
	struct rb_node *node;
	int i = 0;

	seq_printf(m, "\"%s\": {\"root\": " JSON_ADDR ", \"ids\": [", name, root);
	for (node = rb_first(root); node; node = rb_next(node)) {
		json_comma(m, i++);
		seq_printf(m, "%u", rb_entry(node, struct pykdump_item, tree)->id);
	}
	seq_puts(m, "]},\n");
}

static void show_indexed(struct seq_file *m, const char *name, void *tree, void **values)
{
	int i;

	seq_printf(m, "\"%s\": {\"tree\": " JSON_ADDR ", \"entries\": [", name, tree);
	for (i = 0; i < ARRAY_SIZE(indexes); i++) {
		json_comma(m, i);
		seq_printf(m, "[%lu, " JSON_ADDR "]", indexes[i], values[i]);
	}
	seq_puts(m, "]},\n");
}

void pykdump_show_trees(struct seq_file *m)
{
	int i;

	show_rb(m, "rbtree", &pykdump_rbtree);
	show_rb(m, "rbtree_cached", &pykdump_rbtree_cached.rb_root);
	show_rb(m, "rbtree_empty", &pykdump_rbtree_empty);
	seq_printf(m, "\"rbtree_cyclic\": {\"root\": " JSON_ADDR "},\n", &pykdump_rbtree_cyclic);
	show_indexed(m, "xarray", &pykdump_xarray, entries);
	show_indexed(m, "radix", &pykdump_radix, radix_entries);
	seq_printf(m, "\"xarray_single\": {\"tree\": " JSON_ADDR ", \"entries\": [[0, " JSON_ADDR "]]},\n",
		   &pykdump_xarray_single, single_entry);
	seq_printf(m, "\"xarray_empty\": {\"tree\": " JSON_ADDR ", \"entries\": []},\n",
		   &pykdump_xarray_empty);
	seq_printf(m, "\"xarray_values\": {\"tree\": " JSON_ADDR ", \"step\": 3, \"first\": 1000, "
		   "\"count\": %d},\n", &pykdump_xarray_values, NODES);
	seq_printf(m, "\"idr\": {\"idr\": " JSON_ADDR ", \"entries\": [", &pykdump_idr);
	for (i = 0; i < IDS; i++) {
		json_comma(m, i);
		seq_printf(m, "[%d, " JSON_ADDR "]", 10 + i, ids[i]);
	}
	seq_puts(m, "]}");
#ifdef HAVE_MAPLE_TREE
	show_maple(m, "maple", &pykdump_maple);
	show_maple(m, "maple_empty", &pykdump_maple_empty);
	show_maple(m, "maple_ranges", &pykdump_maple_ranges);
#endif
}
