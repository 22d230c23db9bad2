# SPDX-License-Identifier: GPL-2.0-or-later
"""High-resolution timers (kernel/time/hrtimer.c)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import percpu, trees
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

compat.member("struct hrtimer", "Soft_expires", "_softexpires")

_BASE = Layout("struct hrtimer_clock_base", "get_time")
_TIMER = Layout("struct hrtimer", "Soft_expires", "node.expires", "function")


@dataclass(frozen=True)
class HrTimer:
    """A ``struct hrtimer`` that is pending; times in ns of its base's clock."""

    addr: int
    soft_expires: int
    expires: int
    func_addr: int


@dataclass(frozen=True)
class ClockBase:
    """A ``struct hrtimer_clock_base``."""

    addr: int
    number: int
    get_time_addr: int  #: function, 0 where the kernel has none
    timers: tuple[HrTimer, ...]
    offset_ns: int = 0  #: of its clock to CLOCK_MONOTONIC


@dataclass(frozen=True)
class CpuBase:
    """A CPU's ``struct hrtimer_cpu_base``."""

    cpu: int
    addr: int
    bases: tuple[ClockBase, ...]


def cpu_bases() -> list[CpuBase]:
    """Pending timers of all CPUs, the next to expire first."""
    found = []
    bases = lowlevel.member("struct hrtimer_cpu_base", "clock_base")
    size = lowlevel.sizeof("struct hrtimer_clock_base")
    count = bases.size // size
    for cpu in range(len(percpu.per_cpu_offsets())):
        addr = percpu.per_cpu("hrtimer_bases", cpu)
        places = [addr + bases.offset + number * size for number in range(count)]
        found.append(CpuBase(cpu, addr, tuple(_base(n, p) for n, p in enumerate(places))))
    return found


def _base(number: int, addr: int) -> ClockBase:
    has_time = lowlevel.find_member("struct hrtimer_clock_base", "get_time") is not None
    row = _BASE.read(addr) if has_time else None
    at_offset = lowlevel.member("struct hrtimer_clock_base", "offset").offset
    try:
        offset_ns = lowlevel.read_uint(addr + at_offset, 8)
    except ReadError as error:
        pylog.warning(f"hrtimer_clock_base {addr:#x} cannot be read: {error}")
        return ClockBase(addr, number, 0, ())
    offset_ns -= (offset_ns >> 63) << 64
    active = addr + lowlevel.member("struct hrtimer_clock_base", "active").offset
    walk = trees.for_rbtree(active)
    if walk.end != "complete":
        pylog.warning(
            f"hrtimer_clock_base {addr:#x}: its tree is broken ({walk.end} at "
            f"{walk.stopped_at:#x}): timers are missing"
        )
    at = lowlevel.member("struct hrtimer", "node").offset
    timers = []
    for node, timer in zip(walk.nodes, _TIMER.read_many(walk, offset=at)):
        if timer is None:
            pylog.warning(f"hrtimer {node - at:#x} cannot be read")
            continue
        timers.append(HrTimer(node - at, timer[0], timer[1], timer[2]))
    get_time = 0 if row is None else row.get_time
    return ClockBase(addr, number, get_time, tuple(timers), offset_ns)
