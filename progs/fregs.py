# SPDX-License-Identifier: GPL-2.0-or-later
"""Show what registers held when the functions on a stack were entered, and their arguments.

A "+" before a register: its value is certain. A number: guessed, from so many instructions before
the call; the larger, the less certain. x86_64 only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import task_selection
from LinuxDump.argument_values import value_text
from LinuxDump.entry_registers import ARGUMENTS, FrameRegisters, entry_registers
from LinuxDump.stack_details import task_stacks
from LinuxDump.task_records import Task, task_table
from pykdump import __version__, code, frames, lowlevel
from pykdump.printing import printable
from pykdump.tool import Tool


@dataclass(frozen=True)
class Argument:
    """An argument of a function, by its register."""

    register: str
    name: str
    type: str
    text: str  #: what it points to, as far as that is known


@dataclass(frozen=True)
class FrameView:
    """A frame with registers, arguments and source line."""

    number: int
    registers: FrameRegisters
    arguments: tuple[Argument, ...]
    source: str


@dataclass(frozen=True)
class TaskView:
    """A task with its frames."""

    task_addr: int
    pid: int
    cpu: int
    comm: str
    frames: tuple[FrameView, ...]


@dataclass(frozen=True)
class Fregs:
    """The tasks that were asked for."""

    arch: str
    tasks: tuple[TaskView, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="*", metavar="TASK", help=task_selection.HELP)
    parser.add_argument(
        *("-a", "--args"), action="count", default=0, help="name arguments; twice: decode them"
    )
    parser.add_argument("-l", "--lines", action="store_true", help="source lines")
    parser.add_argument(
        "-r", "--routine", metavar="TEXT", default="", help="only functions with this in the name"
    )
    parser.add_argument("-u", "--unint", action="store_true", help="all UNINTERRUPTIBLE tasks")
    parser.add_argument("-A", "--all", action="store_true", help="all tasks")
    parser.add_argument("-V", "--version", action="store_true", help="print the version")


def collect(options: argparse.Namespace) -> Fregs:
    arch = lowlevel.dump().arch
    if options.version or arch != "x86_64":
        return Fregs(arch)
    return Fregs(arch, tuple(_views(_tasks(options), options)))


def _tasks(options: argparse.Namespace) -> list[Task]:
    table = task_table()
    if options.all:
        return list(table.tasks)
    if options.unint:
        return [task for task in table.tasks if task.state == "D"]
    if options.what:
        return task_selection.select(options.what)
    thread = frames.selected_tid()
    selected = [task for task in table.tasks if frames.tid(task.pid, task.idle_cpu) == thread]
    return selected or task_selection.select(["panic"])


def _views(tasks: list[Task], options: argparse.Namespace) -> Iterator[TaskView]:
    by_addr = {task.addr: task for task in tasks}
    for stack in task_stacks(tasks):
        task = by_addr[stack.task_addr]
        found = entry_registers(stack, 0 if task.is_running else task.sp_addr)
        shown = tuple(
            FrameView(
                number,
                each,
                _arguments(each, options.args),
                _source(each) if options.lines else "",
            )
            for number, each in enumerate(found)
            if options.routine in (each.frame.function or "")
        )
        if shown or not options.routine:
            yield TaskView(stack.task_addr, stack.pid, stack.cpu, stack.comm, shown)


def _arguments(found: FrameRegisters, detail: int) -> tuple[Argument, ...]:
    if not detail or found.frame.function is None:
        return ()
    named = zip(ARGUMENTS, code.parameters(found.frame.addr - found.frame.offset))
    arguments = []
    for register, (name, type_name) in named:
        known = found.registers.get(register)
        text = value_text(type_name, known.value_addr) if known and detail > 1 else ""
        arguments.append(Argument(register, name, type_name, text))
    return tuple(arguments)


def _source(found: FrameRegisters) -> str:
    at = found.frame.addr if found.frame.kind == "regs" else found.frame.addr - 1
    return str(frames.source_line(at) or "")


# --- text


def render(found: Fregs, options: argparse.Namespace) -> Iterator[str]:
    if options.version:
        yield f"fregs version {__version__}"
    elif found.arch != "x86_64":
        yield f"fregs knows x86_64 only; this dump is of {found.arch}"
    for task in found.tasks:
        yield ""
        comm = printable(task.comm)
        yield f"PID: {task.pid}  TASK: {task.task_addr:x}  CPU: {task.cpu}  COMMAND: {comm}"
        for view in task.frames:
            yield from _frame_lines(view)


def _frame_lines(view: FrameView) -> Iterator[str]:
    frame, caller = view.registers.frame, view.registers.caller
    yield ""
    name = frame.function or f"{frame.addr:#x}"
    if caller is not None:
        place = f"{caller.function}+{caller.offset}" if caller.function else f"{caller.addr:#x}"
        yield f"#{view.number} {name} called from {caller.addr:#x} <{place}>"
    elif frame.kind == "regs":
        yield f"#{view.number} {name} entered by exception at <{name}+{frame.offset}>"
        words = [
            f"{key.upper():>7}: {value:016x}" for key, value in (frame.registers or {}).items()
        ]
        yield from ("  " + " ".join(words[at : at + 3]) for at in range(0, len(words), 3))
    else:
        yield f"#{view.number} {name}"
    if view.source:
        yield f"    {view.source}"
    arguments = {argument.register: argument for argument in view.arguments}
    for register, value in sorted(view.registers.registers.items()):
        mark = f"{value.distance or '+':>2} "[:2] if value.distance else " +"
        label = register.upper() if register.startswith("r") else f"R{register.upper()}"
        yield f"{mark}{label}: {value.value_addr:#018x}" + _argument_text(arguments.get(register))


def _argument_text(argument: Argument | None) -> str:
    if argument is None:
        return ""
    number = ARGUMENTS.index(argument.register)
    text = f" = {argument.text}" if argument.text else ""
    return f" arg{number} {argument.type} {argument.name}{text}"


TOOL = Tool(add_arguments, collect, render)
