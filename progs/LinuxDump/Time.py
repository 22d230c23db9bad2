# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: times of the dump, and delays in jiffies. Clocks are in LinuxDump.timekeeping."""

from __future__ import annotations

from typing import Any

from LinuxDump import cpus, timekeeping, timers
from pykdump.vmcorearch import sys_info

__all__ = [
    "get_ktime_j",
    "get_uptime_fromcrash",
    "j_delay",
    "sched_clock",
    "seconds_since_boot",
]

_U32 = 0xFFFF_FFFF
_U64 = 0xFFFF_FFFF_FFFF_FFFF


def j_delay(ts: int, jiffies: int, maxhours: int = 24) -> str:
    """How long before ``jiffies`` a time in jiffies was: ``1.23 s``, ``5 hours``, ``>24hours``.

    A time that lies ahead is ``     n/a``. Counts of 32 bits may have wrapped.
    """
    mask = _U32 if max(int(ts), int(jiffies)) <= _U32 else _U64
    ticks = (int(jiffies) - int(ts)) & mask
    seconds = ticks / int(sys_info["HZ"])
    if ticks > mask >> 1:
        return "     n/a"
    if seconds > maxhours * 3600:
        return f">{maxhours}hours"
    return f"{int(seconds // 3600)} hours" if seconds >= 7200 else f"{seconds:.2f} s"


def ktime_t(x: Any) -> int:
    """Nanoseconds of a ``ktime_t``, which was a union with the member tv64 up to 4.9."""
    return int(x.tv64) if hasattr(x, "tv64") else int(x)


def seconds_since_boot() -> int | None:
    """CLOCK_MONOTONIC in seconds; None when the timekeeper is not in the dump."""
    clocks = timekeeping.clocks()
    return None if clocks is None else clocks.uptime_s


def get_uptime_fromcrash() -> int:
    """Seconds since boot, by the timekeeper or by counted ticks."""
    seconds = seconds_since_boot()
    return get_ktime_j() // int(sys_info["HZ"]) if seconds is None else seconds


def get_ktime_j() -> int:
    """Ticks since boot: jiffies less what they begin with."""
    # include/linux/jiffies.h: INITIAL_JIFFIES is five minutes before 32 bits wrap
    hz = int(sys_info["HZ"])
    return (timers.jiffies() - (-300 * hz & _U32)) & _U64


def sched_clock() -> int:
    """The scheduler's clock in nanoseconds: the latest of all CPUs; 0 when none is in the dump."""
    return max((queue.clock_ns for queue in cpus.run_queues()), default=0)
