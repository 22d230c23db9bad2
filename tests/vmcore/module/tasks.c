// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel threads that sleep in known functions, locks and who waits for them, queued work, timers. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched/task.h>
#include <linux/semaphore.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "pykdump_test.h"

DEFINE_MUTEX(pykdump_mutex);
DECLARE_RWSEM(pykdump_rwsem_read);
DECLARE_RWSEM(pykdump_rwsem_write);
DECLARE_COMPLETION(pykdump_completion);
DECLARE_WAIT_QUEUE_HEAD(pykdump_wait_queue);
struct semaphore pykdump_semaphore;
struct workqueue_struct *pykdump_workqueue, *pykdump_ordered;
struct work_struct pykdump_blocked_work, pykdump_waiting_work, pykdump_ordered_work;
struct delayed_work pykdump_delayed_work;
struct timer_list pykdump_timer;
static struct task_struct *work_task;
static struct completion owner_ready;

/* Functions of their own, which backtraces have to name. */
static noinline int pykdump_sleep_deep(int depth)
{
	int below = 0;

	if (depth)
		below = pykdump_sleep_deep(depth - 1);
	else
		wait_event_interruptible(pykdump_wait_queue, kthread_should_stop());
	barrier();
	return below + depth;
}

static int sleeper(void *unused)
{
	return pykdump_sleep_deep(5);
}

static int d_state(void *unused)
{
	wait_for_completion(&pykdump_completion);
	return 0;
}

static int idle_state(void *unused)
{
	wait_event_idle(pykdump_wait_queue, false);
	return 0;
}

static int owner(void *unused)
{
	mutex_lock(&pykdump_mutex);
	down_read(&pykdump_rwsem_read);
	down_write(&pykdump_rwsem_write);
	complete(&owner_ready);
	wait_event_interruptible(pykdump_wait_queue, kthread_should_stop());
	return 0;
}

static int mutex_waiter(void *unused)
{
	mutex_lock(&pykdump_mutex);
	return 0;
}

static int rwsem_writer(void *unused)
{
	down_write(&pykdump_rwsem_read);
	return 0;
}

static int rwsem_reader(void *unused)
{
	down_read(&pykdump_rwsem_write);
	return 0;
}

static int semaphore_waiter(void *unused)
{
	down(&pykdump_semaphore);
	return 0;
}

static bool spinning;

/* A hard lockup: interrupts are off on its CPU for good. */
static noinline void pykdump_spin(void)
{
	local_irq_disable();
	WRITE_ONCE(spinning, true);
	for (;;)
		cpu_relax();
}

static int spinner(void *unused)
{
	pykdump_spin();
	return 0;
}

static struct planted_thread {
	const char *comm;
	int (*function)(void *);
	const char *waits_for, *state;
	const void *object;
	struct task_struct *task;
} threads[] = {
	{ "pykd_owner", owner, "wait_queue", "S", &pykdump_wait_queue },
	{ "pykd_sleeper", sleeper, "wait_queue", "S", &pykdump_wait_queue },
	{ "pykd_d_state", d_state, "completion", "D", &pykdump_completion },
	{ "pykd_idle", idle_state, "wait_queue", "I", &pykdump_wait_queue },
	{ "pykd_mutex_1", mutex_waiter, "mutex", "D", &pykdump_mutex },
	{ "pykd_mutex_2", mutex_waiter, "mutex", "D", &pykdump_mutex },
	{ "pykd_writer", rwsem_writer, "rwsem", "D", &pykdump_rwsem_read },
	{ "pykd_reader", rwsem_reader, "rwsem", "D", &pykdump_rwsem_write },
	{ "pykd_semaphore", semaphore_waiter, "semaphore", "D", &pykdump_semaphore },
	/* Woken by the word "spin" only, on CPU 1. */
	{ "pykd_spinner", spinner, "wake_up_process", "D", NULL },
	/* Created, never woken: it waits in kthread() for its first wake-up. */
	{ "pykd_unwoken", sleeper, "wake_up_process", "D", NULL },
};

static void blocked_work(struct work_struct *work)
{
	work_task = current;
	wait_for_completion(&pykdump_completion);
	barrier(); /* no tail call: this function shall be in the backtrace */
}

static void never_run_work(struct work_struct *work)
{
}

static void timer_function(struct timer_list *timer)
{
}

