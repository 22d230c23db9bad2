# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks and wait queues among the kernel's own variables, those in use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from LinuxDump import locks, wait_queues
from pykdump import lowlevel, models
from pykdump.errors import PykdumpError

_NAMES = re.compile(r"(mutex|sem|rwsem|lock|wait\w*|wq|queue|wqh)$")
_SIZE = 40  # of the smallest of these


@dataclass(frozen=True)
class InUse:
    """A variable that somebody holds or waits for."""

    kind: str  #: "rw_semaphore", "mutex", "wait_queue_head"
    name: str
    addr: int
    text: str  #: who holds it, who waits


def in_use() -> list[InUse]:
    """The global locks and wait queues that are in use."""
    found: list[InUse] = []
    for name, addr in _candidates():
        try:
            kind = str(lowlevel.variable_type(name).strip_typedefs())
            text = _KINDS[kind](addr) if kind in _KINDS else ""
        except PykdumpError:
            continue
        if text:
            found.append(InUse(kind.removeprefix("struct "), name, addr, text))
    return found


def _candidates() -> Iterator[tuple[str, int]]:
    # GDB would take minutes to tell the type of every variable: names and memory tell most of it.
    for name, addr in models.get().symbols().of_module(""):
        if not _NAMES.search(name) or lowlevel.find_symbol(name) != addr:
            continue
        try:
            raw = lowlevel.dump().read(addr, _SIZE)
        except PykdumpError:
            continue
        words = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, _SIZE, 8)]
        own = range(addr, addr + _SIZE)
        # One in use is owned by a task, or has a list that leads elsewhere.
        if any(word >> 47 == (1 << 17) - 1 and word & ~7 not in own for word in words) or (
            0 < words[0] <= 1 << 32
        ):
            yield name, addr


def _rwsem(addr: int) -> str:
    sem = locks.read_rwsem(addr)
    waiters = [str(waiter.pid) for waiter in sem.waiters if hasattr(waiter, "pid")]
    held = f"held for {sem.state.held_for}" if sem.state.held_for else ""
    return held + (f", {len(sem.waiters)} wait {' '.join(waiters)}" if sem.waiters else "")


def _mutex(addr: int) -> str:
    mutex = locks.read_mutex(addr)
    held = f"owner {mutex.owner_addr:#x}" if mutex.owner_addr else ""
    return held + (f", {len(mutex.waiters)} wait" if mutex.waiters else "")


def _queue(addr: int) -> str:
    entries = wait_queues.wait_queue(addr)
    return f"{len(entries)} wait" if entries else ""


_KINDS = {
    "struct rw_semaphore": _rwsem,
    "struct mutex": _mutex,
    "struct wait_queue_head": _queue,
}


def view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--lws`` shows."""
    found = in_use()
    return found, list(lines(found))


def lines(found: list[InUse]) -> Iterator[str]:
    """The same as text."""
    for kind in ("rw_semaphore", "mutex", "wait_queue_head"):
        yield f" -- struct {kind} in use --"
        for each in found:
            if each.kind == kind:
                yield f"   {each.name:<40} <struct {kind} {each.addr:#x}> {each.text}"
