# SPDX-License-Identifier: GPL-2.0-or-later
"""Wait entries that lie on the stacks of those that wait: the proof of what they wait for.

An entry counts when it names the task on whose stack it lies and is linked: both its neighbours
point back to it. Its list leads to the head, which lies in what is waited for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from LinuxDump import BTstack
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.lock_waiters import is_task
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

# v4.13 ac6424b981bc ("sched/wait: Rename wait_queue_t => wait_queue_entry_t")
_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """A linked wait entry."""

    struct: str
    addr: int
    node_addr: int  #: its struct list_head
    head_addr: int  #: struct list_head of what it waits for; 0: the list has none, or is damaged


@dataclass(frozen=True)
class _Kind:
    struct: str
    node: str
    task: str
    row: Layout

    @classmethod
    def of(cls, name: str, node: str, task: str, *more: str) -> _Kind:
        return cls(name, node, task, Layout(name, task, *more))


KINDS = {
    kind.struct: kind
    for kind in (
        _Kind.of("struct mutex_waiter", "list", "task"),
        _Kind.of("struct rwsem_waiter", "list", "task"),
        _Kind.of("struct semaphore_waiter", "list", "task"),
        _Kind.of("struct swait_queue", "task_list", "task"),
        _Kind.of("struct wait_queue_entry", "entry", "private", "func"),
        _Kind.of("struct msg_receiver", "r_list", "r_tsk"),
        _Kind.of("struct msg_sender", "list", "tsk"),
        _Kind.of("struct sem_queue", "list", "sleeper"),
    )
}


class Entries:
    """Finds entries; each list is walked once."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, int], int] = {}

    def find(self, sleeper: Sleeper, name: str) -> Entry | None:
        """The entry of this type on a task's stack, the innermost of several.

        :param name: one of KINDS.
        """
        return next(self.find_all(sleeper, name), None)

    def find_all(self, sleeper: Sleeper, name: str) -> Iterator[Entry]:
        """All entries of this type on a task's stack, innermost first."""
        if not lowlevel.has_type(name):
            return
        kind = KINDS[name]
        task_at = lowlevel.member(name, kind.task).offset
        node_at = lowlevel.member(name, kind.node).offset
        for place in places(sleeper, sleeper.task.addr):
            addr = place - task_at
            if is_linked(addr + node_at):
                head = self._head(kind, addr + node_at, node_at)
                yield Entry(name, addr, addr + node_at, head)

    def _head(self, kind: _Kind, node: int, node_at: int) -> int:
        known = self._heads.get((kind.struct, node))
        if known is not None:
            return known
        walk = walk_list(node, limit=_LIMIT)
        nodes = walk.nodes
        if walk.end != "complete":
            pylog.warning(
                f"the list with the {kind.struct} at {node - node_at:#x} is broken ({walk.end} at "
                f"{walk.stopped_at:#x}): what its task waits for may be wrong"
            )
        rows = kind.row.read_many([other - node_at for other in nodes])
        heads = [at for at, row in zip(nodes, rows) if not _is_entry(kind, row)]
        head = heads[0] if len(heads) == 1 else 0
        for other in (node, *nodes):
            self._heads[kind.struct, other] = head
        return head


def _is_entry(kind: _Kind, row: Any) -> bool:
    if row is None:
        return False
    if kind.struct == "struct wait_queue_entry":  # whose task is what the waker makes of it
        found = BTstack.tables().symbols.at(row.func) if row.func else None
        return found is not None and not found[1]
    return is_task(row[0])


def places(sleeper: Sleeper, word: int) -> Iterator[int]:
    """Addresses on a task's stack, as far as it is looked at, that hold this word."""
    start, data = sleeper.window()
    wanted = struct.pack("<Q", word)
    at = data.find(wanted)
    while at >= 0:
        if not at & 7:
            yield start + at
        at = data.find(wanted, at + 1)


def is_linked(node: int) -> bool:
    """Whether the neighbours of a ``struct list_head`` point back to it."""
    try:
        following, before = struct.unpack("<QQ", lowlevel.dump().read(node, 16))
        if not following or not before:
            return False
        return (
            lowlevel.read_pointer(following + 8) == node and lowlevel.read_pointer(before) == node
        )
    except ReadError:
        return False


def offset(struct_name: str, member: str) -> int:
    """Offset of a member, or pseudo-member."""
    return lowlevel.member(struct_name, compat.spelling(struct_name, member)).offset
