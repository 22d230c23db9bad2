# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes have the memory, System V segments and other shared memory too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import ipc_shm, task_memory, trees
from LinuxDump.task_records import Task
from LinuxDump.task_selection import comm
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.walks import Chain, walk_chain

_VMA = Layout("struct vm_area_struct", "vm_start", "vm_end", "vm_ops")
_MAPPINGS_MAX = 1 << 20


@dataclass(frozen=True)
class User:
    """Memory of a process."""

    addr: int  #: struct task_struct *
    pid: int
    comm: str
    rss_kb: int
    shm_kb: int  #: System V shared memory that it has mapped


@dataclass(frozen=True)
class MemoryOfTasks:
    """Memory of all processes."""

    users: tuple[User, ...]
    total_rss_kb: int
    total_shm_kb: int  #: of all segments, in RAM or not


def memory_of_tasks(tasks: Sequence[Task]) -> MemoryOfTasks:
    """Memory of the processes among these tasks."""
    leaders = [task for task in tasks if task.pid == task.tgid and task.idle_cpu is None]
    found = task_memory.memory([task.addr for task in leaders])
    known = [(task, memory) for task, memory in zip(leaders, found) if memory is not None]
    has_segments, total = _segments()
    users = tuple(
        User(
            addr=task.addr,
            pid=task.pid,
            comm=comm(task),
            rss_kb=memory.rss_kb,
            shm_kb=_shm_kb(memory.mm_addr) if has_segments else 0,
        )
        for task, memory in known
    )
    return MemoryOfTasks(users, sum(user.rss_kb for user in users), total)


def _segments() -> tuple[bool, int]:
    try:
        segments = ipc_shm.segments()
    except PykdumpError as error:
        pylog.warning(f"System V shared memory cannot be read: {error}")
        return True, 0
    return bool(segments), sum(segment.size_bytes for segment in segments) // 1024


def _shm_kb(mm: int) -> int:
    shm_ops = lowlevel.find_symbol("shm_vm_ops")
    rows = _VMA.read_many(vmas(mm))
    size = sum(row.vm_end - row.vm_start for row in rows if row and row.vm_ops == shm_ops)
    return int(size) // 1024


def vmas(mm: int) -> list[int]:
    """``struct vm_area_struct *`` of a ``struct mm_struct *``, in the order of addresses."""
    # v6.1 524e00b36e8c ("mm: remove rb tree") and 763ecb035029 ("mm: remove the vma linked list")
    if compat.has("struct mm_struct.mm_mt"):
        tree = mm + lowlevel.member("struct mm_struct", "mm_mt").offset
        walk = trees.maple_tree(tree, limit=_MAPPINGS_MAX)
        return [entry for _, _, entry in walk.entries if not entry & 3]
    head = mm + lowlevel.member("struct mm_struct", "mmap").offset
    next_at = lowlevel.member("struct vm_area_struct", "vm_next").offset
    return list(walk_chain(head, Chain(next_offset=next_at), limit=_MAPPINGS_MAX).nodes)


# --- text


def lines(found: MemoryOfTasks, count: int) -> Iterator[str]:
    """The largest users as text."""
    for title, key in (
        ("RSS+SHM", lambda user: user.rss_kb + user.shm_kb),
        ("RSS", lambda user: user.rss_kb),
    ):
        shown = sorted(found.users, key=key, reverse=True)[:count]
        yield f" ==== First {len(shown)} Tasks reverse-sorted by {title} ===="
        for user in shown:
            yield (
                f"   PID={user.pid:6d} CMD={printable(user.comm):<15s} "
                f"RSS={user.rss_kb / (1 << 20):.3f} Gb shm={user.shm_kb / (1 << 20):.3f} Gb"
            )
        yield ""
    yield f" === Total Memory in RSS  {found.total_rss_kb / (1 << 20):.3f} Gb"
    yield f" === Total Memory in SHM  {found.total_shm_kb / (1 << 20):.3f} Gb"
