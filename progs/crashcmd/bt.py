# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel stacks of tasks.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Frames are  #N [SP] FUNCTION at ADDRESS [MODULE], SP being where the stack holds ADDRESS. A ? behind
the address: code on the way has no unwind tables, the frame is a guess. What an exception or
interrupt came upon is [exception RIP: FUNCTION+OFFSET] with its registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from crashcmd import bt_shapes, bt_text, context, stack_checks
from crashcmd.command import Command, Given, Option, Text, text
from crashcmd.registers import register_lines
from LinuxDump import stack_details, task_selection
from LinuxDump.BTstack import Frame
from LinuxDump.stack_details import FrameRecord, TaskStack
from LinuxDump.task_records import Task, task_table
from pykdump.errors import CrashError

_One = TypeVar("_One")

#: Options that need all that is known of each frame, beside other stacks' than plain ones.
_NEED_RECORDS = {"-R", "-l", "-f", "-F", "-t", "-T", "-e", "-r", "--json"}
_STACKS = {"IRQ stack": "<IRQ stack>", "NMI stack": "<NMI exception stack>"}


@dataclass(frozen=True)
class Chosen:
    """Tasks whose stacks are to be shown."""

    tasks: tuple[Task, ...]


def collect(given: Given) -> Any:
    if "-v" in given:
        return text(stack_checks.overflows(task_table().tasks))
    return collect_tasks(_tasks(given), given)


def collect_tasks(tasks: Sequence[Task], given: Given) -> Any:
    """The record of these tasks' stacks."""
    if given.value("-n") not in (None, "idle"):
        raise given.error(f"-n {given.value('-n')}: only idle can be left out")
    if "-n" in given:
        tasks = [task for task in tasks if task.idle_cpu is None]
    if not _NEED_RECORDS & set(given.flags()):
        return Chosen(tuple(tasks))
    reference = given.value("-R")
    if reference is None:
        return tuple(stack_details.task_stacks(tasks, source="-l" in given))
    wanted = stack_checks.reference(reference)
    found = stack_details.task_stacks(tasks, source="-l" in given)
    return tuple(stack for stack in found if wanted(stack))


def _tasks(given: Given) -> list[Task]:
    table = task_table()
    if "-a" in given:
        return task_selection.on_cpus(table)
    if "-p" in given:
        task = table.panic_task()
        return [] if task is None else [task]
    cpus = given.value("-c")
    if cpus is not None:
        return [_on_cpu(cpu, given) for cpu in numbers(cpus, given)]
    tasks = context.named(given.words)
    if "-g" in given:
        groups = {task.tgid for task in tasks}
        return [task for task in table.tasks if task.tgid in groups and task.idle_cpu is None]
    return tasks


def numbers(words: str, given: Given) -> list[int]:
    """CPUs as in 0,2-4."""
    found: list[int] = []
    for word in words.split(","):
        first, _, last = word.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()):
            raise given.error(f"{words} is no list of CPUs; give it as in 0,2-4")
        found += range(int(first), min(int(last or first), int(first) + 8191) + 1)
    return found


def _on_cpu(cpu: int, given: Given) -> Task:
    task = task_table().current(cpu)
    if task is None:
        raise given.error(f"what ran on CPU {cpu} is not known")
    return task


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    if isinstance(record, Chosen):
        yield from bt_shapes.pieces(
            _some(record.tasks),
            lambda frame, number, at: _frame_line(frame, number, at, given),
            lambda stack: _stack(stack, given),
        )
        return
    if not record and "-R" in given:
        return
    for number, stack in enumerate(_some(record)):
        if number:
            yield ""
        yield from _stack(stack, given)


def _some(found: Sequence[_One]) -> Sequence[_One]:
    if not found:
        raise CrashError("no task is chosen")
    return found


