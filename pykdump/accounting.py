# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures that scripts ask the crash module for: uptime, memory of a task, number of syscalls."""

from __future__ import annotations

from typing import Any

from pykdump.highlevel import (
    EnumInfo,
    readPtr,
    readS32,
    readSU,
    readU64,
    sym2addr,
    symbol_exists,
    whatis,
)
from pykdump.vmcorearch import sys_info

_BOOT_OFFSET_S = 300  # INITIAL_JIFFIES, include/linux/jiffies.h
_U32 = (1 << 32) - 1


def get_uptime() -> int:
    """How long the machine was up, in jiffies."""
    jiffies = readU64(sym2addr("jiffies_64"))
    return jiffies - ((-_BOOT_OFFSET_S * int(sys_info["HZ"])) & _U32)


def get_NR_syscalls() -> int:
    """Number of entries in the table of system calls; 0 where the kernel has none."""
    if not symbol_exists("sys_call_table"):
        return 0
    array = whatis("sys_call_table").array
    return int(array or 0) if not isinstance(array, list) else int(array[0])


def get_task_mem_usage(task: int) -> tuple[int, int]:
    """Virtual and resident size in KiB; both are 0 for a kernel thread.

    :param task: ``struct task_struct *``.
    """
    mm = readSU("struct task_struct", int(task)).mm
    if not mm:
        return 0, 0
    kinds = EnumInfo("MM_FILEPAGES")
    names = ("MM_FILEPAGES", "MM_ANONPAGES", "MM_SHMEMPAGES")
    pages = sum(_counter(mm.rss_stat, kinds[name]) for name in names if name in kinds)
    return int(mm.total_vm) * 4, max(0, pages) * 4


def _counter(stat: Any, kind: int) -> int:
    # v6.2 f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter"): before it, one counter
    # for each kind, and what threads had not added yet is left out, as the kernel does.
    if not isinstance(stat, list):
        return int(stat.count[kind].counter)
    counter = stat[kind]
    total = int(counter.count)
    base = sym2addr("__per_cpu_offset")
    for cpu in range(int(sys_info["CPUS"])):
        total += readS32((int(counter.counters) + readPtr(base + 8 * cpu)) & ((1 << 64) - 1))
    return total
