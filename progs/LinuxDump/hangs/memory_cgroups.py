# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory cgroups: which one has more than it may (mm/memcontrol.c)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.hangs.cgroups import path_of, state_of_task
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_MEMORY = Layout(
    "struct mem_cgroup", "memory.usage.counter", "memory.high", "memory.max", "css.parent"
)
_DEEPEST = 256


@dataclass(frozen=True)
class MemoryCgroup:
    """A ``struct mem_cgroup``."""

    addr: int
    path: str
    usage_bytes: int
    high_bytes: int
    max_bytes: int

    @property
    def text(self) -> str:
        """For people."""
        over = self.usage_bytes > self.high_bytes
        limit = (
            f"memory.high {_size(self.high_bytes)}"
            if over
            else (f"memory.max {_size(self.max_bytes)}")
        )
        return f"memory of cgroup {self.path}: {_size(self.usage_bytes)} in use, {limit}"


def of_task(task: int) -> MemoryCgroup | None:
    """The cgroup at or above a task's that is above its limit, else the task's.

    None when it cannot be read.

    :param task: ``struct task_struct *``.
    """
    try:
        addr = first = state_of_task(task, "memory_cgrp_id")  # css is the first member
        for _ in range(_DEEPEST):
            if not addr:
                break
            found = _read(addr)
            if found is None or found.usage_bytes > min(found.high_bytes, found.max_bytes):
                return found
            row = _MEMORY.read(addr)
            addr = row.css_parent if row is not None else 0
        return _read(first) if first else None
    except PykdumpError:
        return None


def _read(addr: int) -> MemoryCgroup | None:
    row = _MEMORY.read(addr)
    if row is None:
        return None
    page = lowlevel.dump().page_size
    counts = (row.memory_usage_counter, row.memory_high, row.memory_max)
    return MemoryCgroup(addr, path_of(addr), *(count * page for count in counts))


def _size(size: int) -> str:
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >> shift:
            return f"{size / (1 << shift):.1f} {unit}"
    return f"{size} bytes"
