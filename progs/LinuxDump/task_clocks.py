# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of tasks for scripts, which count in milliseconds."""

from __future__ import annotations

from LinuxDump import cpus, timekeeping
from pykdump import lowlevel, vmcorearch

_INITIAL_S = 300  # include/linux/jiffies.h: INITIAL_JIFFIES has jiffies wrap 5 minutes after boot


def jiffies2ms(jiffies: int) -> int:
    """Milliseconds that so many jiffies are."""
    return int(jiffies) * 1000 // int(vmcorearch.sys_info["HZ"])


def sched_clock2ms(v: int) -> int:
    """Milliseconds of a value of the scheduler's clock, which counts nanoseconds."""
    return int(v) // 1_000_000


def ms2uptime(ms: float) -> str:
    """``D days, HH:MM:SS``."""
    minutes, seconds = divmod(int(ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} days, {hours:02}:{minutes:02}:{seconds:02}"


def get_uptime() -> str:
    """How long the machine was up, as ms2uptime() writes it."""
    clocks = timekeeping.clocks()
    return ms2uptime(jiffie_clock_base() if clocks is None else clocks.uptime_s * 1000)


def jiffie_clock_base() -> int:
    """Milliseconds since boot by the count of jiffies."""
    hz = int(vmcorearch.sys_info["HZ"])
    # jiffies_64 starts at (unsigned int)(-300 * HZ)
    start = (-_INITIAL_S * hz) & 0xFFFF_FFFF
    jiffies = lowlevel.read_uint(lowlevel.symbol_address("jiffies_64"), 8)
    return jiffies2ms(jiffies - start)


def scheduler_clock_ms() -> int:
    """The furthest of the clocks of the run queues."""
    return max((queue.clock_ns for queue in cpus.run_queues()), default=0) // 1_000_000
