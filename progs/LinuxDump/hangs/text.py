# SPDX-License-Identifier: GPL-2.0-or-later
"""The report as text: the graph's findings, then the sections that hanginfo always had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from LinuxDump.hangs import summary
from LinuxDump.hangs.classes import Part, TaskRow
from LinuxDump.hangs.graph import Graph
from LinuxDump.hangs.report import Chain, HangReport, Step
from LinuxDump.hangs.summary import seconds, threads
from pykdump.colors import paint
from pykdump.printing import printable

_WIDTH = 60
_LINE = 110  # what is longer is broken before each step
#: Lines of the tree below a blocker, without -v.
_TREE_LINES = 12


@dataclass(frozen=True)
class Look:
    """How to print."""

    verbose: int = 0
    max_pids: int = 10
    sort_by_pid: bool = False
    width: int | None = None  #: of the terminal


def lines(report: HangReport, look: Look) -> Iterator[str]:
    """The whole report."""
    graph = Graph(report.nodes, report.links)
    yield from graph_lines(report, graph, look)
    yield from classic_lines(report, look)


# --- the graph


def graph_lines(report: HangReport, graph: Graph, look: Look) -> Iterator[str]:
    """How many are stuck, cycles, then blockers."""
    yield from summary.lines(report)
    for cycle in report.cycles:
        yield ""
        what = "Possible DEADLOCK" if cycle.inferred else "DEADLOCK"
        stuck = f", {len(cycle.behind)} more stuck behind" if cycle.behind else ""
        yield paint(f" *** {what} of {threads(cycle.count)}{stuck} ***", "bold", "red")
        yield from _cycle_lines(cycle, graph)
        yield from _behind_lines(cycle, graph, look)
    if report.blockers:
        yield ""
        yield paint(" *** Who holds up the others ***", "bold")
        yield from _chains(report.blockers, graph, look, with_tree=True)
    if report.sleeping:
        yield ""
        yield paint(" *** Threads in interruptible sleep that wait for others ***", "bold")
        yield from _chains(report.sleeping, graph, look, with_tree=False)
    yield from summary.others(report)


def _chains(chains: Sequence[Chain], graph: Graph, look: Look, with_tree: bool) -> Iterator[str]:
    most = len(chains) if look.verbose else max(look.max_pids, 1)
    for chain in chains[:most]:
        yield from _chain_lines(chain, graph, look, with_tree)
    if len(chains) > most:
        yield f"   <{len(chains) - most} more skipped, -v shows them>"


def _cycle_lines(cycle: Chain, graph: Graph) -> Iterator[str]:
    for step in cycle.steps:
        mark = _mark(step)
        if step.kind == "task":
            age = graph.nodes[step.node].age_ns
            how = f"   {step.how} " if step.how else "   "
            yield f"{how}{paint(step.text, 'bold')}, {seconds(age)}{mark}"
        else:
            yield f"      {step.how} {step.text}{mark}"


def _behind_lines(cycle: Chain, graph: Graph, look: Look) -> Iterator[str]:
    if cycle.behind:
        inside = {step.node for step in cycle.steps}
        yield "   stuck behind:"
        for key in dict.fromkeys(step.node for step in cycle.steps):
            yield from _cut(list(_tree(graph, key, look, inside)), look)


def _cut(tree: Sequence[str], look: Look) -> Iterator[str]:
    most = len(tree) if look.verbose else _TREE_LINES
    yield from (f"            {line}" for line in tree[:most])
    if len(tree) > most:
        yield f"            <{len(tree) - most} lines skipped, -v shows them>"


def _mark(step: Step) -> str:
    return paint(f"  (inferred: {step.evidence})", "yellow") if step.inferred else ""


def _chain_lines(chain: Chain, graph: Graph, look: Look, with_tree: bool) -> Iterator[str]:
    count = threads(chain.count)
    longest = f", longest {seconds(chain.longest_ns)}"
    last = len(chain.steps) - 1
    texts = [f" <- {_step_text(step, graph, at == last)}" for at, step in enumerate(chain.steps)]
    plain = 3 + len(count) + len(longest) + sum(map(len, texts))
    gap = "" if plain <= min(_LINE, look.width or _LINE) else f"\n{' ' * 7}"
    yield from f"   {paint(count, 'red')}{longest}{''.join(gap + text for text in texts)}".split(
        "\n"
    )
    for step in chain.steps:
        if step.inferred:
            evidence = f"? inferred, {step.how} {step.text}: {step.evidence}"
            yield paint(f"        {evidence}", "yellow")
    if with_tree and chain.count > 1:
        yield from _cut(list(_tree(graph, chain.steps[0].node, look, set())), look)


#: What to say of these at the end of a chain, which nobody is known to hold.
_NOBODY = {
    **dict.fromkeys(("mutex", "rt_mutex", "rwsem", "percpu_rwsem"), "its holder is not known"),
    **{"semaphore": "its holder is not kept", "completion": "who completes it is not known"},
    **dict.fromkeys(("bit", "page", "buffer", "futex"), "who holds it is not known"),
    **{"variable": "who changes it is not known", "wait_queue": "who wakes it is not known"},
    **{"journal handles": "who has them is not known", "work": "who runs it is not known"},
}


def _step_text(step: Step, graph: Graph, is_last: bool) -> str:
    node = graph.nodes[step.node]
    age = f", {seconds(node.age_ns)}" if node.kind == "request" and node.age_ns else ""
    text = f"{step.text}{age}"
    if node.kind == "task":
        text = paint(text, "bold") + f" {node.state} {seconds(node.age_ns)}"
    text = f"{text}?" if step.inferred else text
    if step.doing:
        return f"{text}, {step.doing}"
    nobody = _NOBODY.get(node.kind) if is_last and not graph.outgoing(step.node) else None
    return f"{text}: {nobody}" if nobody else text


def _tree(graph: Graph, root: str, look: Look, beside: set[str]) -> Iterator[str]:
    # Who waits for a node, level by level; those behind whom nobody is, in one line.
    to_do = [(root, 0)]
    seen = {root, *beside}
    while to_do:
        key, depth = to_do.pop()
        node = graph.nodes[key]
        shown = f"{node.text} {node.state} {seconds(node.age_ns)}" if node.pid else node.text
        if depth:
            yield "  " * (depth - 1) + shown
        waiting = [link.source for link in graph.incoming(key) if link.source not in seen]
        seen.update(waiting)
        last = [other for other in waiting if not graph.incoming(other)]
        if len(last) > 3:
            pids = sorted(graph.nodes[other].pid or 0 for other in last)
            yield "  " * depth + f"{len(pids)} threads: {_short(pids, look)}"
            waiting = [other for other in waiting if other not in last]
        to_do += [(other, depth + 1) for other in reversed(waiting)]


def _short(pids: Sequence[int], look: Look) -> str:
    most = len(pids) if look.verbose else max(look.max_pids, 1)
    more = f" <{len(pids) - most} skipped>" if len(pids) > most else ""
    return " ".join(map(str, pids[:most])) + more


# --- the classic sections


def classic_lines(report: HangReport, look: Look) -> Iterator[str]:
    """Threads in classes, then the rest, owners, activities."""
    yield ""
    if not report.uninterruptible:
        yield "There are no UNINTERRUPTIBLE tasks"
    else:
        yield " *** UNINTERRUPTIBLE threads, classified ***"
    for found in report.classes:
        yield ""
        yield f" {(' ' + found.title + ' ').center(_WIDTH, '=')}"
        for part in found.parts:
            yield from _part_lines(part, look)
    if report.unclassified:
        count = sum(len(group.tasks) for group in report.unclassified)
        yield ""
        yield f" ********  Non-classified UN Threads ********** {count} in total"
        for group in report.unclassified:
            yield from _stack_lines(group.functions)
            yield from pid_block(group.tasks, look)
    yield from _owner_lines(report)
    if report.system:
        yield ""
        yield " *** System activities other threads are waiting for ***"
        yield from (f"   {text}" for text in report.system)
    for activity in report.activities:
        counts = ", ".join(f"{state} {count}" for state, count in activity.by_state.items())
        yield ""
        yield f" There are {len(activity.pids)} threads {activity.what}  ({counts})"
        yield f"      {list(activity.pids)}"
    yield from socket_lines(report, look)


def _part_lines(part: Part, look: Look) -> Iterator[str]:
    if part.object:
        name = part.object
        if part.kind == "mutex":
            inside = part.object.partition("(")[2].rpartition(")")[0]
            name = f"<struct mutex {part.addr:#x}> {inside}".rstrip()
        yield f"  -- {name}"
        for holder in part.holders:
            yield f"   Owner: {printable(holder)}"
        yield from (f"   Behind: {text}" for text in part.behind)
        if not part.holders and not part.behind:
            yield "   No Owner"
    yield from pid_block(part.tasks, look)


def pid_block(tasks: Sequence[TaskRow], look: Look) -> Iterator[str]:
    """Pids of a group, with the youngest and the oldest."""
    by_age: Callable[[TaskRow], int] = lambda task: task.ran_ago_ns or 0  # noqa: E731
    aged = sorted(tasks, key=by_age)
    young, old = aged[0], aged[-1]
    yield (
        f"    ... {len(aged)} pids. Youngest,oldest: {young.pid}, {old.pid}  Ran ms ago: "
        f"{_ms(young)}, {_ms(old)}"
    )
    shown = sorted(aged, key=lambda task: task.pid) if look.sort_by_pid else aged
    order = "pid" if look.sort_by_pid else "ran_ago, youngest first"
    yield f"        sorted by {order}"
    if look.verbose:
        yield f"      {'PID':>7} {'CMD':<16} {'CPU':>4} {'Ran ms ago':>12} STATE"
        for task in shown:
            name = printable(task.comm)
            row = f"{task.pid:>7} {name:<16} {task.cpu:>4} {_ms(task):>12} {task.state}"
            yield f"      {row}"
        return
    most = max(look.max_pids, 2)
    if len(shown) <= most:
        yield f"      [{', '.join(str(task.pid) for task in shown)}]"
        return
    half = most // 2
    first = ", ".join(str(task.pid) for task in shown[: most - half])
    last = ", ".join(str(task.pid) for task in shown[len(shown) - half :])
    yield f"        printing {most} out of {len(shown)}"
    yield f"      [{first} <{len(shown) - most} skipped> {last}]"


def _ms(task: TaskRow) -> int:
    return (task.ran_ago_ns or 0) // 1_000_000


def _stack_lines(functions: Sequence[str]) -> Iterator[str]:
    yield ""
    yield from (f"  #{number:<2}  {name}" for number, name in enumerate(functions))


def _owner_lines(report: HangReport) -> Iterator[str]:
    if not report.owners:
        return
    yield ""
    yield " *** Threads that own resources the other threads are waiting on ***"
    for owner in report.owners:
        task = owner.task
        unsure = "  (inferred)" if owner.inferred else ""
        yield ""
        name = printable(task.comm)
        yield f"  PID={task.pid}  CPU={task.cpu}  CMD={name}  {task.state}{unsure}"
        yield from (f"  #{at:<2}  {name}" for at, name in enumerate(owner.functions))
        yield f"    ... waiting for it: {{{', '.join(map(str, owner.waiters))}}}"


def socket_lines(report: HangReport, look: Look) -> Iterator[str]:
    """UNIX sockets that threads wait for."""
    for socket in report.sockets:
        yield ""
        path = printable(socket.path)
        yield f" -- Socket we wait for: <struct unix_sock {socket.addr:#x}> {path}"
        owner = socket.owner
        if owner is not None:
            yield (
                f"    Youngest owner: pid={owner.pid} cmd={printable(owner.comm)} "
                f"state={owner.state} ran {_ms(owner)} ms ago"
            )
        yield f"    {len(socket.waiters)} threads wait for it"
        if look.verbose:
            yield f"      {list(socket.waiters)}"
