// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "pykdump_panic.h"

static const struct planted_panic *find(const struct planted_panic *table, const char *word)
{
	for (; table->word; table++)
		if (!strcmp(table->word, word))
			return table;
	return NULL;
}

static ssize_t write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	const struct planted_panic *way;
	char word[32] = "", *stripped;

	if (size >= sizeof(word) || copy_from_user(word, from, size))
		return -EINVAL;
	stripped = strim(word);
	way = find(pykdump_faults, stripped) ?: find(pykdump_stalls, stripped);
	if (!way)
		return -EINVAL;
	way->run();
	return size;
}

static const struct proc_ops ops = {
	.proc_write = write,
};

static int __init pykdump_panic_init(void)
{
	return proc_create("pykdump_panic", 0200, NULL, &ops) ? 0 : -ENOMEM;
}

module_init(pykdump_panic_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Ways for a kernel to die, for the tests of PyKdump");
