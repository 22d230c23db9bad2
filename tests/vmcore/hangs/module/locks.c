// SPDX-License-Identifier: GPL-2.0-or-later
/* Locks: a deadlock, sleeping holders of every kind of lock, and who queues up behind them. */
#include <linux/kernel.h>
#include <linux/pagemap.h>
#include <linux/percpu-rwsem.h>
#include <linux/rtmutex.h>
#include <linux/rwsem.h>
#include <linux/srcu.h>

#include "pykdump_hang.h"

static DEFINE_MUTEX(mutex_a);
static DEFINE_MUTEX(mutex_b);
static DECLARE_COMPLETION(a_is_held);
static DECLARE_COMPLETION(b_is_held);

static int lock_a_then_b(void *unused)
{
	mutex_lock(&mutex_a);
	complete(&a_is_held);
	wait_for_completion(&b_is_held);
	mutex_lock(&mutex_b);
	return 0;
}

static int lock_b_then_a(void *unused)
{
	mutex_lock(&mutex_b);
	complete(&b_is_held);
	wait_for_completion(&a_is_held);
	mutex_lock(&mutex_a);
	return 0;
}

static int deadlock_waiter(void *unused)
{
	mutex_lock(&mutex_a);
	return 0;
}

static DECLARE_RWSEM(rwsem);

static int rwsem_reader(void *unused)
{
	down_read(&rwsem);
	pykdump_hang_ready();
	pykdump_hang_sleep();
	return 0;
}

static int rwsem_writer(void *unused)
{
	down_write(&rwsem);
	return 0;
}

static int rwsem_late_reader(void *unused)
{
	down_read(&rwsem);
	return 0;
}

static DEFINE_RT_MUTEX(rt_mutex);

static int rt_mutex_holder(void *unused)
{
	rt_mutex_lock(&rt_mutex);
	pykdump_hang_ready();
	pykdump_hang_doze();
	return 0;
}

static int rt_mutex_waiter(void *unused)
{
	rt_mutex_lock(&rt_mutex);
	return 0;
}

DEFINE_STATIC_PERCPU_RWSEM(percpu_rwsem);

static int percpu_reader(void *unused)
{
	percpu_down_read(&percpu_rwsem);
	pykdump_hang_ready();
	pykdump_hang_doze();
	return 0;
}

static int percpu_writer(void *unused)
{
	percpu_down_write(&percpu_rwsem);
	return 0;
}

static int percpu_late_reader(void *unused)
{
	percpu_down_read(&percpu_rwsem);
	return 0;
}

DEFINE_STATIC_SRCU(srcu);

static int srcu_reader(void *unused)
{
	srcu_read_lock(&srcu);
	pykdump_hang_ready();
	pykdump_hang_doze();
	return 0;
}

static int srcu_waiter(void *unused)
{
	synchronize_srcu(&srcu);
	return 0;
}

static int inode_holder(void *unused)
{
	inode_lock(file_inode(pykdump_hang_folder));
	pykdump_hang_ready();
	pykdump_hang_doze();
	return 0;
}

/* The only lock with no trace of its holder. */
static int page_holder(void *thread)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);

	lock_page(page);
	((struct hang_thread *)thread)[1].object = page;
	pykdump_hang_ready();
	pykdump_hang_doze();
	return 0;
}

static int page_waiter(void *thread)
{
	lock_page((struct page *)((struct hang_thread *)thread)->object);
	return 0;
}

/* The chain's end: it holds a mutex and waits for a disk that does not answer. */
static DEFINE_MUTEX(io_mutex);

static int io_reader(void *unused)
{
	static char buffer[512];
	loff_t at = 0;

	mutex_lock(&io_mutex);
	pykdump_hang_ready();
	kernel_read(pykdump_hang_disk_file, buffer, sizeof(buffer), &at);
	mutex_unlock(&io_mutex);
	return 0;
}

static int io_mutex_waiter(void *unused)
{
	mutex_lock(&io_mutex);
	return 0;
}

struct hang_thread pykdump_hang_locks[] = {
	{ "hang_ab", lock_a_then_b, "D", "mutex", &mutex_b, .holder = "hang_ba" },
	{ "hang_ba", lock_b_then_a, "D", "mutex", &mutex_a, .holder = "hang_ab" },
	{ "hang_behind_ab", deadlock_waiter, "D", "mutex", &mutex_a, .holder = "hang_ab" },
	{ "hang_rw_holder", rwsem_reader, "D" },
	{ "hang_rw_writer", rwsem_writer, "D", "rwsem", &rwsem, "write", "hang_rw_holder" },
	{ "hang_rw_late", rwsem_late_reader, "D", "rwsem", &rwsem, "read", "hang_rw_holder" },
	{ "hang_rt_holder", rt_mutex_holder, "S" },
	{ "hang_rt_waiter", rt_mutex_waiter, "D", "rt_mutex", &rt_mutex, NULL, "hang_rt_holder" },
	{ "hang_pc_holder", percpu_reader, "S" },
	{ "hang_pc_writer", percpu_writer, "D", "percpu_rwsem", &percpu_rwsem, "write", "hang_pc_holder" },
	{ "hang_pc_late", percpu_late_reader, "D", "percpu_rwsem", &percpu_rwsem, "read", "hang_pc_writer" },
	{ "hang_sr_holder", srcu_reader, "S" },
	{ "hang_srcu", srcu_waiter, "D", "srcu", &srcu, NULL, "hang_sr_holder" },
	{ "hang_in_holder", inode_holder, "S" },
	{ "hang_pg_holder", page_holder, "S" },
	{ "hang_page", page_waiter, "D", "page", NULL, NULL, "hang_pg_holder" },
	{ "hang_io", io_reader, "D", "block_request" },
	{ "hang_behind_1", io_mutex_waiter, "D", "mutex", &io_mutex, NULL, "hang_io" },
	{ "hang_behind_2", io_mutex_waiter, "D", "mutex", &io_mutex, NULL, "hang_io" },
	{ "hang_behind_3", io_mutex_waiter, "D", "mutex", &io_mutex, NULL, "hang_io" },
	{}
};