def _stack(stack: TaskStack, given: Given) -> Iterator[str]:
    yield context.header(task_table().by_addr[stack.task_addr])
    if "-t" in given or "-T" in given:
        yield from bt_text.text_symbols(stack, whole="-T" in given)
        if stack.frames and stack.frames[-1].kind == "user":
            yield from _exception(stack.frames[-1])
    elif "-r" in given:
        yield from bt_text.raw(stack)
    elif "-e" in given:
        yield from _exceptions(stack)
    else:
        yield from _frames(stack, given)


def _frames(stack: TaskStack, given: Given) -> Iterator[str]:
    number, area = 0, stack.frames[0].stack if stack.frames else ""
    slots = [slot(frame) for frame in stack.frames]
    task = task_table().by_addr[stack.task_addr]
    if slots and not task.is_running:
        slots[0] = task.sp_addr
    for place, frame in enumerate(stack.frames):
        if frame.stack != area and frame.kind != "user":
            yield f"--- {_STACKS.get(area, f'<{area}>')} ---"
            area = frame.stack
        if frame.kind in ("regs", "user"):
            yield from _exception(frame)
        else:
            yield _frame_line(frame, number, slots[place], given)
            number += 1
            if "-l" in given and frame.source:
                yield f"    {frame.source[-1].file}: {frame.source[-1].line}"
            if "-f" in given or "-F" in given:
                end = slots[place + 1] if place + 1 < len(slots) else slots[place] + 8
                yield from bt_text.words(slots[place] + 8, end + 8, given.count("-F"))
    if not stack.is_complete:
        yield f"bt: the stack ends here: {stack.reason}"


def slot(frame: FrameRecord) -> int:
    """Where the stack holds a frame's return address."""
    if frame.kind == "user":
        return frame.regs_addr - 8
    return frame.sp_addr - 8 if frame.kind == "call" else frame.sp_addr


def _frame_line(frame: FrameRecord | Frame, number: int, at: int, given: Given) -> str:
    name = frame.function or f"{frame.addr:x}"
    if "-s" in given and frame.function:
        name += f"+{frame.offset:#x}" if "-x" in given else f"+{frame.offset}"
    module = f" [{frame.module}]" if frame.module else ""
    mark = "" if frame.is_reliable else " ?"
    return f"{f'#{number}':>3} [{at:x}] {name} at {frame.addr:x}{module}{mark}"


def _exception(frame: FrameRecord) -> Iterator[str]:
    if frame.kind != "user":
        name = f"{frame.function}+{frame.offset}" if frame.function else f"{frame.addr:x}"
        yield f"    [exception RIP: {name}]"
    if frame.registers:
        yield from register_lines(frame.registers)


def _exceptions(stack: TaskStack) -> Iterator[str]:
    for frame in stack.frames:
        if frame.kind in ("regs", "user") and frame.registers:
            kind = "USER" if frame.kind == "user" else "KERNEL"
            yield ""
            yield f"  {kind}-MODE EXCEPTION FRAME AT: {frame.regs_addr:x}"
            yield from _exception(frame)


COMMANDS = (
    Command(
        "bt",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-a", "what runs on each CPU"),
            Option("-c", "what runs on these CPUs, as in 0,2-4", "CPUS"),
            Option("-g", "all threads of the process"),
            Option("-n", "without the idle tasks", "idle"),
            Option("-R", "only stacks with this function, or this number on them", "REFERENCE"),
            Option("-v", "which of all stacks overflowed"),
            Option("-p", "the task that panicked"),
            Option("-l", "the source line of each frame"),
            Option("-s", "offsets into functions"),
            Option("-x", "these offsets in hexadecimal"),
            Option("-f", "the words of the stack that each frame has"),
            Option("-F", "the same, with symbols for addresses"),
            Option("-t", "every address of kernel text on the stack, from the stack pointer on"),
            Option("-T", "the same from the lowest word of the stack on"),
            Option("-e", "only the exception frames"),
            Option("-r", "the whole stack as words"),
        ),
    ),
)
