/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways for a kernel to die.  A word written to /proc/pykdump_panic chooses one; the code that is to
 * blame says on the console who and where it is, as one line of JSON, right before it does it.
 */
#ifndef PYKDUMP_PANIC_H
#define PYKDUMP_PANIC_H

#include <linux/list.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/types.h>

/* A function that stays one of its own, under its own name and with its own arguments. */
#define planted noinline __attribute__((noipa))

struct pykdump_victim {
	u64 id;
	char name[16];
	struct list_head link;
	u64 count;
	u64 (*method)(struct pykdump_victim *victim);
	struct pykdump_victim *next;
	u64 last;
};

/* More members of the JSON object follow by say_more(). */
#define say_who(function)                                                                         \
	pr_info("PYKDUMP: fact {\"function\": \"%s\", \"pid\": %d, \"comm\": \"%s\", "            \
		"\"cpu\": %d, \"task\": \"0x%px\"}\n",                                            \
		function, current->pid, current->comm, raw_smp_processor_id(), current)
#define say_more(format, ...) pr_info("PYKDUMP: fact {" format "}\n", ##__VA_ARGS__)

struct planted_panic {
	const char *word;
	void (*run)(void);
};

extern const struct planted_panic pykdump_faults[], pykdump_stalls[];

#endif
