# SPDX-License-Identifier: GPL-2.0-or-later
"""Uninterruptible threads, sorted into classes by what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import task_selection
from LinuxDump.hangs.collect import Wait, Waits
from LinuxDump.hangs.graph import Graph
from LinuxDump.task_records import Task


@dataclass(frozen=True)
class TaskRow:
    """A task as the tables show it."""

    pid: int
    comm: str
    cpu: int
    ran_ago_ns: int | None
    state: str

    @classmethod
    def of(cls, task: Task) -> TaskRow:
        """That of a task."""
        comm = task_selection.comm(task)
        return cls(task.pid, comm, task.cpu, task.ran_ago_ns, task.state)


@dataclass(frozen=True)
class Part:
    """Threads of a class that wait for the same."""

    object: str  #: what that is, "" for a class that does not tell
    kind: str
    addr: int
    holders: tuple[str, ...]  #: ``pid=N cmd=X``, with a "?" where it is inferred
    behind: tuple[str, ...]  #: what is behind it, where that is no thread
    tasks: tuple[TaskRow, ...]


@dataclass(frozen=True)
class WaitClass:
    """A class of threads."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class StackGroup:
    """Threads with equal stacks."""

    functions: tuple[str, ...]  #: innermost first
    tasks: tuple[TaskRow, ...]


@dataclass(frozen=True)
class Owner:
    """A task that holds what others wait for."""

    task: TaskRow
    inferred: bool
    functions: tuple[str, ...]
    waiters: tuple[int, ...]  #: pids of those that wait for what it holds


_Test = Callable[[Wait], bool]


def _is(*kinds: str) -> _Test:
    return lambda wait: wait.kind in kinds


def _io_schedule(wait: Wait) -> bool:
    return wait.in_io or wait.kind in ("page", "buffer", "block_request", "block_tag", "rq_qos")


#: In this order, each takes its threads away; True: with a part for each object.
_CLASSES: tuple[tuple[str, _Test, bool], ...] = (
    ("Waiting in io_schedule", _io_schedule, False),
    ("Waiting in btrfs_tree_read_lock", lambda wait: "btrfs_tree_" in wait.caller, False),
    (
        "Waiting on inode mutexes",
        lambda wait: wait.kind in ("rwsem", "mutex") and "(i_rwsem of inode" in wait.text,
        True,
    ),
    ("Waiting on mutexes", _is("mutex"), True),
    (
        "Waiting on mmap semaphores",
        lambda wait: wait.kind == "rwsem" and "(mmap_lock of process" in wait.text,
        True,
    ),
    ("Waiting on read/write congestion queues", _is("congestion"), False),
    ("Waiting for kthreadd", _is("kthread_create"), False),
    ("Waiting for kswapd", lambda wait: wait.text.startswith("kswapd"), False),
    ("Waiting on console_sem", lambda wait: "(console_sem" in wait.text, True),
    ("Waiting on rw semaphores", _is("rwsem"), True),
    ("Waiting on frozen file systems, percpu rw semaphores", _is("percpu_rwsem"), True),
    ("Waiting on rt_mutexes and semaphores", _is("rt_mutex", "semaphore", "futex_pi"), True),
    ("Waiting for RPC", _is("rpc"), True),
    ("Waiting for works", _is("flush_work", "flush_workqueue"), True),
    ("Waiting for threads to end, or to start", _is("kthread_stop", "vfork", "new_kthread"), True),
    ("Waiting for RCU", _is("rcu", "srcu"), True),
    ("Waiting for journals", _is("journal", "xfs_log"), True),
    ("Waiting on bits and variables", _is("bit", "variable"), True),
    ("Waiting for completions", _is("completion", "bio"), True),
    ("Waiting for request queues", _is("block_queue"), True),
    ("Waiting in the freezer", _is("freezer"), True),
    ("Waiting in schedule_timeout", _is("sleep"), False),
    ("Waiting in alloc_pages_slowpath", _is("allocation", "reclaim", "memcg"), False),
    ("Waiting for write-back", _is("dirty_throttle"), False),
    ("Waiting for the NFS idmapper", _is("nfs_idmap"), False),
)


def classify(waits: Iterable[Wait], graph: Graph) -> Iterator[WaitClass]:
    """Classes that have threads."""
    rest = list(waits)
    for title, test, by_object in _CLASSES:
        taken = [wait for wait in rest if test(wait)]
        if taken:
            rest = [wait for wait in rest if not test(wait)]
            yield WaitClass(title, tuple(_parts(taken, by_object, graph)))


def unclassified(waits: Iterable[Wait]) -> list[Wait]:
    """Threads that are in no class."""
    tests = [test for _, test, _ in _CLASSES]
    return [wait for wait in waits if not any(test(wait) for test in tests)]


def _parts(waits: Sequence[Wait], by_object: bool, graph: Graph) -> Iterator[Part]:
    groups: dict[str, list[Wait]] = {}
    for wait in waits:
        groups.setdefault(wait.text if by_object else "", []).append(wait)
    for text, group in sorted(groups.items(), key=lambda item: -len(item[1])):
        holders = tuple(
            f"pid={holder.pid} cmd={holder.comm}{' ?' if holder.inferred else ''}"
            for holder in group[0].holders
        )
        addr = group[0].object_addr if text else 0
        behind = tuple(_behind(graph, group[0].node)) if text and not holders else ()
        tasks = tuple(map(row_of, group))
        yield Part(text, group[0].kind, addr, holders if text else (), behind, tasks)


def _behind(graph: Graph, key: str) -> Iterator[str]:
    seen = {key}
    links = graph.outgoing(key)
    while links and links[0].target not in seen:
        seen.add(links[0].target)
        yield graph.nodes[links[0].target].text
        links = graph.outgoing(links[0].target)


def row_of(wait: Wait) -> TaskRow:
    """A waiting task as the tables show it."""
    return TaskRow(wait.pid, wait.comm, wait.cpu, wait.ran_ago_ns, wait.state)


def merged_stacks(waits: Iterable[Wait], known: Waits) -> list[StackGroup]:
    """Groups of threads with equal stacks, the largest first."""
    groups: dict[tuple[str, ...], list[Wait]] = {}
    for wait in waits:
        groups.setdefault(tuple(known.sleepers[wait.task_addr].names), []).append(wait)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [StackGroup(names, tuple(map(row_of, group))) for names, group in ordered]


def owners(waits: Iterable[Wait], known: Waits) -> list[Owner]:
    """Tasks that hold what these wait for, with most waiters first."""
    behind: dict[int, list[int]] = {}
    sure: set[int] = set()
    for wait in waits:
        for holder in wait.holders:
            behind.setdefault(holder.task_addr, []).append(wait.pid)
            if not holder.inferred:
                sure.add(holder.task_addr)
    found = []
    for addr, pids in sorted(behind.items(), key=lambda item: -len(item[1])):
        sleeper = known.sleepers.get(addr)
        task = known.tasks[addr]
        names = tuple(sleeper.names) if sleeper is not None else ()
        row = TaskRow.of(task)
        found.append(Owner(row, addr not in sure, names, tuple(sorted(pids))))
    return found
