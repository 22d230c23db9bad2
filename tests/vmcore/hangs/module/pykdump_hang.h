/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel threads that wait for each other and for what never comes.  Reading /proc/pykdump_hang
 * prints as JSON who waits for what and who holds it; addresses are strings "0x...".
 */
#ifndef PYKDUMP_HANG_H
#define PYKDUMP_HANG_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#define JSON_ADDR "\"0x%px\""
#define DISK_NAME "pykdump_hang"

struct hang_thread {
	const char *comm;
	int (*function)(void *);
	const char *state;
	/* What it waits for, as what (for rwsems: "read" or "write"), and which thread holds that. */
	const char *kind;
	const void *object;
	const char *wants, *holder;
	struct task_struct *task;
};

extern struct hang_thread pykdump_hang_locks[], pykdump_hang_waits[], pykdump_hang_late[];

/* Sleep for good, in state D or in S. */
void pykdump_hang_sleep(void);
void pykdump_hang_doze(void);
/* Tell the planting thread that the next one may start: what is to be held is held. */
void pykdump_hang_ready(void);

int pykdump_hang_plant_waits(void);
void pykdump_hang_show_waits(struct seq_file *m);
int pykdump_hang_plant_disk(void);
void pykdump_hang_show_disk(struct seq_file *m);

/* Opened by the process that loads the module: kernel threads see another root folder. */
extern struct file *pykdump_hang_folder, *pykdump_hang_disk_file;

#endif
