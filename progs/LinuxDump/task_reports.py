# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables about tasks that scripts print: states, namespaces, memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, Union

from LinuxDump import ipc_shm, task_details, task_memory
from LinuxDump.task_classes import Task, TaskTable
from LinuxDump.task_usage import vmas
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.highlevel import readSU
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable

_FILE = Layout("struct file", "f_op", "private_data")
_ATTACHED = Layout("struct shm_file_data", "id", "ns")
_SPANS_S = (1, 5, 60)


class Shm(NamedTuple):
    """A row of ``ipcs -m``."""

    key: int
    shmid: int
    uid: int
    perms: int
    bytes: int
    nattch: int


def tasksSummary() -> int:
    """Print how many threads ran in the last seconds and how many are in each state.

    Returns the number of threads.
    """
    table = TaskTable()
    threads = [task for task in table.allThreads() if task.record is not None and task.pid]
    print(f" Threads: {len(threads)}")
    for seconds in _SPANS_S:
        count = sum(1 for task in threads if task.Ran_ago <= 1000 * seconds)
        print(f"{count:8} ran in the last {seconds} s")
    states = Counter(task.state for task in threads)
    print(" Threads by state")
    for state, count in sorted(states.items()):
        print(f"{count:8} {state}")
    spaces = table.pidnamespaces
    if len(spaces) > 1:
        pylog.warning(f"there are {len(spaces)} pid namespaces: containers are running")
    return len(threads)


def print_namespaces_info(tt: TaskTable, v: int = 0) -> None:
    """Print the namespaces of each kind and how many processes are in each; with v, which."""
    leaders = [task for task in tt.allTasks() if task.pid]
    members: dict[tuple[str, int, int], list[Task]] = defaultdict(list)
    for task, record in zip(leaders, task_details.details([int(task) for task in leaders])):
        for kind, space in (record.namespaces if record is not None else {}).items():
            if not kind.endswith("_for_children"):
                members[kind, space.number, space.addr].append(task)
    for (kind, number, addr), tasks in sorted(members.items(), key=lambda item: item[0]):
        print(f"{kind}:[{number}] {addr:#x}  {len(tasks)} processes")
        _print_tasks(tasks, v)


def print_pid_namespaces(tt: TaskTable, v: int = 0) -> None:
    """Print the pid namespaces and how many processes are in each; with v, which."""
    for addr, tasks in sorted(tt.pidnamespaces.items()):
        print(f"<struct pid_namespace {addr:#x}>  {len(tasks)} processes")
        _print_tasks(tasks, v)


def _print_tasks(tasks: Iterable[Task], v: int) -> None:
    if v:
        for task in tasks:
            print(f"    {printable(str(task))}")


# --- memory


def print_mm_stats(mm: Any) -> None:
    """Print the sizes of a ``struct mm_struct``."""
    found = task_memory.memory_of(int(mm))
    if found is None:
        print(f"<struct mm_struct {int(mm):#x}> cannot be read")
        return
    print(f"<struct mm_struct {int(mm):#x}> {found.map_count} mappings")
    print(f"  VSZ {found.vsz_kb} kB  RSS {found.rss_kb} kB  swap {found.swap_kb} kB")
    print(f"  anonymous {found.anon_kb} kB  file {found.file_kb} kB  shared {found.shmem_kb} kB")


def print_memory_stats(ntop: int = 8) -> None:
    """Print the processes with the most memory in RAM."""
    leaders = [task for task in TaskTable().allTasks() if task.pid]
    found = task_memory.memory([int(task) for task in leaders])
    users = [(memory, task) for memory, task in zip(found, leaders) if memory is not None]
    users.sort(key=lambda user: -user[0].rss_kb)
    print(f"{'PID':>8} {'RSS kB':>12} {'VSZ kB':>12} {'swap kB':>12}  CMD")
    for memory, task in users[:ntop]:
        sizes = f"{memory.rss_kb:12} {memory.vsz_kb:12} {memory.swap_kb:12}"
        print(f"{task.pid:8} {sizes}  {task.comm}")


# --- System V shared memory


def get_ipcs_m() -> dict[tuple[int, int], Shm]:
    """Segments of shared memory by ``(key, shmid)``."""
    return {
        (found.key, found.shmid): Shm(
            found.key, found.shmid, found.uid, found.perms, found.size_bytes, found.attached
        )
        for found in ipc_shm.segments()
    }


def vma2sysv(vma: Any) -> Union[tuple[int, int], None]:
    """``(key, shmid)`` of a ``struct vm_area_struct`` of System V shared memory, else None."""
    found = _segment_of(vma)
    return None if found is None else (found.key, found.shmid)


def get_task_shm_usage(task: Any) -> int:
    """Bytes of System V shared memory that a task has mapped, each segment once."""
    found = {each for each in map(_segment_of, _vmas(task)) if each is not None}
    return sum(segment.size_bytes for segment in found)


def _segment_of(vma: Any) -> ipc_shm.Segment | None:
    try:
        file = lowlevel.read_pointer(
            int(vma) + lowlevel.member("struct vm_area_struct", "vm_file").offset
        )
    except ReadError:
        return None
    row = _FILE.read(file) if file else None
    shm_ops = {
        lowlevel.find_symbol(name) for name in ("shm_file_operations", "shm_file_operations_huge")
    }
    if row is None or row.f_op not in shm_ops:
        return None
    # do_shmat() in ipc/shm.c: ids are those of the namespace in which it was attached.
    attached = _ATTACHED.read(row.private_data)
    if attached is None:
        return None
    by_id = {found.shmid: found for found in ipc_shm.segments(attached.ns)}
    return by_id.get(attached.id)


def _vmas(task: Any) -> list[Any]:
    at = lowlevel.member("struct task_struct", "mm").offset
    mm = lowlevel.read_pointer(int(task) + at)
    return [readSU("struct vm_area_struct", vma) for vma in (vmas(mm) if mm else [])]
