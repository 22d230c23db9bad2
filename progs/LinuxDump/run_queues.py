# SPDX-License-Identifier: GPL-2.0-or-later
"""What waits for a CPU: run queues of the scheduler (kernel/sched/sched.h)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import trees
from LinuxDump.cpus import RunQueue
from LinuxDump.task_records import Task, TaskTable
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

# v5.14 9ef7e7e33bcd ("sched: Optimize rq_lockp() usage") and those before made it __lock
compat.member("struct rq", "Lock", "__lock", "lock")

_MAX_RT_PRIO = 100
_RQ = Layout("struct rq", "nr_running", "Lock", "cfs.nr_running", "rt.rt_nr_running")
_RQ_NEWER = Layout("struct rq", "nr_running", "Lock", "cfs.nr_queued", "rt.rt_nr_running")
_SUM = Layout("struct task_struct", "se.sum_exec_runtime")


@dataclass(frozen=True)
class Waiting:
    """A task on a run queue."""

    task_addr: int
    pid: int
    comm: str
    runtime_s: float  #: CPU time that it had


@dataclass(frozen=True)
class CpuQueue:
    """What a CPU has to run."""

    cpu: int
    addr: int  #: struct rq *
    clock_ns: int
    current: Waiting | None
    running: int  #: counted by the kernel, the current one too
    is_locked: bool
    cfs: tuple[Waiting, ...]  #: in the order of the tree
    realtime: dict[int, tuple[Waiting, ...]]  #: priority -> tasks, the current one too


def cpu_queues(table: TaskTable) -> list[CpuQueue]:
    """The run queue of each CPU."""
    return [_queue(queue, table) for queue in table.run_queues]


def _queue(queue: RunQueue, table: TaskTable) -> CpuQueue:
    # v6.13 736c55a02c47 ("sched/fair: Rename cfs_rq.nr_running into nr_queued")
    layout = _RQ if compat.has("struct cfs_rq.nr_running") else _RQ_NEWER
    row = layout.read(queue.addr)
    locked = row is not None and any(row.Lock[:4])
    return CpuQueue(
        cpu=queue.cpu,
        addr=queue.addr,
        clock_ns=queue.clock_ns,
        current=_waiting([queue.curr], table)[0] if queue.curr in table.by_addr else None,
        running=0 if row is None else row.nr_running,
        is_locked=locked,
        cfs=tuple(_waiting(_cfs_tasks(queue, table), table)),
        realtime=_realtime(queue, table),
    )


def _waiting(addrs: list[int], table: TaskTable) -> list[Waiting]:
    found = []
    for addr, row in zip(addrs, _SUM.read_many(addrs)):
        task: Task | None = table.by_addr.get(addr)
        if task is not None:
            name = task.comm.decode("utf-8", "backslashreplace")
            runtime = 0 if row is None else row.se_sum_exec_runtime
            found.append(Waiting(addr, task.pid, name, runtime / 1e9))
    return found


def _cfs_tasks(queue: RunQueue, table: TaskTable) -> list[int]:
    # Groups have trees of their own: all tasks of a CPU are in cfs_tasks as well, unsorted.
    at = lowlevel.find_member("struct rq", "cfs_tasks")
    if at is None:
        return _tree(queue.addr + lowlevel.member("struct rq", "cfs.tasks_timeline").offset)
    node_at = lowlevel.member("struct task_struct", "se.group_node").offset
    (walk,) = walk_lists([queue.addr + at.offset])
    if walk.end != "complete":
        pylog.warning(
            f"CPU {queue.cpu}: rq.cfs_tasks is broken at {walk.stopped_at:#x} ({walk.end}), tasks "
            "may be missing"
        )
    ordered = _tree(queue.addr + lowlevel.member("struct rq", "cfs.tasks_timeline").offset)
    places = {addr: place for place, addr in enumerate(ordered)}
    tasks = [node - node_at for node in walk.nodes if node - node_at != queue.curr]
    return sorted(tasks, key=lambda addr: places.get(addr, len(places)))


def _tree(root: int) -> list[int]:
    node_at = lowlevel.member("struct task_struct", "se.run_node").offset
    try:
        return [node - node_at for node in trees.for_rbtree(root).nodes]
    except PykdumpError:
        return []


def _realtime(queue: RunQueue, table: TaskTable) -> dict[int, tuple[Waiting, ...]]:
    start = queue.addr + lowlevel.member("struct rq", "rt.active.queue").offset
    step = lowlevel.sizeof("struct list_head")
    node_at = lowlevel.member("struct task_struct", "rt.run_list").offset
    walks = walk_lists([start + step * priority for priority in range(_MAX_RT_PRIO)])
    return {
        priority: tuple(_waiting([node - node_at for node in walk.nodes], table))
        for priority, walk in enumerate(walks)
        if walk.nodes
    }


def lines(queue: CpuQueue) -> list[str]:
    """A queue as text."""
    shown = [f"  ---+ CPU={queue.cpu} <struct rq {queue.addr:#x}> ----"]
    if queue.current is not None:
        task = queue.current
        shown.append(
            f"     | CURRENT TASK <struct task_struct {task.task_addr:#x}>, CMD={task.comm}"
        )
    if queue.is_locked:
        shown.append("     | This runqueue is locked")
    shown += [f"    {task.pid} {task.comm} {task.runtime_s:.5f}" for task in queue.cfs]
    if queue.realtime:
        shown.append("  -- RT Queues ---")
        for priority, tasks in queue.realtime.items():
            shown.append(f"    prio={priority:<3} len={len(tasks)}")
        total = sum(map(len, queue.realtime.values()))
        shown.append(f"    {total} Real-Time processes on this CPU")
    return shown
