# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks, wait queues and work items among the kernel's own variables, those in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import locks, wait_queues
from LinuxDump.lock_waiters import Waiter
from LinuxDump.task_records import task_table
from LinuxDump.task_selection import comm
from pykdump import lowlevel, models, symbols
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.printing import counted, printable

_NAMES = re.compile(
    r"(mutex|sem|semaphore|rwsem|lock|wait\w*|wq|queue|wqh|work|dwork|\w*_work\w*)$"
)
_NAMES_OF_MODULES = re.compile(r"mutex|sem|lock|wait|wq|queue|work")
_WORK = Layout("struct work_struct", "data.counter", "func", "entry.next")
_PENDING = 1  # WORK_STRUCT_PENDING_BIT
_SIZE = 40  # of the smallest of these


@dataclass(frozen=True)
class InUse:
    """A variable that somebody holds or waits for."""

    kind: str  #: "rw_semaphore", "mutex", "semaphore", "wait_queue_head", "work_struct", ...
    name: str
    module: str  #: "" for the kernel's own
    addr: int
    text: str  #: who holds it, who waits; of a work what it does
    pids: tuple[int, ...]  #: who waits


def in_use() -> list[InUse]:
    """The global ones that are in use; of modules those whose debug info is loaded."""
    found: list[InUse] = []
    for module in ("", *models.get().modules()):
        for name, addr in _candidates(module):
            try:
                kind = lowlevel.variable_type_name(name)
                where = lowlevel.variable_address(name) if module else lowlevel.find_symbol(name)
                if kind in _KINDS and where == addr:
                    text, pids = _KINDS[kind](addr)
                    if text:
                        kind = kind.removeprefix("struct ")
                        found.append(InUse(kind, name, module, addr, text, pids))
            except PykdumpError:
                continue
    return found


def _candidates(module: str) -> Iterator[tuple[str, int]]:
    # GDB would take minutes to tell the type of every variable: names and memory tell most of it.
    wanted = _NAMES_OF_MODULES if module else _NAMES
    named = [each for each in models.get().symbols().of_module(module) if wanted.search(each[0])]
    for name, addr in named:
        try:
            raw = lowlevel.dump().read(addr, _SIZE)
        except PykdumpError:
            continue
        words = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, _SIZE, 8)]
        own = range(addr, addr + _SIZE)
        is_work = "work" in name
        # One in use is owned by a task, or has a list that leads elsewhere; a work is pending.
        if is_work and words[0] & _PENDING:
            yield name, addr
        elif not is_work and (
            any(word >> 56 == 0xFF and word & ~7 not in own for word in words)
            or 0 < words[0] <= 1 << 32
        ):
            yield name, addr


#: What is said of one, "" where it is not in use, and the pids that wait.
_Told = tuple[str, tuple[int, ...]]


def _rwsem(addr: int) -> _Told:
    sem = locks.read_rwsem(addr)
    held = f"held for {sem.state.held_for}" if sem.state.held_for else ""
    if sem.state.writer_addr:
        held += f" by {_name(sem.state.writer_addr)}"
    return _with_waiters(held, sem.waiters)


def _mutex(addr: int) -> _Told:
    mutex = locks.read_mutex(addr)
    held = f"owner {_name(mutex.owner_addr)}" if mutex.owner_addr else ""
    return _with_waiters(held, mutex.waiters)


def _semaphore(addr: int) -> _Told:
    semaphore = locks.read_semaphore(addr)
    held = f"count {semaphore.count}" if semaphore.count <= 0 else ""
    return _with_waiters(held, semaphore.waiters)


def _with_waiters(held: str, waiters: Sequence[Waiter]) -> _Told:
    table = task_table().by_addr
    pids = tuple(table[each.task_addr].pid for each in waiters if each.task_addr in table)
    wait = f"{counted(len(waiters), 'task waits', 'tasks wait')}" if waiters else ""
    return ", ".join(text for text in (held, wait) if text), pids


def _queue(addr: int) -> _Told:
    entries = wait_queues.wait_queue(addr)
    tasks = [task_table().by_addr.get(each.task_addr) for each in entries]
    pids = tuple(task.pid for task in tasks if task is not None)
    return f"{len(entries)} wait" if entries else "", pids


def _work(addr: int) -> _Told:
    row = _WORK.read(addr)
    if row is None or not row.data_counter & _PENDING:
        return "", ()
    func = symbols.addr2sym(row.func)
    if not func:  # memory of init code, given back
        return "", ()
    state = "queued" if row.entry_next != addr + _entry_at() else "pending"
    return f"{state}: {func}", ()


def _delayed_work(addr: int) -> _Told:
    text, _ = _work(addr)
    return text.replace("pending", "waits for its timer"), ()


def _entry_at() -> int:
    return lowlevel.member("struct work_struct", "entry").offset


def _name(task: int) -> str:
    found = task_table().by_addr.get(task)
    return f"{task:#x}" if found is None else f"pid {found.pid} {printable(comm(found))}"


_KINDS: dict[str, Callable[[int], _Told]] = {
    "struct rw_semaphore": _rwsem,
    "struct mutex": _mutex,
    "struct semaphore": _semaphore,
    "struct wait_queue_head": _queue,
    "struct work_struct": _work,
    "struct delayed_work": _delayed_work,
}
_TITLES = {
    "rw_semaphore": "rw_semaphores with count > 0",
    "mutex": "Mutexes in use",
    "semaphore": "Semaphores with count <= 0",
    "wait_queue_head": "Non-empty wait_queue_head",
    "work_struct": "Non-empty struct work_struct",
    "delayed_work": "Non-empty struct delayed_work",
}


def view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--lws`` shows."""
    found = in_use()
    return found, list(lines(found))


def lines(found: Sequence[InUse]) -> Iterator[str]:
    """The same as text."""
    for kind, title in _TITLES.items():
        yield f" -- {title} --"
        for each in found:
            if each.kind == kind:
                module = f" [{each.module}]" if each.module else ""
                yield f"   {each.name + module:<40} <struct {kind} {each.addr:#x}> {each.text}"
                if each.pids:
                    yield f"      pids: {' '.join(map(str, each.pids))}"
