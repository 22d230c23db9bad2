# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures that scripts ask the crash module for: uptime, memory of a task, number of syscalls."""

from __future__ import annotations

from pykdump import models
from pykdump.highlevel import readU64, sym2addr, symbol_exists, whatis
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
    """Virtual and resident size of a process in KiB; zeros for a kernel thread, and where it cannot
    be read.

    :param task: ``struct task_struct *``.

    >>> vsz, rss = get_task_mem_usage(pid_to_task(1))
    >>> vsz > rss > 0, get_task_mem_usage(pid_to_task(2))
    (True, (0, 0))
    """
    return models.get().memory_of_task(int(task))
