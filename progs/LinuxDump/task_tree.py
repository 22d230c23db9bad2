# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes as a tree: who made whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import task_details
from LinuxDump.task_records import Task, TaskTable
from LinuxDump.task_rows import CODES, state_colors
from LinuxDump.task_selection import comm
from pykdump.colors import paint
from pykdump.logging import pylog
from pykdump.printing import printable


@dataclass(frozen=True)
class Node:
    """A process with those that it made."""

    addr: int  #: struct task_struct *
    pid: int
    comm: str
    state: str  #: RU IN UN ...
    threads: int  #: beside the leader
    children: tuple[Node, ...]

    def count(self) -> int:
        """Processes in this tree, and their threads."""
        return 1 + self.threads + sum(child.count() for child in self.children)


def tree(table: TaskTable, pid: int = 0) -> Node | None:
    """The tree of a process, by default of the first idle task, which made all; None without it.

    Processes whose parent is not known, or its own descendant, hang below the first idle task, with
    a warning.
    """
    tasks = [task for task in table.tasks if task.idle_cpu is None]
    leaders = {task.tgid: task for task in tasks if task.pid == task.tgid}
    threads: dict[int, int] = defaultdict(int)
    for task in tasks:
        threads[task.tgid] += task.pid != task.tgid
    children = _children(list(leaders.values()), table)
    root = _root(table)
    if pid:
        if pid not in leaders:
            return None
        return _node(leaders[pid], children, threads)
    return None if root is None else _node(root, children, threads)


def _root(table: TaskTable) -> Task | None:
    idle = {task.idle_cpu: task for task in table.tasks if task.idle_cpu is not None}
    return idle[min(idle)] if idle else None


def _children(leaders: list[Task], table: TaskTable) -> dict[int, list[Task]]:
    # By address of the parent's leader; the idle task is a parent, too.
    root = _root(table)
    root_addr = 0 if root is None else root.addr
    by_pid = {task.pid: task for task in leaders}
    parents: dict[int, int] = {}
    for task, detail in zip(leaders, task_details.details([task.addr for task in leaders])):
        parent = None if detail is None else table.by_addr.get(detail.real_parent_addr)
        if parent is not None and parent.idle_cpu is None:
            parent = by_pid.get(parent.tgid)  # a thread may have made it
        parents[task.addr] = root_addr if parent is None else parent.addr
    lost = _lost(root_addr, parents)
    for addr in lost:
        parents[addr] = root_addr
    if lost:
        pylog.warning(f"{len(lost)} processes are their own ancestors: shown below the first task")
    found: dict[int, list[Task]] = defaultdict(list)
    for task in leaders:
        found[parents[task.addr]].append(task)
    return found


def _lost(root: int, parents: dict[int, int]) -> list[int]:
    # Those whose ancestors do not end in the root; each is looked at once.
    good = {root}
    lost = []
    for addr in parents:
        way: list[int] = []
        seen = set()
        at = addr
        while at not in good and at in parents and at not in seen:
            seen.add(at)
            way.append(at)
            at = parents[at]
        if at in good:
            good.update(way)
        else:
            lost += [each for each in way if each not in lost]
            good.update(way)  # told once
    return lost


def _node(task: Task, children: dict[int, list[Task]], threads: dict[int, int]) -> Node:
    # Chains of processes may be deeper than Python's stack: from the leaves up.
    order, todo = [], [task]
    while todo:
        order.append(todo.pop())
        todo += children.get(order[-1].addr, [])
    made: dict[int, Node] = {}
    for each in reversed(order):
        below = sorted(children.get(each.addr, []), key=lambda child: child.pid)
        made[each.addr] = Node(
            addr=each.addr,
            pid=each.pid,
            comm=comm(each),
            state=CODES[each.state],
            threads=0 if each.idle_cpu is not None else threads[each.tgid],
            children=tuple(made[child.addr] for child in below),
        )
    return made[task.addr]


# --- text

_FIRST, _LAST, _MIDDLE, _DOWN, _ONLY = "-+- ", " `- ", " |- ", " |  ", "--- "


def lines(
    root: Node, *, pids: bool = False, states: bool = False, threads: bool = False
) -> Iterator[str]:
    """The tree as text: the first child in its parent's line, the others below."""
    # Text of the line so far, how far the next line of this branch is indented, node
    line = ""
    todo: list[tuple[str, str, Node | str]] = [("", "", root)]
    while todo:
        branch, indent, node = todo.pop()
        label = node if isinstance(node, str) else _label(node, pids, states)
        width = len(label)
        if line and branch in (_LAST, _MIDDLE):
            yield line
            line = indent
        line += branch + (
            label if isinstance(node, str) else paint(label, *state_colors(node.state))
        )
        if isinstance(node, str):
            continue
        parts: list[Node | str] = list(node.children)
        if threads and node.threads:
            parts.append(f"{node.threads}*[{{{node.comm}}}]")
        below = indent + {_MIDDLE: _DOWN, _FIRST: _DOWN}.get(branch, " " * len(branch))
        below += " " * width
        rows = []
        for place, part in enumerate(parts):
            kind = _MIDDLE if place < len(parts) - 1 else _LAST
            if place == 0:
                kind = _ONLY if len(parts) == 1 else _FIRST
            rows.append((kind, below, part))
        todo += reversed(rows)
    if line:
        yield line


def _label(node: Node, pids: bool, states: bool) -> str:
    return (
        printable(node.comm)
        + (f"({node.pid})" if pids else "")
        + (f"[{node.state}]" if states else "")
    )
