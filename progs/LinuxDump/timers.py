# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of the timer wheels (kernel/time/timer.c)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import percpu
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_hash_table

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (*percpu.SYMBOLS, "timer_bases", "jiffies_64")

_TIMER = Layout("struct timer_list", "expires", "function", "flags")

# include/linux/timer.h
_TIMER_DEFERRABLE = 0x0008_0000

_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True)
class Timer:
    """A ``struct timer_list`` that is pending."""

    addr: int
    cpu: int
    expires_jiffies: int
    func_addr: int
    is_deferrable: bool  #: it wakes no CPU that is idle


def jiffies() -> int:
    """The kernel's clock of ticks (``jiffies_64``); raises ReadError."""
    return lowlevel.read_uint(lowlevel.symbol_address("jiffies_64"), 8)


def jiffies_until(expires: int) -> int:
    """Ticks from the dump to a time in jiffies, negative when it has passed."""
    ahead = (expires - jiffies()) & _U64
    return ahead - (1 << 64) if ahead >> 63 else ahead


@dataclass(frozen=True)
class TimerBase:
    """A ``struct timer_base`` and what is pending on it, the next to expire first."""

    addr: int
    cpu: int
    number: int
    timers: tuple[Timer, ...]


def timer_bases() -> list[TimerBase]:
    """The bases of all CPUs; damage is warned of."""
    size = lowlevel.sizeof("struct timer_base")
    vectors = lowlevel.member("struct timer_base", "vectors")
    entry_at = lowlevel.member("struct timer_list", "entry").offset
    count = lowlevel.variable_size("timer_bases") // size
    found = []
    for cpu in range(len(percpu.per_cpu_offsets())):
        start = percpu.per_cpu("timer_bases", cpu)
        for number in range(count):
            base = start + number * size
            walk = walk_hash_table(base + vectors.offset, vectors.size // 8)
            if walk.end != "complete":
                pylog.warning(
                    f"CPU {cpu}: timer_base {base:#x} is broken: {walk.end} at "
                    f"{walk.stopped_at:#x}"
                )
            timers = _read(cpu, [node - entry_at for node in walk.nodes])
            timers.sort(key=lambda timer: timer.expires_jiffies)
            found.append(TimerBase(base, cpu, number, tuple(timers)))
    return found


def pending_timers() -> list[Timer]:
    """All pending timers, CPU after CPU, by expiry; damage is warned of."""
    lowlevel.prefetch_symbols(SYMBOLS)
    size = lowlevel.sizeof("struct timer_base")
    vectors = lowlevel.member("struct timer_base", "vectors")
    entry_at = lowlevel.member("struct timer_list", "entry").offset
    # NR_BASES: one, with NO_HZ for local, global and deferrable ones.
    bases = lowlevel.variable_size("timer_bases") // size
    found = []
    for cpu in range(len(percpu.per_cpu_offsets())):
        start = percpu.per_cpu("timer_bases", cpu)
        addrs: list[int] = []
        for base in (start + size * i for i in range(bases)):
            try:
                walk = walk_hash_table(base + vectors.offset, vectors.size // 8)
            except PykdumpError as error:
                pylog.warning(f"timers of CPU {cpu} cannot be read: {error}")
                continue
            if walk.end != "complete":
                pylog.warning(
                    f"CPU {cpu}: {len(walk.broken)} lists of timer_base {base:#x} are broken, the "
                    f"first {walk.end} at {walk.stopped_at:#x}"
                )
            addrs += [node - entry_at for node in walk.nodes]
        found += sorted(_read(cpu, addrs), key=lambda timer: timer.expires_jiffies)
    return found


def _read(cpu: int, addrs: list[int]) -> list[Timer]:
    return [
        Timer(addr, cpu, row.expires, row.function, bool(row.flags & _TIMER_DEFERRABLE))
        for addr, row in zip(addrs, _TIMER.read_many(addrs))
        if row is not None
    ]
