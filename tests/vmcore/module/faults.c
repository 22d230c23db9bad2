// SPDX-License-Identifier: GPL-2.0-or-later
/* Ways to die: a fault in an hrtimer's interrupt, in a softirq, in a task, several calls deep. */
#include <linux/bug.h>
#include <linux/hrtimer.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/version.h>

#include "pykdump_test.h"

/* What the faulting code reads, in the first page: a member of a structure at NULL. */
static volatile unsigned long *volatile nowhere = (volatile unsigned long *)0x28;

static struct hrtimer fault_hrtimer;
static struct timer_list fault_timer;

static noinline unsigned long pykdump_fault_here(int depth)
{
	unsigned long read;

	if (depth)
		read = pykdump_fault_here(depth - 1);
	else
		read = *nowhere;
	barrier();
	return read + depth;
}

static enum hrtimer_restart fault_in_irq(struct hrtimer *timer)
{
	pykdump_fault_here(2);
	return HRTIMER_NORESTART;
}

static void fault_in_softirq(struct timer_list *timer)
{
	pykdump_fault_here(2);
}

int pykdump_fault(const char *how)
{
	if (!strcmp(how, "irqfault")) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
		hrtimer_setup(&fault_hrtimer, fault_in_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
#else
		hrtimer_init(&fault_hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
		fault_hrtimer.function = fault_in_irq;
#endif
		hrtimer_start(&fault_hrtimer, ms_to_ktime(100), HRTIMER_MODE_REL_HARD);
	} else if (!strcmp(how, "softirqfault")) {
		timer_setup(&fault_timer, fault_in_softirq, 0);
		mod_timer(&fault_timer, jiffies + HZ / 10);
	} else if (!strcmp(how, "taskfault")) {
		pykdump_fault_here(3);
	} else if (!strcmp(how, "spin")) {
		return pykdump_start_spinner();
	} else if (!strcmp(how, "bug")) {
		BUG();
	} else {
		return -EINVAL;
	}
	return 0;
}
