# SPDX-License-Identifier: GPL-2.0-or-later
"""Show tasks: lists, all about one of them, who has the memory, namespaces.

Without an option that says otherwise, all processes in the order of their pids, each with its
threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import namespaces, task_details, task_info, task_rows, task_tree, task_usage
from LinuxDump.stack_details import TaskStack, task_stacks
from LinuxDump.task_records import Task, TaskTable, task_table
from LinuxDump.task_rows import TaskRow
from LinuxDump.timekeeping import clocks
from pykdump import __version__
from pykdump.commands import exec_crash_command
from pykdump.errors import CrashError
from pykdump.printing import printable
from pykdump.sections import section
from pykdump.tool import Tool, UsageError

_TITLE = "=== Tasks in PID order, grouped by Thread Group leader ==="
_TITLE_RECENT = "=== Tasks in reverse order, scheduled recently first{skipped} ==="


@dataclass(frozen=True)
class Listed:
    """A task of a list, with what was asked for about it."""

    row: TaskRow
    stack: TaskStack | None = None
    output: str | None = None  #: of --cmd
    start_s: float | None = None  #: of --times, since 1970


@dataclass(frozen=True)
class Taskinfo:
    """What was asked for; the rest is None."""

    tasks: tuple[Listed, ...] | None = None
    skipped: int = 0  #: tasks in the middle of the list
    counts: task_rows.TaskCounts | None = None
    info: task_info.TaskInfo | None = None
    tree: task_tree.Node | None = None
    memory: task_usage.MemoryOfTasks | None = None
    namespaces: namespaces.Namespaces | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("-v", "--verbose"), action="count", default=0, help="stacks of tasks, and other detail"
    )
    parser.add_argument("--summary", action="store_true", help="only how many there are")
    parser.add_argument(
        "--hang", action="store_true", help="UNINTERRUPTIBLE tasks, the newest and the oldest"
    )
    parser.add_argument(
        "--maxpids", type=int, default=8, metavar="N", help="tasks of --hang and --memory (8)"
    )
    parser.add_argument(
        "--pidinfo", metavar="TASK", help="all about one: a pid or the address of a task_struct"
    )
    parser.add_argument("--taskfilter", metavar="STATES", help="only these states, as UN,RU")
    parser.add_argument("--pstree", action="store_true", help="a tree, of --pidinfo if given")
    parser.add_argument(
        "-r", "--recent", action="store_true", help="all threads, those that ran last first"
    )
    parser.add_argument("--cmd", metavar="CMD", help="run the command CMD PID for each task")
    parser.add_argument("--memory", action="store_true", help="processes with the most memory")
    parser.add_argument("--ns", action="store_true", help="namespaces other than the first ones")
    parser.add_argument("--times", action="store_true", help="when each process began")
    parser.add_argument("--version", action="store_true", help="print the version")


def collect(options: argparse.Namespace) -> Taskinfo:
    if options.version:
        return Taskinfo()
    with section("tasks"):
        table = task_table()
    threads = [task for task in table.tasks if task.idle_cpu is None]
    if options.memory:
        with section("memory"):
            return Taskinfo(memory=task_usage.memory_of_tasks(threads))
    if options.recent or options.hang:
        return _recent(threads, options)
    if options.summary:
        return Taskinfo(counts=task_rows.counts(threads))
    if options.pstree:
        task = _named(options.pidinfo, table) if options.pidinfo else None
        return Taskinfo(tree=task_tree.tree(table, 0 if task is None else task.tgid))
    if options.pidinfo:
        return Taskinfo(info=task_info.task_info(_named(options.pidinfo, table), table))
    if options.ns:
        with section("namespaces"):
            return Taskinfo(namespaces=namespaces.namespaces(threads))
    return Taskinfo(_listed(_filtered(_in_pid_order(threads), options), options))


def _named(word: str, table: TaskTable) -> Task:
    try:
        number = int(word, 16 if word.lower().startswith(("0x", "ff")) else 10)
    except ValueError:
        raise UsageError(f"{word} is neither a pid nor the address of a task_struct") from None
    idle = [task for task in table.tasks if task.idle_cpu == 0] if number == 0 else []
    found = table.by_addr.get(number) or table.by_pid.get(number) or next(iter(idle), None)
    if found is None:
        raise UsageError(f"there is no task {word}; see: pykdump taskinfo")
    return found


def _in_pid_order(threads: list[Task]) -> list[Task]:
    return sorted(threads, key=lambda task: (task.tgid, task.pid != task.tgid, task.pid))


def _filtered(tasks: list[Task], options: argparse.Namespace) -> list[Task]:
    states = "UN" if options.hang else options.taskfilter
    if not states:
        return tasks
    wanted = {state.strip().upper() for state in states.split(",")}
    unknown = wanted - set(task_rows.CODES.values())
    if unknown:
        known = ", ".join(task_rows.CODES.values())
        raise UsageError(f"there is no state {', '.join(sorted(unknown))}; states: {known}")
    return [task for task in tasks if task_rows.CODES[task.state] in wanted]


def _recent(threads: list[Task], options: argparse.Namespace) -> Taskinfo:
    far = 1 << 63
    order = sorted(threads, key=lambda task: far if task.ran_ago_ns is None else task.ran_ago_ns)
    if options.times:
        order.reverse()
    order = _filtered(order, options)
    skipped = max(0, len(order) - 2 * options.maxpids) if options.hang else 0
    if skipped:
        order = order[: options.maxpids] + order[len(order) - options.maxpids :]
    return Taskinfo(_listed(order, options), skipped)


def _listed(tasks: list[Task], options: argparse.Namespace) -> tuple[Listed, ...]:
    with section("rows"):
        rows = task_rows.rows(tasks)
    stacks: dict[int, TaskStack] = {}
    if options.verbose:
        with section("stacks"):
            stacks = {stack.task_addr: stack for stack in task_stacks(tasks)}
    starts = _starts(tasks) if options.times else {}
    return tuple(
        Listed(
            row,
            stacks.get(row.addr),
            _output(options.cmd, row) if options.cmd else None,
            starts.get(row.addr),
        )
        for row in rows
    )


def _starts(tasks: list[Task]) -> dict[int, float]:
    now = clocks()
    if now is None:
        return {}
    boot = now.wall_s - now.uptime_s
    details = task_details.details([task.addr for task in tasks])
    return {each.addr: boot + each.start_time_ns / 1e9 for each in details if each is not None}


def _output(command: str, row: TaskRow) -> str:
    try:
        return exec_crash_command(f"{command} {row.pid}")
    except CrashError as error:
        return f"{error}\n"


# --- text


def render(found: Taskinfo, options: argparse.Namespace) -> Iterator[str]:
    if found.tasks is not None:
        yield from _list_lines(found, options)
    elif found.counts is not None:
        yield from task_rows.counts_lines(found.counts)
        foreign = found.counts.foreign_pid_namespaces
        if foreign:
            yield f"\n{foreign} threads are in pid namespaces of their own; see: taskinfo --ns"
    elif found.info is not None:
        yield from task_info.lines(found.info, detail=options.verbose)
    elif found.tree is not None:
        yield from task_tree.lines(found.tree, pids=True, states=True, threads=True)
        yield f"Total {found.tree.count()} tasks printed"
    elif found.memory is not None:
        yield from task_usage.lines(found.memory, options.maxpids)
    elif found.namespaces is not None:
        yield from namespaces.lines(found.namespaces, detail=options.verbose)
    else:
        yield f"taskinfo version {__version__}"


def _list_lines(found: Taskinfo, options: argparse.Namespace) -> Iterator[str]:
    tasks = found.tasks or ()
    by_age = options.recent or options.hang
    skipped = f" <{found.skipped} tasks skipped>" if found.skipped else ""
    yield _TITLE_RECENT.format(skipped=skipped) if by_age else _TITLE
    if options.times:
        yield "    PID  CMD              Start Time"
    elif not options.cmd:
        yield from task_rows.HEADER
    for number, task in enumerate(tasks):
        if found.skipped and number == len(tasks) // 2:
            yield "     <snip>"
        if options.times:
            yield _time_line(task)
            continue
        if options.cmd:
            yield from task_rows.HEADER
        yield task_rows.line(task.row, indented=not by_age and not task.row.is_leader)
        if task.output is not None:
            yield f"crash> {options.cmd} {task.row.pid}"
            yield task.output.rstrip("\n")
            yield "-" * 70
        if task.stack is not None:
            yield from _stack_lines(task.stack)


def _time_line(task: Listed) -> str:
    start = "?"
    if task.start_s is not None:
        start = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(task.start_s))
    group = "" if task.row.is_leader else f"(tgid={task.row.tgid})"
    comm = printable(task.row.comm)
    return f" {task.row.pid:6d}  {comm:<16} {start} {group:>13} UID={task.row.uid}"


def _stack_lines(stack: TaskStack) -> Iterator[str]:
    for number, frame in enumerate(stack.frames):
        if frame.kind != "user":
            name = f"{frame.function}+{frame.offset:#x}" if frame.function else f"{frame.addr:#x}"
            module = f" [{frame.module}]" if frame.module else ""
            yield f"     #{number:<2} {name}{module}"
        elif frame.syscall:
            yield f"     in system call {frame.syscall}"
    if not stack.is_complete:
        yield f"     ends here: {stack.reason}"
    yield ""


TOOL = Tool(add_arguments, collect, render, uses_colors=True)
