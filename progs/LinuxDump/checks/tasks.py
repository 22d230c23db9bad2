# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of tasks: those that hang, services that others wait for, zombies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from LinuxDump import task_details
from LinuxDump.findings import NOTE, OLD_S, SHOWN, Finding
from LinuxDump.situation import Situation, age_s
from LinuxDump.task_selection import comm
from pykdump import lowlevel
from pykdump.printing import counted, printable

_HUNG_S = 120


def blocked_tasks(situation: Situation) -> Iterator[Finding]:
    blocked = [task for task in situation.threads if task.state == "D"]
    old = [task for task in blocked if age_s(task) > OLD_S]
    if not old:
        return
    old.sort(key=lambda task: -age_s(task))
    hung = [task for task in old[:10] if age_s(task) > _HUNG_S]
    details = list(_roots(situation))
    title = f"{counted(len(old), 'task is', 'tasks are')} UNINTERRUPTIBLE for more than {OLD_S} s"
    weight = 60
    if len(hung) > 1:
        title = f"Possible hang: {title}, the longest {age_s(old[0]):.0f} s"
        weight = 72
    yield Finding(weight, title, tuple(details), "hanginfo")


def _roots(situation: Situation) -> Iterator[str]:
    # What tasks wait for in the end, the one with most tasks behind it first.
    graph = situation.waits.graph
    shown = 0
    for root in graph.roots():
        nodes = [graph.nodes[key] for key in root.trunk]
        tasks = [graph.nodes[key] for key in root.tasks]
        if shown < SHOWN and any(task.state == "D" for task in tasks):
            age = f", longest {root.longest_ns / 1e9:.0f} s" if root.longest_ns else ""
            inferred = " (inferred)" if root.inferred else ""
            way = " <- ".join(printable(node.text) for node in nodes)
            yield f"{counted(len(tasks), 'task')}{age}: {way}{inferred}"
            shown += 1


def deadlocks(situation: Situation) -> Iterator[Finding]:
    graph = situation.waits.graph
    for cycle in graph.cycles():
        texts = [printable(graph.nodes[key].text) for key in cycle.keys]
        count = sum(graph.nodes[key].kind == "task" for key in cycle.keys)
        what = "possible deadlock" if cycle.inferred else "deadlock"
        behind = f", {len(cycle.behind)} wait behind it" if cycle.behind else ""
        yield Finding(
            60 if cycle.inferred else 88,
            f"{what} of {counted(count, 'task')}{behind}",
            (" <- ".join([*texts, texts[0]]),),
            "hanginfo",
        )


def pid_namespaces(situation: Situation) -> Iterator[Finding]:
    init = lowlevel.find_symbol("init_pid_ns")
    details = task_details.details([task.addr for task in situation.threads])
    spaces = [each.namespaces.get("pid") for each in details if each is not None]
    foreign = [space for space in spaces if space and space.addr != init]
    if foreign:
        number = len({space.addr for space in foreign})
        many = counted(len(foreign), "thread is", "threads are")
        title = f"{many} in {counted(number, 'pid namespace')} apart from the first"
        yield Finding(NOTE, title, (), "taskinfo --ns")


def zombies(situation: Situation) -> Iterator[Finding]:
    dead = [task for task in situation.threads if task.state == "Z"]
    if len(dead) > 20:
        names = Counter(map(comm, dead)).most_common(3)
        details = tuple(f"{number} {name}" for name, number in names)
        yield Finding(NOTE, f"{len(dead)} zombies", details, "taskinfo --taskfilter=ZO")
