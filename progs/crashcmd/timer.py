# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers that are pending.

Columns: EXPIRES in jiffies, TTE (jiffies to expiry), TIMER_LIST (struct timer_list), FUNCTION; of
-r CURRENT (what the base's clock showed at the last tick), SOFTEXPIRES, EXPIRES and TTE in ns,
HRTIMER (struct hrtimer), FUNCTION.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashcmd import values
from crashcmd.command import Command, Given, Option
from crashcmd.percpu_words import cpus
from LinuxDump import hrtimers, timekeeping, timers
from LinuxDump.hrtimers import ClockBase
from LinuxDump.timers import TimerBase

# kernel/time/timer.c, by the number of bases; v6.9 83a665dc99a7 split BASE_STD
_BASES = {1: ("BASE_STD",), 2: ("BASE_STD", "BASE_DEF")}
_NEW_BASES = ("BASE_LOCAL", "BASE_GLOBAL", "BASE_DEF")


def collect(given: Given) -> Any:
    chosen = given.value("-C")
    wanted = None if chosen is None else set(cpus(chosen))
    found: list[Any] = []
    if "-r" in given:
        found += hrtimers.cpu_bases()
    else:
        found += timers.timer_bases()
    return tuple(base for base in found if wanted is None or base.cpu in wanted)


def render(record: Any, given: Given) -> Iterator[str]:
    if "-r" in given:
        yield from _hrtimers(record)
    else:
        yield from _timers(record)


def _timers(record: tuple[TimerBase, ...]) -> Iterator[str]:
    yield f"{'JIFFIES':10}"
    yield f"{timers.jiffies():<10}".rstrip()
    count = 1 + max((base.number for base in record), default=0)
    names = _BASES.get(count, _NEW_BASES)
    before = -1
    for base in record:
        if base.cpu != before:
            yield ""
            before = base.cpu
        name = names[base.number] if base.number < len(names) else str(base.number)
        yield f"TIMER_BASES[{base.cpu}][{name}]: {base.addr:x}"
        rows = [
            (str(t.expires_jiffies), str(timers.jiffies_until(t.expires_jiffies)), t)
            for t in base.timers
        ]
        first = max((7, *(len(row[0]) for row in rows)))
        second = max((3, *(len(row[1]) for row in rows))) + 1
        yield f"  {'EXPIRES':{first}}  {'TTE':>{second}}  {'TIMER_LIST':^16}  FUNCTION"
        if not rows:
            yield "  (none)"
        for expires, left, timer in rows:
            yield (
                f"  {expires:>{first}}  {left:>{second}}  {timer.addr:x}  {timer.func_addr:x}  "
                f"<{values.symbol(timer.func_addr)}>"
            )


def _hrtimers(record: tuple[hrtimers.CpuBase, ...]) -> Iterator[str]:
    for number, cpu in enumerate(record):
        if number:
            yield ""
        yield f"CPU: {cpu.cpu}  HRTIMER_CPU_BASE: {cpu.addr:x}"
        for place, base in enumerate(cpu.bases):
            if place:
                yield ""
            yield from _clock_base(base)


def _clock_base(base: ClockBase) -> Iterator[str]:
    clock = f"  [{values.symbol(base.get_time_addr)}]" if base.get_time_addr else ""
    yield f"  CLOCK: {base.number}  HRTIMER_CLOCK_BASE: {base.addr:x}{clock}"
    if not base.timers:
        yield "  (empty)"
        return
    now = timekeeping.monotonic_ns()
    left = [None if now is None else t.expires - now - base.offset_ns for t in base.timers]
    width = max(len(str(timer.expires)) for timer in base.timers)
    width = max(width, len("SOFTEXPIRES"))
    yield f"  {'CURRENT':^{width}}"
    yield f"  {'(unknown)' if now is None else str(now + base.offset_ns):^{width}}"
    yield (
        f"  {'SOFTEXPIRES':^{width}}  {'EXPIRES':^{width}}  {'TTE':^{width}}  {'HRTIMER':^16}  "
        f"{'FUNCTION':^16}"
    )
    for timer, rest in zip(base.timers, left):
        yield (
            f"  {timer.soft_expires:{width}}  {timer.expires:{width}}  "
            f"{'?' if rest is None else rest:>{width}}  {timer.addr:x}  "
            f"{timer.func_addr:x}  <{values.symbol(timer.func_addr)}>"
        )


COMMANDS = (
    Command(
        "timer",
        "",
        collect,
        render,
        (
            Option("-r", "high-resolution timers"),
            Option("-C", "only these CPUs, as in 0,2-4", "CPUS"),
        ),
    ),
)
