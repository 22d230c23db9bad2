// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched/task.h>

#include "pykdump_hang.h"

struct file *pykdump_hang_folder, *pykdump_hang_disk_file;

static DECLARE_COMPLETION(ready);

void pykdump_hang_sleep(void)
{
	for (;;)
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
}

void pykdump_hang_doze(void)
{
	for (;;)
		schedule_timeout_interruptible(MAX_SCHEDULE_TIMEOUT);
}

void pykdump_hang_ready(void)
{
	complete(&ready);
}

/* Waiters tell nothing: each gets the time to queue up, in the order of the table. */
static int start(struct hang_thread *thread)
{
	for (; thread->comm; thread++) {
		thread->task = kthread_create(thread->function, thread, "%s", thread->comm);
		if (IS_ERR(thread->task))
			return PTR_ERR(thread->task);
		get_task_struct(thread->task);
		wake_up_process(thread->task);
		wait_for_completion_timeout(&ready, HZ / 20);
	}
	return 0;
}

static void show_threads(struct seq_file *m, const struct hang_thread *thread, bool first)
{
	for (; thread->comm && thread->task; thread++, first = false) {
		seq_printf(m, "%s\n {\"comm\": \"%s\", \"pid\": %d, \"task\": " JSON_ADDR ", \"state\": \"%s\"",
			   first ? "" : ",", thread->comm, thread->task->pid, thread->task, thread->state);
		if (thread->kind)
			seq_printf(m, ", \"kind\": \"%s\", \"object\": " JSON_ADDR, thread->kind, thread->object);
		if (thread->wants)
			seq_printf(m, ", \"wants\": \"%s\"", thread->wants);
		if (thread->holder)
			seq_printf(m, ", \"holder\": \"%s\"", thread->holder);
		seq_printf(m, ", \"function\": \"%ps\"}", thread->function);
	}
}

static int show(struct seq_file *m, void *unused)
{
	seq_puts(m, "{\"threads\": [");
	show_threads(m, pykdump_hang_locks, true);
	show_threads(m, pykdump_hang_waits, false);
	show_threads(m, pykdump_hang_late, false);
	seq_puts(m, "],\n");
	pykdump_hang_show_waits(m);
	seq_puts(m, ",\n");
	pykdump_hang_show_disk(m);
	seq_puts(m, "}\n");
	return 0;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

/* Any word starts what the guest does not survive for long. */
static ssize_t write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	int error = start(pykdump_hang_late);

	return error ? error : size;
}

static const struct proc_ops ops = {
	.proc_open = open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
	.proc_write = write,
};

static int __init pykdump_hang_init(void)
{
	int error = pykdump_hang_plant_disk();

	if (error)
		return error;
	pykdump_hang_disk_file = filp_open("/dev/" DISK_NAME, O_RDONLY | O_LARGEFILE, 0);
	pykdump_hang_folder = filp_open("/run/locked-folder", O_RDONLY | O_DIRECTORY, 0);
	if (IS_ERR(pykdump_hang_disk_file) || IS_ERR(pykdump_hang_folder))
		return -ENOENT;
	error = pykdump_hang_plant_waits();
	error = error ?: start(pykdump_hang_locks);
	error = error ?: start(pykdump_hang_waits);
	if (error)
		panic("pykdump_hang: cannot plant: %d\n", error);
	msleep(200);
	return proc_create("pykdump_hang", 0600, NULL, &ops) ? 0 : -ENOMEM;
}

module_init(pykdump_hang_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Planted hangs for the tests of PyKdump");
