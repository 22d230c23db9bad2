# SPDX-License-Identifier: GPL-2.0-or-later
"""What hanginfo reports, as records: cycles, blockers, classes of waiting threads, activities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from LinuxDump import BTstack
from LinuxDump.hangs.classes import (
    Owner,
    StackGroup,
    WaitClass,
    classify,
    merged_stacks,
    owners,
    unclassified,
)
from LinuxDump.hangs.collect import Wait, Waits, collect
from LinuxDump.hangs.graph import Cycle, Graph, Link, Node, Root
from LinuxDump.hangs.sleepers import bare, is_scheduler
from LinuxDump.hangs.unix_sockets import SocketReport, socket_reports
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel, sections
from pykdump.errors import PykdumpError
from pykdump.logging import pylog
from pykdump.printing import printable


@dataclass(frozen=True)
class Step:
    """One link of a chain."""

    node: str  #: key of the node that is waited for
    kind: str
    addr: int
    text: str
    how: str  #: how the node before is held up by this one, "" for the first
    inferred: bool
    evidence: str
    doing: str = ""  #: of a task at the end: the functions it is in, and where it runs


@dataclass(frozen=True)
class Chain:
    """A cycle, or what tasks are stuck behind."""

    count: int  #: of tasks that are stuck
    pids: tuple[int, ...]  #: theirs
    longest_ns: int | None
    uninterruptible: int  #: how many of them are
    inferred: bool
    steps: tuple[Step, ...]  #: of a cycle all around; else the way all go, the blocker last
    is_cycle: bool = False
    behind: tuple[int, ...] = ()  #: pids of those that are stuck behind a cycle


@dataclass(frozen=True)
class Activity:
    """Threads that do something of interest."""

    what: str
    by_state: dict[str, int]
    pids: tuple[int, ...]


@dataclass(frozen=True)
class HangReport:
    """All of it."""

    cycles: tuple[Chain, ...]
    blockers: tuple[Chain, ...]  #: with an uninterruptible task behind, the most tasks first
    sleeping: tuple[Chain, ...]  #: the same with only tasks in interruptible sleep
    waits: tuple[Wait, ...]
    classes: tuple[WaitClass, ...]
    unclassified: tuple[StackGroup, ...]
    owners: tuple[Owner, ...]
    system: tuple[str, ...]  #: what else than tasks others wait for
    activities: tuple[Activity, ...]
    sockets: tuple[SocketReport, ...]
    has_saphana: bool
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    @property
    def uninterruptible(self) -> list[Wait]:
        """Waits in state D."""
        return [wait for wait in self.waits if wait.state == "D"]


def report() -> HangReport:
    """What hangs in the dump that is open."""
    waits = collect()
    graph = waits.graph
    with sections.section("report"):
        names = _functions(waits)
        cycles = graph.cycles()
        told = {key for cycle in cycles for key in cycle.keys}
        roots = [root for root in graph.roots() if not told.intersection(root.keys)]
        chains = [_record(graph, root.trunk, root.tasks, root.longest_ns, names) for root in roots]
        blocked = [wait for wait in waits.waits if wait.state == "D"]
        found = HangReport(
            cycles=tuple(_cycle(graph, cycle) for cycle in cycles),
            blockers=tuple(chain for chain in chains if chain.uninterruptible),
            sleeping=tuple(filter(_is_told, chains)),
            waits=waits.waits,
            classes=tuple(classify(blocked, graph)),
            unclassified=tuple(merged_stacks(unclassified(blocked), waits)),
            owners=tuple(owners(blocked, waits)),
            system=tuple(_system(graph, roots)),
            activities=tuple(_activities(names)),
            sockets=tuple(socket_reports(waits)),
            has_saphana=any(task.comm.startswith(_SAPHANA) for task in task_table().tasks),
            nodes=tuple(graph.nodes.values()),
            links=tuple(graph.links),
        )
    _warn(found)
    return found


_SAPHANA = (b"hdbindexserver", b"hdbnameserver", b"hdbdaemon")


def _functions(waits: Waits) -> dict[int, Sequence[str]]:
    # Those on the stacks of all tasks, innermost first.
    names: dict[int, Sequence[str]] = {
        addr: sleeper.names for addr, sleeper in waits.sleepers.items()
    }
    running = [task for task in task_table().tasks if task.is_running and task.idle_cpu is None]
    for task, stack in zip(running, BTstack.stacks(running)):
        names[task.addr] = [bare(frame.function) for frame in stack.frames]
    return names


# --- chains


def _cycle(graph: Graph, cycle: Cycle) -> Chain:
    tasks = [key for key in cycle.keys if graph.nodes[key].kind == "task"]
    ages = [graph.nodes[key].age_ns or 0 for key in (*tasks, *cycle.behind)]
    record = _record(graph, [*cycle.keys, cycle.keys[0]], tasks, max(ages, default=None), {})
    behind = tuple(sorted(graph.nodes[key].pid or 0 for key in cycle.behind))
    return replace(record, is_cycle=True, behind=behind)


def _record(
    graph: Graph,
    keys: Sequence[str],
    tasks: Sequence[str],
    longest_ns: int | None,
    names: dict[int, Sequence[str]],
) -> Chain:
    nodes = [graph.nodes[key] for key in tasks]
    steps = []
    for before, key in zip((None, *keys), keys):
        node = graph.nodes[key]
        link = graph.link(before, key) if before else None
        is_end = node.kind == "task" and not graph.outgoing(key)
        doing = _doing(names.get(node.addr, ()), node.addr) if is_end else ""
        steps.append(
            Step(
                *(key, node.kind, node.addr, node.text, link.how if link else ""),
                *(link.inferred if link else False, link.evidence if link else "", doing),
            )
        )
    return Chain(
        len(nodes),
        tuple(sorted(node.pid or 0 for node in nodes)),
        longest_ns,
        sum(node.state == "D" for node in nodes),
        any(step.inferred for step in steps),
        tuple(steps),
    )


_ENTRIES = re.compile(r"do_syscall_64$|entry_\w+$|ret_from_fork\w*$|kthread$|asm_\w+$|$")
_MOST_FUNCTIONS = 3


def _doing(names: Sequence[str], addr: int) -> str:
    # What the one at the end of a chain is in, which says why it does not let go.
    task = task_table().by_addr.get(addr)
    inner = [name for name in names if not is_scheduler(name) and not _ENTRIES.match(name)]
    where = " < ".join(f"{name}()" for name in inner[:_MOST_FUNCTIONS])
    if task is None or not task.is_running:
        return f"in {where}" if where else ""
    return f"runs on CPU {task.cpu}" + (f" in {where}" if where else "")


def _is_told(chain: Chain) -> bool:
    # Who just waits for a customer, with nobody who should come, is no news.
    return not chain.uninterruptible and chain.steps[-1].kind in ("task", "freezer")


def _system(graph: Graph, roots: Iterable[Root]) -> Iterable[str]:
    for root in roots:
        node = graph.nodes[root.trunk[-1]]
        if node.kind not in ("task", "mutex", "rwsem", "semaphore", "pipe", "socket", "futex"):
            count = sum(graph.nodes[key].state == "D" for key in root.tasks)
            if count:
                yield f"{node.text}: {count} waiting"


# --- activities

#: What threads do, by functions on their stacks.
_ACTIVITIES = {
    "shrinking zone": frozenset(("shrink_zone", "shrink_node", "shrink_lruvec")),
    "doing shrink_slab": frozenset(("shrink_slab", "do_shrink_slab")),
    "doing balance_dirty_pages": frozenset(
        ("balance_dirty_pages", "balance_dirty_pages_ratelimited")
    ),
}


def _activities(names: dict[int, Sequence[str]]) -> Iterable[Activity]:
    table = task_table()
    for what, functions in _ACTIVITIES.items():
        tasks = [
            table.by_addr[addr] for addr, found in names.items() if not functions.isdisjoint(found)
        ]
        if tasks:
            yield Activity(what, _by_state(tasks), tuple(sorted(task.pid for task in tasks)))


def _by_state(tasks: Iterable[Task]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.state] = counts.get(task.state, 0) + 1
    return counts


# --- warnings

_USUAL_TIMEOUT_S = 120


def _warn(found: HangReport) -> None:
    limit = _hung_after_s()
    harmless = ("sleep", "freezer", "new_kthread")
    old = [
        wait
        for wait in found.uninterruptible
        if (wait.ran_ago_ns or 0) > limit * 1_000_000_000 and wait.kind not in harmless
    ]
    if old:
        longest = max(wait.ran_ago_ns or 0 for wait in old) // 1_000_000_000
        pylog.warning(
            f"Possible hang: {len(old)} thread{'s are' if len(old) != 1 else ' is'} "
            f"UNINTERRUPTIBLE for more than {limit} s, the longest for {longest} s"
        )
    pressed = sum(wait.kind in ("reclaim", "allocation", "memcg") for wait in found.waits)
    if pressed:
        who = "1 thread waits" if pressed == 1 else f"{pressed} threads wait"
        pylog.warning(f"Memory pressure: {who} for free memory")
    for socket in found.sockets:
        owner = socket.owner
        if socket.path == "/dev/log" and owner and (owner.ran_ago_ns or 0) > _SYSLOG_SLOW_NS:
            pylog.warning(
                f"{len(socket.waiters)} threads wait for {printable(owner.comm)} "
                f"(pid {owner.pid}) to read /dev/log; it ran "
                f"{(owner.ran_ago_ns or 0) // 1_000_000} ms ago"
            )


_SYSLOG_SLOW_NS = 5_000_000_000


def _hung_after_s() -> int:
    try:
        found = lowlevel.read_uint(lowlevel.symbol_address("sysctl_hung_task_timeout_secs"), 8)
    except PykdumpError:
        return _USUAL_TIMEOUT_S
    return found if 0 < found < 1 << 32 else _USUAL_TIMEOUT_S
