# SPDX-License-Identifier: GPL-2.0-or-later
"""Show kernel stacks of tasks, through interrupts and exceptions to the user boundary.

Without WHAT it is the task of the selected thread. Frames are marked:
  #3?            guessed, since code on the way had no unwind tables
  (interrupted)  an interrupt came while this ran
  (failed here)  the instruction that the kernel died of: frame 0, what came after has no number
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from LinuxDump import BTstack, task_selection
from LinuxDump.stack_details import FrameRecord, TaskStack, task_stacks
from LinuxDump.task_records import Task, TaskTable, task_table
from pykdump import frames
from pykdump.tool import Tool, UsageError


@dataclass(frozen=True)
class Stacks:
    """Stacks of the tasks that were asked for."""

    stacks: tuple[TaskStack, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="*", metavar="WHAT", help=task_selection.HELP)
    parser.add_argument("-A", "--all", action="store_true", help="all tasks")
    parser.add_argument("-c", "--cpus", action="store_true", help="what runs on each CPU")
    parser.add_argument("-t", "--threads", action="store_true", help="all threads of the processes")
    parser.add_argument("-s", "--state", help="only tasks in these states, as D or UN,RU")
    parser.add_argument(
        "-f", "--function", metavar="REGEX", help="only stacks with a function that matches"
    )
    parser.add_argument("-g", "--group", action="store_true", help="equal stacks together")
    parser.add_argument("-l", "--lines", action="store_true", help="source lines")
    parser.add_argument("-a", "--arguments", action="store_true", help="arguments, where known")
    parser.add_argument(
        "-r", "--registers", action="store_true", help="registers of CPUs, and saved ones"
    )
    parser.add_argument("-x", "--addresses", action="store_true", help="addresses of frames")


def collect(options: argparse.Namespace) -> Stacks:
    try:
        wanted = re.compile(options.function) if options.function else None
    except re.error as error:
        raise UsageError(f"{options.function} is no regular expression: {error}") from None

    def matches(stack: BTstack.Stack) -> bool:
        return wanted is None or any(map(wanted.search, BTstack.functions(stack)))

    return Stacks(
        tuple(
            task_stacks(
                _tasks(options),
                source=options.lines,
                arguments=options.arguments,
                where=matches,
            )
        )
    )


def _tasks(options: argparse.Namespace) -> list[Task]:
    table = task_table()
    named = task_selection.select(options.what, threads=options.threads)
    if options.cpus:
        named += [task for task in task_selection.on_cpus(table) if task not in named]
    if options.all or (not named and (options.state or options.function or options.group)):
        named = list(table.tasks)
    if not named:
        named = task_selection.select(_selected(table), threads=options.threads)
    return task_selection.with_states(named, options.state) if options.state else named


def _selected(table: TaskTable) -> list[str]:
    thread = frames.selected_tid()
    for task in table.tasks:
        if frames.tid(task.pid, task.idle_cpu) == thread:
            return [f"{task.addr:#x}"]
    raise UsageError("no thread is selected; name a task: pykdump stack PID")


# --- text


def render(report: Stacks, options: argparse.Namespace) -> Iterator[str]:
    if not report.stacks:
        yield "no task matches"
    groups = _groups(report.stacks) if options.group else [[stack] for stack in report.stacks]
    for number, group in enumerate(groups):
        if number:
            yield ""
        yield from _headings(group)
        yield from _frames(group[0], options, len(group) > 1)


def _groups(stacks: Iterable[TaskStack]) -> list[list[TaskStack]]:
    # Equal call chains, the largest group first.
    groups: dict[tuple[object, ...], list[TaskStack]] = {}
    for stack in stacks:
        chain = tuple((frame.function, frame.offset, frame.syscall) for frame in stack.frames)
        groups.setdefault(chain, []).append(stack)
    return sorted(groups.values(), key=lambda group: -len(group))


def _headings(group: list[TaskStack]) -> Iterator[str]:
    if len(group) > 1:
        yield f"{len(group)} tasks with this stack:"
    for stack in group:
        state = f"{stack.state}, running" if stack.is_running else stack.state
        ran = "" if stack.ran_ago_ns is None else f", ran {stack.ran_ago_ns / 1e9:.3f} s ago"
        yield (
            f'pid {stack.pid} "{stack.comm}" task {stack.task_addr:#x} {state} on CPU {stack.cpu}'
            + ("" if stack.is_running else ran)
        )


def _frames(stack: TaskStack, options: argparse.Namespace, many: bool) -> Iterator[str]:
    area = ""
    for frame in stack.frames:
        if frame.kind == "user":
            yield _user_line(frame, many)
        else:
            if frame.stack != area:
                area = frame.stack
                yield f" {area}"
            yield _frame_line(frame, options)
            if options.lines:
                yield from _source_lines(frame)
            if options.arguments:
                yield from _argument_lines(frame)
        if options.registers and frame.registers and not many:
            yield from _register_lines(frame.registers)
    if not stack.is_complete:
        yield f"  ends here: {stack.reason}"


def _frame_line(frame: FrameRecord, options: argparse.Namespace) -> str:
    mark = " " if frame.is_reliable else "?"
    places = f"[{frame.sp_addr:016x}] {frame.addr:016x} " if options.addresses else ""
    name = f"{frame.addr:#x}"
    if frame.function is not None:
        name = f"{frame.function}+{frame.offset:#x}/{frame.size_bytes:#x}"
    module = f" [{frame.module}]" if frame.module else ""
    what = ""
    if frame.failed_here:
        what = "  (failed here)"
    elif frame.kind == "regs":
        what = "  (interrupted)"
    number = f"#{frame.number}" if frame.number is not None else ""
    return f"  {number}{mark} ".ljust(7) + places + name + module + what


def _source_lines(frame: FrameRecord) -> Iterator[str]:
    for line in frame.source:
        place = f"{line.file}:{line.line}" if line.file else ""
        is_inlined = line.function and line is not frame.source[-1]
        inlined = f"  {line.function} (inlined)" if is_inlined else ""
        if place or inlined:
            yield "          " + (place + inlined).strip()


def _argument_lines(frame: FrameRecord) -> Iterator[str]:
    if frame.arguments:
        yield "          " + ", ".join(f"{name}={value}" for name, value in frame.arguments)


def _user_line(frame: FrameRecord, many: bool) -> str:
    places = "" if many else f", ip {frame.addr:#x} sp {frame.sp_addr:#x}"
    call = f", in system call {frame.syscall}" if frame.syscall else ""
    return f" user mode{places}{call}"


def _register_lines(registers: dict[str, int]) -> Iterator[str]:
    words = [f"{name:>7} {value:016x}" for name, value in registers.items()]
    for at in range(0, len(words), 3):
        yield "     " + " ".join(words[at : at + 3])


TOOL = Tool(add_arguments, collect, render)
