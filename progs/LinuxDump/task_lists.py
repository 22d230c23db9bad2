# SPDX-License-Identifier: GPL-2.0-or-later
"""How tasks are found: the lists of processes and threads, and the roads around damage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list, walk_list_backwards, walk_lists

# include/linux/threads.h
_PID_MAX_LIMIT = 4 * 1024 * 1024

_SIGNAL = Layout("struct task_struct", "signal")
_IDS = Layout("struct task_struct", "pid", "tgid")
_LINKS = Layout(
    "struct task_struct",
    *("tasks.next", "tasks.prev", "sibling.next", "sibling.prev", "children.next", "children.prev"),
    *("real_parent", "group_leader"),
)

_WALK_ENDS = {
    "cycle": "met before",
    "unreadable": "cannot be read",
    "limit": "more than any kernel has",
}


def is_plausible(row: Any, is_idle: bool = False) -> bool:
    """Whether a row with pid and tgid can be a task's.

    A damaged list can lead anywhere; what it leads to shall not pass for a task.
    """
    return (0 < row.pid <= _PID_MAX_LIMIT and 0 < row.tgid <= _PID_MAX_LIMIT) or (
        is_idle and row.pid == 0
    )


def all_threads(init_task: int) -> list[int]:
    """``struct task_struct *`` of all threads but the idle ones, processes in the order of fork.

    Where the list of processes is broken, as many as can be reached otherwise, with a warning.
    """
    tasks_at = _offset("tasks")
    head = init_task + tasks_at
    walk = walk_list(head)
    leaders = [_task(node, tasks_at) for node in walk.nodes]
    if walk.end == "complete":
        return _with_threads(leaders)

    backwards = [_task(node, tasks_at) for node in walk_list_backwards(head)]
    found = _reachable([init_task, *_with_threads(_unique([*leaders, *backwards]))])
    found.remove(init_task)
    pylog.warning(
        f"the list of processes is broken at task_struct {[init_task, *leaders][-1]:#x}: its "
        f"tasks.next is {walk.stopped_at:#x} ({_WALK_ENDS[walk.end]}); {len(found)} threads found "
        "from the list's other end and through the relatives of those known, others may be missing"
    )
    return found


def _with_threads(leaders: Sequence[int]) -> list[int]:
    # The leaders, each followed by the other threads of its process.
    node_at = _offset("thread_node")
    head_at = lowlevel.member("struct signal_struct", "thread_head").offset
    rows = _SIGNAL.read_many(leaders)
    whole = [leader for leader, row in zip(leaders, rows) if row is not None and row.signal]
    heads = [row.signal + head_at for row in rows if row is not None and row.signal]
    threads: dict[int, list[int]] = {}
    broken = []
    for leader, walk in zip(whole, walk_lists(heads)):
        threads[leader] = [_task(node, node_at) for node in walk.nodes]
        if walk.end != "complete":
            broken.append(leader)
    if broken:
        pylog.warning(
            f"{len(broken)} processes have a broken list of threads, some of theirs may be "
            f"missing; the first is task_struct {broken[0]:#x}"
        )
    return _unique(_flatten((leader, *threads.get(leader, ())) for leader in leaders))


def _reachable(known: Sequence[int]) -> list[int]:
    # What is known, and all to which its links lead, in either direction, over any number of steps.
    found = dict.fromkeys(known)
    fresh = list(known)
    while fresh:
        near = [task for task in _unique(_neighbours(fresh)) if task not in found]
        rows = _IDS.read_many(near)
        sane = [task for task, row in zip(near, rows) if row is not None and is_plausible(row)]
        fresh = [task for task in _with_threads(sane) if task not in found]
        found.update(dict.fromkeys(fresh))
    return list(found)


def _neighbours(tasks: Sequence[int]) -> Iterator[int]:
    tasks_at, sibling_at, children_at = map(_offset, ("tasks", "sibling", "children"))
    for task, row in zip(tasks, _LINKS.read_many(tasks)):
        if row is None:
            continue
        yield from (_task(row.tasks_next, tasks_at), _task(row.tasks_prev, tasks_at))
        yield from (row.real_parent, row.group_leader)
        # The ends of a list of siblings are in their parent.
        heads = task + children_at, row.real_parent + children_at
        for node in row.sibling_next, row.sibling_prev, row.children_next, row.children_prev:
            if node not in heads:
                yield _task(node, sibling_at)


def _task(node: int, offset: int) -> int:
    # container_of(); a damaged pointer may be anything
    return (node - offset) & 0xFFFF_FFFF_FFFF_FFFF


def _offset(member: str) -> int:
    return lowlevel.member("struct task_struct", member).offset


def _unique(tasks: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(tasks))


def _flatten(lists: Iterable[Iterable[int]]) -> Iterator[int]:
    for inner in lists:
        yield from inner
