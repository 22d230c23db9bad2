# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits on a wait queue, and asynchronous I/O of a task, for scripts."""

from __future__ import annotations

from LinuxDump import task_records
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.highlevel import readSU
from pykdump.logging import pylog
from pykdump.structs import StructResult
from pykdump.walks import walk_list

# v4.13 ac6424b981bc ("sched/wait: Rename wait_queue_t => wait_queue_entry_t") and 2055da97389a,
# which renamed the lists.
compat.member("struct wait_queue_head", "Head", "head", "task_list")
_CONTEXTS_MAX = 1 << 16


def decode_waitq(wq: int) -> list[StructResult]:
    """``struct task_struct`` of those that wait on a ``struct wait_queue_head``.

    Waiters that are no tasks, as those of epoll, are left out; poll and select are seen through.
    """
    head = int(wq) + _offset("struct wait_queue_head", compat.spelling(*_HEAD))
    walk = walk_list(head)
    if walk.end != "complete":
        pylog.warning(f"wait queue {int(wq):#x} is broken at {walk.stopped_at:#x} ({walk.end})")
    entry = "struct wait_queue_entry"
    known = task_records.task_table().by_addr
    found = []
    for node in walk.nodes:
        private = _pointer(node - _offset(entry, "entry") + _offset(entry, "private"))
        if private not in known and compat.has("struct poll_wqueues"):
            private = _pointer(private + _offset("struct poll_wqueues", "polling_task"))
        if private in known:
            found.append(readSU("struct task_struct", private))
    return found


_HEAD = ("struct wait_queue_head", "Head")


def get_ioctx_list(task: int) -> list[StructResult]:
    """``struct kioctx`` of a task: its contexts of asynchronous I/O."""
    mm = _pointer(int(task) + _offset("struct task_struct", "mm"))
    # v3.12 db446a08c23d ("aio: convert the ioctx list to table lookup v3")
    table = _pointer(mm + _offset("struct mm_struct", "ioctx_table")) if mm else 0
    if not table:
        return []
    count = min(lowlevel.read_uint(table + _offset("struct kioctx_table", "nr"), 4), _CONTEXTS_MAX)
    start = table + _offset("struct kioctx_table", "table")
    found = (_pointer(start + 8 * number) for number in range(count))
    return [readSU("struct kioctx", addr) for addr in found if addr]


def _pointer(addr: int) -> int:
    try:
        return lowlevel.read_pointer(addr)
    except ReadError:
        return 0


def _offset(struct: str, member: str) -> int:
    return lowlevel.member(struct, member).offset
