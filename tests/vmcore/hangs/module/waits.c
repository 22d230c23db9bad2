// SPDX-License-Identifier: GPL-2.0-or-later
/* Completions, work items, bits and threads that do not end. */
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "pykdump_hang.h"

static DECLARE_COMPLETION(never_completed);
static DECLARE_COMPLETION(work_completes);
static DECLARE_COMPLETION(work_waits_for);
static struct workqueue_struct *workqueue;
static struct work_struct stuck_work, waiting_work;
static struct task_struct *worker;
static unsigned long bits = 1;

static void stuck_work_function(struct work_struct *work)
{
	worker = current;
	wait_for_completion(&work_waits_for);
	complete(&work_completes);
}

static void waiting_work_function(struct work_struct *work)
{
}

static int completion_waiter(void *unused)
{
	wait_for_completion(&never_completed);
	return 0;
}

static int work_completion_waiter(void *unused)
{
	wait_for_completion(&work_completes);
	return 0;
}

static int work_flusher(void *unused)
{
	flush_work(&stuck_work);
	return 0;
}

static int workqueue_flusher(void *unused)
{
	__flush_workqueue(workqueue);
	return 0;
}

static int work_canceller(void *unused)
{
	cancel_work_sync(&stuck_work);
	return 0;
}

static int bit_waiter(void *unused)
{
	wait_on_bit(&bits, 0, TASK_UNINTERRUPTIBLE);
	return 0;
}

static int never_stops(void *unused)
{
	pykdump_hang_sleep(); /* where the signal to stop does not wake it */
	return 0;
}

static int stopper(void *thread)
{
	struct hang_thread *self = thread;

	self->object = self[-1].task;
	kthread_stop(self[-1].task);
	return 0;
}

struct hang_thread pykdump_hang_waits[] = {
	{ "hang_completion", completion_waiter, "D", "completion", &never_completed },
	{ "hang_by_work", work_completion_waiter, "D", "completion", &work_completes, .holder = "worker" },
	{ "hang_flush_work", work_flusher, "D", "flush_work", &stuck_work, .holder = "worker" },
	{ "hang_flush_wq", workqueue_flusher, "D", "flush_workqueue", NULL, .holder = "worker" },
	{ "hang_cancel", work_canceller, "D", "flush_work", &stuck_work, .holder = "worker" },
	{ "hang_bit", bit_waiter, "D", "bit", &bits },
	{ "hang_nostop", never_stops, "D" },
	{ "hang_stopper", stopper, "D", "kthread_stop", NULL, .holder = "hang_nostop" },
	{}
};

/* Preemptible, so that it can be told apart from a locked up CPU; RCU waits for it all the same. */
static int rcu_reader(void *unused)
{
	set_user_nice(current, MAX_NICE);
	rcu_read_lock();
	pykdump_hang_ready();
	for (;;)
		cpu_relax();
	return 0;
}

static int rcu_waiter(void *unused)
{
	synchronize_rcu();
	return 0;
}

struct hang_thread pykdump_hang_late[] = {
	{ "hang_rcu_holder", rcu_reader, "R" },
	{ "hang_rcu", rcu_waiter, "D", "rcu", NULL, .holder = "hang_rcu_holder" },
	{}
};

int pykdump_hang_plant_waits(void)
{
	struct hang_thread *thread;

	/* One at a time on CPU 0: the second waits for the first. */
	workqueue = alloc_workqueue("hang_wq", 0, 1);
	if (!workqueue)
		return -ENOMEM;
	for (thread = pykdump_hang_waits; thread->comm; thread++)
		if (thread->function == workqueue_flusher)
			thread->object = workqueue;
	INIT_WORK(&stuck_work, stuck_work_function);
	INIT_WORK(&waiting_work, waiting_work_function);
	queue_work_on(0, workqueue, &stuck_work);
	queue_work_on(0, workqueue, &waiting_work);
	return 0;
}

void pykdump_hang_show_waits(struct seq_file *m)
{
	seq_printf(m, "\"worker\": {\"pid\": %d, \"task\": " JSON_ADDR ", \"work\": " JSON_ADDR
		   ", \"function\": \"%ps\", \"workqueue\": " JSON_ADDR ", \"name\": \"hang_wq\", "
		   "\"kind\": \"completion\", \"object\": " JSON_ADDR ", \"queued_behind\": " JSON_ADDR "}",
		   worker->pid, worker, &stuck_work, stuck_work.func, workqueue, &work_waits_for,
		   &waiting_work);
}
