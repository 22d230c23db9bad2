/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Included before each of our modules' files: what kernels before 6.1 lack. */
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 12, 0)
#include <linux/rbtree.h>

static inline void rb_add_cached(struct rb_node *node, struct rb_root_cached *tree,
                                 bool (*less)(struct rb_node *, const struct rb_node *))
{
        struct rb_node **link = &tree->rb_root.rb_node, *parent = NULL;
        bool leftmost = true;

        while (*link) {
                parent = *link;
                if (less(node, parent)) {
                        link = &parent->rb_left;
                } else {
                        link = &parent->rb_right;
                        leftmost = false;
                }
        }
        rb_link_node(node, parent, link);
        rb_insert_color_cached(node, tree, leftmost);
}
#endif
