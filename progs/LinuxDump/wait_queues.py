# SPDX-License-Identifier: GPL-2.0-or-later
"""Wait queues (include/linux/wait.h, swait.h) and completions: who sleeps there, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump.task_records import task_table
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

# v4.13 ac6424b981bc ("sched/wait: Rename wait_queue_t => wait_queue_entry_t") and 2055da97389a
# ("sched/wait: Disambiguate wq_entry->task_list and wq_head->task_list naming")
_ENTRY = Layout("struct wait_queue_entry", "flags", "private", "func")
_SWAIT = Layout("struct swait_queue", "task")
_COMPLETION = Layout("struct completion", "done")
_EPOLL = Layout("struct eppoll_entry", "base.ep")
_POLL = Layout("struct poll_wqueues", "polling_task")

# v5.7 a5c6234e1028 ("completion: Use simple wait queues")
compat.member("struct completion", "Wait", "wait.task_list", "wait.head")

# include/linux/wait.h
_WQ_FLAG_EXCLUSIVE = 0x01

# More than all tasks and all epoll items of a machine.
_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class WaitEntry:
    """Somebody on a wait queue."""

    addr: int  #: struct wait_queue_entry * or struct swait_queue *
    task_addr: int  #: struct task_struct * that sleeps, 0 when the entry is not a task's
    func_addr: int  #: called at wake-up; 0 on a simple wait queue
    flags: int  #: WQ_FLAG_*, whose values above 2 depend on the kernel
    epoll_addr: int = 0  #: struct eventpoll * that is told, of an entry that is an epoll's

    @property
    def is_exclusive(self) -> bool:
        """Whether a wake-up ends with it."""
        return bool(self.flags & _WQ_FLAG_EXCLUSIVE)


@dataclass(frozen=True)
class Completion:
    """A ``struct completion``."""

    addr: int
    done: int  #: how many waits it will let through, UINT_MAX for all
    waiters: tuple[WaitEntry, ...]


def wait_queues(heads: Sequence[int]) -> list[list[WaitEntry]]:
    """Who is on each of many wait queues, in the order of wake-up; damage is warned of.

    :param heads: ``struct wait_queue_head *``.
    """
    list_at = lowlevel.member("struct wait_queue_head", "head").offset
    node_at = lowlevel.member("struct wait_queue_entry", "entry").offset
    found = []
    for head, addrs in zip(heads, _walks([head + list_at for head in heads], node_at)):
        entries = (_entry(head, addr, row) for addr, row in zip(addrs, _ENTRY.read_many(addrs)))
        found.append([entry for entry in entries if entry is not None])
    return found


def wait_queue(head: int) -> list[WaitEntry]:
    """Who is on a wait queue.

    :param head: ``struct wait_queue_head *``.
    """
    return wait_queues([head])[0]


def simple_wait_queue(head: int) -> list[WaitEntry]:
    """Who is on a simple wait queue.

    :param head: ``struct swait_queue_head *``.
    """
    return _simple_waiters(head + lowlevel.member("struct swait_queue_head", "task_list").offset)


def read_completion(addr: int) -> Completion:
    """The completion at this address; raises ReadError.

    :param addr: ``struct completion *``.
    """
    row = _COMPLETION.read(addr)
    if row is None:
        raise ReadError(f"struct completion at {addr:#x} cannot be read: it is not in the dump")
    spelling = compat.spelling("struct completion", "Wait")
    at = addr + lowlevel.member("struct completion", spelling).offset
    if spelling == "wait.task_list":
        return Completion(addr, row.done, tuple(_simple_waiters(at)))
    at = addr + lowlevel.member("struct completion", "wait").offset
    return Completion(addr, row.done, tuple(wait_queue(at)))


def _simple_waiters(list_head: int) -> list[WaitEntry]:
    node_at = lowlevel.member("struct swait_queue", "task_list").offset
    (addrs,) = _walks([list_head], node_at)
    tasks = task_table().by_addr
    found = []
    for addr, row in zip(addrs, _SWAIT.read_many(addrs)):
        if row is not None and row.task in tasks:
            found.append(WaitEntry(addr, row.task, 0, 0))
        elif row is None or row.task:  # one that was just woken has none
            _warn_of_entry(list_head, addr)
    return found


def _walks(heads: Sequence[int], node_at: int) -> list[list[int]]:
    found = []
    for head, walk in zip(heads, walk_lists(heads, limit=_LIMIT)):
        if walk.end != "complete":
            pylog.warning(
                f"the wait queue whose list is at {head:#x} is broken behind {len(walk.nodes)} "
                f"entries ({walk.end} at {walk.stopped_at:#x})"
            )
        found.append([node - node_at for node in walk.nodes])
    return found


def _entry(head: int, addr: int, row: Any) -> WaitEntry | None:
    if row is None:
        _warn_of_entry(head, addr)
        return None
    if not row.func:  # no waiter but a bookmark, where a wake-up paused; gone from newer kernels
        return None
    task, epoll = row.private, 0
    if row.func == lowlevel.find_symbol("ep_poll_callback"):
        owner = _EPOLL.read(addr - lowlevel.member("struct eppoll_entry", "wait").offset)
        task, epoll = 0, 0 if owner is None else owner.base_ep
    elif row.func == lowlevel.find_symbol("pollwake"):
        poller = _POLL.read(row.private)
        task = 0 if poller is None else poller.polling_task
    # private is what the waker needs: mostly the task.
    known = task if task in task_table().by_addr else 0
    return WaitEntry(addr, known, row.func, row.flags, epoll)


def _warn_of_entry(head: int, addr: int) -> None:
    pylog.warning(f"wait queue {head:#x}: the entry at {addr:#x} is damaged, it is skipped")
