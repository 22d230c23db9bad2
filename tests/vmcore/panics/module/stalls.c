// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks that get nowhere, or let others get nowhere: a watchdog of the kernel ends it. */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

#include "pykdump_panic.h"

static struct task_struct *start(int (*function)(void *), const char *comm, int cpu)
{
	struct task_struct *task = kthread_create(function, NULL, "%s", comm);

	if (IS_ERR(task))
		panic("pykdump_panic: no thread");
	kthread_bind(task, cpu);
	wake_up_process(task);
	return task;
}

static DECLARE_COMPLETION(pykdump_spinning);

/* Interrupts are on: the CPU's own timer sees that no other task gets to run. */
static planted void pykdump_spin(void)
{
	say_who("pykdump_spin");
	preempt_disable();
	complete(&pykdump_spinning);
	for (;;)
		cpu_relax();
}

static int spin_thread(void *unused)
{
	pykdump_spin();
	return 0;
}

static void spin(void)
{
	start(spin_thread, "planted-spin", 1);
}

/* Only a grace period that somebody waits for can stall. */
static int rcu_thread(void *unused)
{
	wait_for_completion(&pykdump_spinning);
	synchronize_rcu();
	return 0;
}

static void spin_rcu(void)
{
	start(rcu_thread, "planted-rcu", 0);
	spin();
}

static DEFINE_MUTEX(pykdump_hung_mutex);
static DECLARE_COMPLETION(pykdump_never);
static DECLARE_COMPLETION(pykdump_held);

/* The holder sleeps where no watchdog minds it. */
static int holder_thread(void *unused)
{
	mutex_lock(&pykdump_hung_mutex);
	complete(&pykdump_held);
	wait_for_completion_interruptible(&pykdump_never);
	mutex_unlock(&pykdump_hung_mutex);
	return 0;
}

static planted void pykdump_hang(void)
{
	say_who("pykdump_hang");
	mutex_lock(&pykdump_hung_mutex);
	barrier();
}

static int hung_thread(void *unused)
{
	pykdump_hang();
	return 0;
}

static void hang(void)
{
	struct task_struct *holder = start(holder_thread, "planted-holder", 1);

	wait_for_completion(&pykdump_held);
	say_more("\"mutex\": \"0x%px\", \"holder\": {\"pid\": %d, \"comm\": \"%s\", \"task\": \"0x%px\"}",
		 &pykdump_hung_mutex, holder->pid, holder->comm, holder);
	start(hung_thread, "planted-hung", 1);
}

/* A task that goes on to end as PID 1, or to eat all memory: exec() names it after its file. */
static void announce(void)
{
	say_more("\"pid\": %d, \"comm\": \"%s\", \"task\": \"0x%px\"", current->pid,
		 current->pid == 1 ? "init" : "busybox", current);
}

const struct planted_panic pykdump_stalls[] = {
	{ "spin", spin },
	{ "spin-rcu", spin_rcu },
	{ "hang", hang },
	{ "announce", announce },
	{}
};
