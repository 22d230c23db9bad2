// SPDX-License-Identifier: GPL-2.0-or-later
/* Faults: in a system call, a kernel thread, a work item and a timer's softirq. */
#include <linux/bug.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "pykdump_panic.h"

#define say_operand(variable, member, fault)                                                      \
	say_more("\"operand\": {\"type\": \"struct pykdump_victim\", \"variable\": \"%s\", "      \
		 "\"value\": \"0x%px\", \"member\": \"%s\", \"offset\": %zu}, "                   \
		 "\"address\": \"0x%px\"",                                                        \
		 #variable, variable, #member, offsetof(struct pykdump_victim, member), fault)

static planted u64 pykdump_null_read(struct pykdump_victim *victim)
{
	say_who("pykdump_null_read");
	say_operand(victim, count, &victim->count);
	return READ_ONCE(victim->count);
}

static planted struct pykdump_victim *pykdump_lookup(u64 id)
{
	return NULL; /* there is none, which the caller forgets to check */
}

static planted void pykdump_null_caller(void)
{
	u64 id = 4711;

	WRITE_ONCE(id, pykdump_null_read(pykdump_lookup(id)));
}

/* A pointer in a hole of the kernel's half of the address space. */
static planted void pykdump_wild_write(struct pykdump_victim *victim)
{
	say_who("pykdump_wild_write");
	say_operand(victim, count, &victim->count);
	WRITE_ONCE(victim->count, 1);
	barrier();
}

static int wild_thread(void *unused)
{
	pykdump_wild_write((struct pykdump_victim *)0xfffffbad00c0ffe0);
	return 0;
}

static void in_thread(int (*function)(void *), const char *comm)
{
	struct task_struct *task = kthread_create(function, NULL, "%s", comm);

	if (IS_ERR(task))
		panic("pykdump_panic: no thread");
	kthread_bind(task, 1);
	wake_up_process(task);
}

static void wild(void)
{
	in_thread(wild_thread, "planted-wild");
}

/* Freed memory, which the slab debugging has filled with its poison. */
static planted u64 pykdump_use_after_free(struct pykdump_victim *victim)
{
	struct pykdump_victim *next = READ_ONCE(victim->next);

	say_who("pykdump_use_after_free");
	say_operand(next, count, &next->count);
	say_more("\"freed\": \"0x%px\"", victim);
	return READ_ONCE(next->count);
}

static void use_after_free_work(struct work_struct *work)
{
	struct pykdump_victim *victim = kzalloc(sizeof(*victim), GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(victim);
	kfree(victim);
	victim->id = pykdump_use_after_free(victim);
}

static DECLARE_WORK(pykdump_work, use_after_free_work);

static void use_after_free(void)
{
	schedule_work_on(1, &pykdump_work);
}

static planted void pykdump_bug(void)
{
	say_who("pykdump_bug");
	BUG();
}

static planted void pykdump_warn(void)
{
	say_who("pykdump_warn");
	WARN(1, "pykdump: planted warning %d\n", 4711);
	barrier();
}

/* An entry whose neighbour does not point back, and is taken off the list. */
static LIST_HEAD(pykdump_list);
static struct pykdump_victim pykdump_entries[3];

static planted void pykdump_list_del(struct pykdump_victim *victim)
{
	say_who("pykdump_list_del");
	say_more("\"list\": {\"head\": \"0x%px\", \"entry\": \"0x%px\", \"prev\": \"0x%px\", "
		 "\"prev_next\": \"0x%px\"}",
		 &pykdump_list, &victim->link, victim->link.prev, victim->link.prev->next);
	list_del(&victim->link);
	barrier();
}

static int list_thread(void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(pykdump_entries); i++)
		list_add_tail(&pykdump_entries[i].link, &pykdump_list);
	pykdump_entries[0].link.next = &pykdump_entries[2].link;
	pykdump_list_del(&pykdump_entries[1]);
	return 0;
}

static void list_corruption(void)
{
	in_thread(list_thread, "planted-list");
}

static struct timer_list pykdump_timer;
static u64 pykdump_divisor;

static planted u64 pykdump_divide(u64 dividend, u64 divisor)
{
	say_who("pykdump_divide");
	return dividend / divisor;
}

static void divide_timer(struct timer_list *timer)
{
	pykdump_divisor = pykdump_divide(4711, pykdump_divisor);
}

static void divide(void)
{
	timer_setup(&pykdump_timer, divide_timer, TIMER_PINNED);
	pykdump_timer.expires = jiffies + HZ / 10;
	add_timer_on(&pykdump_timer, 1);
}

static planted u64 pykdump_recurse(u64 depth)
{
	u64 room[64];
	int i;

	if (!depth)
		say_who("pykdump_recurse");
	for (i = 0; i < ARRAY_SIZE(room); i++)
		WRITE_ONCE(room[i], depth + i);
	room[0] = pykdump_recurse(depth + 1);
	return READ_ONCE(room[depth % ARRAY_SIZE(room)]) + room[0];
}

static int recurse_thread(void *unused)
{
	return pykdump_recurse(0);
}

static void stack_overflow(void)
{
	in_thread(recurse_thread, "planted-stack");
}

/* A method that nobody filled in, and one that points to data. */
static planted u64 pykdump_call_method(struct pykdump_victim *victim)
{
	say_who("pykdump_call_method");
	say_operand(victim, method, victim->method);
	return victim->method(victim) + victim->id;
}

static void null_call(void)
{
	pykdump_call_method(&pykdump_entries[0]);
}

static void data_call(void)
{
	pykdump_entries[0].method = (void *)&pykdump_entries[1];
	pykdump_call_method(&pykdump_entries[0]);
}

const struct planted_panic pykdump_faults[] = {
	{ "null", pykdump_null_caller },
	{ "null-call", null_call },
	{ "data-call", data_call },
	{ "wild", wild },
	{ "use-after-free", use_after_free },
	{ "bug", pykdump_bug },
	{ "warn", pykdump_warn },
	{ "list", list_corruption },
	{ "divide", divide },
	{ "stack", stack_overflow },
	{}
};
