# SPDX-License-Identifier: GPL-2.0-or-later
"""Futexes (kernel/futex/): which tasks wait for which word of user memory."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.futex_tables import queue_heads
from LinuxDump.lock_waiters import is_task
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

_Q = Layout(
    "struct futex_q",
    *("task", "key.both.ptr", "key.both.word", "key.both.offset", "pi_state"),
)
_PI = Layout("struct futex_pi_state", "owner")

# include/linux/futex.h
_FUT_OFF_INODE = 1
_FUT_OFF_MMSHARED = 2

_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class FutexWaiter:
    """A task that waits in futex()."""

    addr: int  #: struct futex_q *
    task_addr: int  #: struct task_struct *
    kind: str  #: "private" to a process, or shared: "anonymous" memory or a "file"
    user_addr: int  #: of the word; of a file its offset in it
    mm_addr: int  #: struct mm_struct * of a private one, else 0
    owner_addr: int  #: struct task_struct * that holds it, of a futex with priority inheritance
    space: int = 0  #: tells spaces of memory apart: of a file the number of its inode (i_sequence)


def futex_waiters() -> list[FutexWaiter]:
    """All tasks that wait for a futex; damage is warned of."""
    heads = queue_heads()
    if not heads:
        return []
    node_at = lowlevel.member("struct futex_q", "list.node_list").offset
    addrs = []
    for head, walk in zip(heads, walk_lists(heads, limit=_LIMIT)):
        if walk.end != "complete":
            pylog.warning(
                f"the futex queue at {head:#x} is broken behind {len(walk.nodes)} waiters "
                f"({walk.end} at {walk.stopped_at:#x})"
            )
        addrs += [node - node_at for node in walk.nodes]
    found = []
    for addr, row in zip(addrs, _Q.read_many(addrs)):
        if row is None or not is_task(row.task):
            pylog.warning(f"futex_q {addr:#x} has no task, it is skipped")
            continue
        task, pointer, word, offset, pi_state = row
        kind = _kind(offset)
        at = (word << _page_shift() if kind == "file" else word) + (offset & ~3)
        owner = _PI.read(pi_state) if pi_state else None
        found.append(
            FutexWaiter(
                *(addr, task, kind, at, pointer if kind == "private" else 0),
                *(0 if owner is None else owner.owner, pointer),
            )
        )
    return found


def _kind(offset: int) -> str:
    if offset & _FUT_OFF_INODE:
        return "file"
    return "anonymous" if offset & _FUT_OFF_MMSHARED else "private"


def _page_shift() -> int:
    return lowlevel.dump().page_size.bit_length() - 1
