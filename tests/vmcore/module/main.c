// SPDX-License-Identifier: GPL-2.0-or-later
/* The module's frame: /proc/pykdump_test.  It is never unloaded: what it plants stays. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

#include "pykdump_test.h"

static int show(struct seq_file *m, void *unused)
{
	seq_puts(m, "{\n");
	pykdump_show_containers(m);
	seq_puts(m, ",\n");
	pykdump_show_trees(m);
	seq_puts(m, ",\n");
	pykdump_show_shapes(m);
	seq_puts(m, ",\n");
	pykdump_show_memory(m);
	seq_puts(m, ",\n");
	pykdump_show_tasks(m);
	seq_puts(m, "\n}\n");
	return 0;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static ssize_t write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char word[32] = "";
	int error;

	if (size >= sizeof(word) || copy_from_user(word, from, size))
		return -EINVAL;
	error = pykdump_fault(strim(word));
	return error ? error : size;
}

static const struct proc_ops ops = {
	.proc_open = open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = write,
};

static int __init pykdump_test_init(void)
{
	int error = pykdump_plant_containers();

	if (!error)
		error = pykdump_plant_trees();
	if (!error)
		error = pykdump_plant_shapes();
	if (!error)
		error = pykdump_plant_memory();
	if (!error)
		error = pykdump_plant_tasks();
	if (error)
		panic("pykdump_test: cannot plant: %d\n", error);
	return proc_create("pykdump_test", 0600, NULL, &ops) ? 0 : -ENOMEM;
}

module_init(pykdump_test_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Planted structures for the tests of PyKdump");
