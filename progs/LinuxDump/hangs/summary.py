# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that count: how many threads are stuck, and what is not told in full."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.hangs.report import HangReport

#: Of threads that wait so it is known that nobody holds them up.
_ON_PURPOSE = ("sleep", "new_kthread")
_DEAD, _TOLD = "in a deadlock or behind one", "behind what is told below"
_ASLEEP, _UNKNOWN = "asleep for a time or not started", "behind what is not known"


def seconds(ns: int | None) -> str:
    """An age for people."""
    if ns is None:
        return "?"
    return f"{ns / 1e9:.1f} s" if ns < 100_000_000_000 else f"{ns // 1_000_000_000} s"


def threads(count: int) -> str:
    """So many threads."""
    return f"{count} thread{'s' if count != 1 else ''}"


def lines(report: HangReport) -> Iterator[str]:
    """One line: the threads in state D, and where they are told."""
    stuck = report.uninterruptible
    if not stuck:
        return
    ages = [wait.ran_ago_ns for wait in stuck if wait.ran_ago_ns is not None]
    dead = _in_cycles(report)
    counts = dict.fromkeys((_DEAD, _TOLD, _ASLEEP, _UNKNOWN), 0)
    for wait in stuck:
        if wait.pid in dead:
            counts[_DEAD] += 1
        elif wait.node:
            counts[_TOLD] += 1
        else:
            counts[_ASLEEP if wait.kind in _ON_PURPOSE else _UNKNOWN] += 1
    told = ", ".join(f"{count} {where}" for where, count in counts.items() if count)
    longest = f", the longest for {seconds(max(ages))}" if ages else ""
    yield ""
    yield f" {threads(len(stuck))} in state D{longest}: {told}"


def _in_cycles(report: HangReport) -> set[int]:
    return {pid for cycle in report.cycles for pid in (*cycle.pids, *cycle.behind)}


def others(report: HangReport) -> Iterator[str]:
    """One line: those that sleep for something of which nobody is known that should do it."""
    told = {pid for chain in (*report.sleeping, *report.blockers) for pid in chain.pids}
    told |= _in_cycles(report)
    kinds: dict[str, list[int]] = {}
    for wait in report.waits:
        if wait.state == "S" and wait.pid not in told:
            kinds.setdefault(wait.kind.replace("_", " "), []).append(wait.pid)
    if kinds:
        count = threads(sum(map(len, kinds.values())))
        found = ", ".join(
            f"{kind} {len(pids)}" + (f" (pid {pids[0]})" if len(pids) == 1 else "")
            for kind, pids in sorted(kinds.items(), key=lambda item: -len(item[1]))
        )
        yield ""
        yield f" {count} in interruptible sleep, behind nobody known: {found}"
