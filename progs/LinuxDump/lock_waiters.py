# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for a lock: entries that lie on the stacks of their tasks, in a list or a tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import trees
from LinuxDump.task_lists import is_plausible
from LinuxDump.task_records import task_table
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

#: More tasks than can wait for one lock: PID_MAX_LIMIT.
LIMIT = 4 * 1024 * 1024

_IDS = Layout("struct task_struct", "pid", "tgid")


@dataclass(frozen=True)
class Waiter:
    """A task that waits for a lock."""

    addr: int  #: its entry in the list of waiters
    task_addr: int  #: struct task_struct *
    wants: str  #: "lock", "read" or "write"


@dataclass(frozen=True)
class WaiterKind:
    """The entries of one kind of list."""

    struct: str
    node: str  #: its struct list_head
    task: Layout  #: rows with the member ``task``, or ``Task``


def is_task(addr: int) -> bool:
    """Whether this is a task: one of the table, or as plausible as one that the table lost."""
    if not addr:
        return False
    if addr in task_table().by_addr:
        return True
    row = _IDS.read(addr)
    return row is not None and is_plausible(row)


def waiters_in_list(lock: int, struct: str, kind: WaiterKind) -> Iterator[tuple[int, int, object]]:
    """Entry, ``struct task_struct *`` and row of each waiter, in the order of the queue.

    Damage ends the list with a warning; an entry whose task is none is skipped with one.

    :param lock: address of the lock.
    :param struct: the lock's type, which has a pseudo-member ``Waiters``.
    """
    entries = _entries(lock, struct, kind)
    for addr, row in zip(entries, kind.task.read_many(entries)):
        if row is None or not is_task(row[0]):
            pylog.warning(f"{struct} {lock:#x}: the waiter at {addr:#x} has no task, it is skipped")
        else:
            yield addr, row[0], row


def _entries(lock: int, struct: str, kind: WaiterKind) -> list[int]:
    head = lowlevel.member(struct, compat.spelling(struct, "Waiters"))
    node_at = lowlevel.member(kind.struct, kind.node).offset
    # Kernels to come replace the list head by a pointer to the first entry of a circle.
    is_pointer = head.size == 8
    try:
        first = lowlevel.read_pointer(lock + head.offset)
    except ReadError as error:
        pylog.warning(f"waiters of {struct} {lock:#x}: {error}")
        return []
    if is_pointer and not first:
        return []
    walk = walk_list(first + node_at if is_pointer else lock + head.offset, limit=LIMIT)
    if walk.end != "complete":
        pylog.warning(
            f"{struct} {lock:#x}: its list of waiters is broken behind {len(walk.nodes)} entries "
            f"({walk.end} at {walk.stopped_at:#x})"
        )
    found = [node - node_at for node in walk.nodes]
    return [first, *found] if is_pointer else found


# v6.5 f7853c342418 ("locking/rtmutex: Fix task->pi_waiters integrity")
compat.member("struct rt_mutex_waiter", "Node", "tree.entry", "tree_entry")
_RT_WAITER = Layout("struct rt_mutex_waiter", "task")


def waiters_in_tree(root: int) -> list[Waiter]:
    """Waiters of an rt_mutex, the most urgent first.

    :param root: ``struct rb_root_cached *``.
    """
    node_at = lowlevel.member(
        "struct rt_mutex_waiter", compat.spelling("struct rt_mutex_waiter", "Node")
    ).offset
    walk = trees.for_rbtree(root, limit=LIMIT)
    if walk.end != "complete":
        pylog.warning(
            f"rt_mutex with waiters at {root:#x}: their tree is broken ({walk.end} at "
            f"{walk.stopped_at:#x})"
        )
    addrs = [node - node_at for node in walk.nodes]
    rows = _RT_WAITER.read_many(addrs)
    return [
        Waiter(addr, row.task, "lock")
        for addr, row in zip(addrs, rows)
        if row is not None and is_task(row.task)
    ]