static void plant_work(void)
{
	pykdump_workqueue = alloc_workqueue("pykdump_wq", WQ_MEM_RECLAIM, 1);
	pykdump_ordered = alloc_ordered_workqueue("pykdump_ordered", 0);
	INIT_WORK(&pykdump_blocked_work, blocked_work);
	INIT_WORK(&pykdump_waiting_work, never_run_work);
	INIT_WORK(&pykdump_ordered_work, never_run_work);
	INIT_DELAYED_WORK(&pykdump_delayed_work, never_run_work);
	/* One at a time on CPU 0: the second waits, inactive, for the first. */
	queue_work_on(0, pykdump_workqueue, &pykdump_blocked_work);
	queue_work_on(0, pykdump_workqueue, &pykdump_waiting_work);
	queue_delayed_work_on(1, pykdump_ordered, &pykdump_delayed_work, 3600 * HZ);
	timer_setup(&pykdump_timer, timer_function, 0);
	mod_timer(&pykdump_timer, jiffies + 7200 * HZ);
}

int pykdump_plant_tasks(void)
{
	struct planted_thread *thread;

	sema_init(&pykdump_semaphore, 0);
	init_completion(&owner_ready);
	for (thread = threads; thread < threads + ARRAY_SIZE(threads); thread++) {
		thread->task = kthread_create(thread->function, NULL, "%s", thread->comm);
		if (IS_ERR(thread->task))
			return PTR_ERR(thread->task);
		get_task_struct(thread->task);
		if (thread->function == spinner)
			kthread_bind(thread->task, 1);
		if (thread->object)
			wake_up_process(thread->task);
		if (thread->function == owner)
			wait_for_completion(&owner_ready);
		msleep(20); /* waiters queue up in the order of the table */
	}
	plant_work();
	msleep(200);
	return work_task ? 0 : -ETIMEDOUT;
}

/* Lock CPU 1 up; the caller runs on another. */
int pykdump_start_spinner(void)
{
	struct planted_thread *thread = threads;

	while (thread->function != spinner)
		thread++;
	wake_up_process(thread->task);
	while (!READ_ONCE(spinning))
		cpu_relax();
	return 0;
}

void pykdump_show_tasks(struct seq_file *m)
{
	struct planted_thread *thread;

	seq_puts(m, "\"threads\": [");
	for (thread = threads; thread < threads + ARRAY_SIZE(threads); thread++) {
		json_comma(m, thread != threads);
		seq_printf(m, "\n {\"comm\": \"%s\", \"pid\": %d, \"task\": " JSON_ADDR ", \"state\": \"%s\", "
			   "\"waits_for\": \"%s\", \"object\": " JSON_ADDR ", \"function\": \"%ps\"}",
			   thread->comm, thread->task->pid, thread->task, thread->state, thread->waits_for,
			   thread->object, thread->function);
	}
	seq_printf(m, "],\n\"locks\": {\"mutex\": " JSON_ADDR ", \"rwsem_read\": " JSON_ADDR
		   ", \"rwsem_write\": " JSON_ADDR ", \"semaphore\": " JSON_ADDR ", \"owner\": " JSON_ADDR "},\n",
		   &pykdump_mutex, &pykdump_rwsem_read, &pykdump_rwsem_write, &pykdump_semaphore,
		   threads[0].task);
	seq_printf(m, "\"work\": {\"workqueue\": " JSON_ADDR ", \"name\": \"pykdump_wq\", \"cpu\": 0, "
		   "\"worker\": " JSON_ADDR ", \"worker_pid\": %d, \"running\": {\"work\": " JSON_ADDR
		   ", \"function\": \"%ps\"}, \"inactive\": {\"work\": " JSON_ADDR ", \"function\": \"%ps\"}, "
		   "\"ordered\": " JSON_ADDR ", \"delayed\": {\"work\": " JSON_ADDR ", \"expires\": %lu}},\n",
		   pykdump_workqueue, work_task, work_task->pid, &pykdump_blocked_work,
		   pykdump_blocked_work.func, &pykdump_waiting_work, pykdump_waiting_work.func,
		   pykdump_ordered, &pykdump_delayed_work, pykdump_delayed_work.timer.expires);
	seq_printf(m, "\"timer\": {\"timer\": " JSON_ADDR ", \"expires\": %lu, \"function\": \"%ps\"},\n"
		   "\"jiffies\": %lu, \"hz\": %d, \"init_task\": " JSON_ADDR ", \"current\": " JSON_ADDR,
		   &pykdump_timer, pykdump_timer.expires, pykdump_timer.function, jiffies, HZ, &init_task,
		   current);
}
