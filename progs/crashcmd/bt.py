# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel stacks of tasks.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Frames are  #N [SP] FUNCTION at ADDRESS [MODULE], SP being where the stack holds ADDRESS. A ? behind
the address: code on the way has no unwind tables, the frame is a guess. What an exception or
interrupt came upon, or the end of a CPU that did not panic, is [exception RIP: FUNCTION+OFFSET]
with its registers. Lines of -f and -F are ADDRESS: and two words of the stack, of -t and -T
[PLACE] FUNCTION at ADDRESS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from crashcmd import bt_forms, bt_lines, bt_scan, bt_shapes, bt_start, context, stack_checks
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import percpu, stack_details, task_selection
from LinuxDump.cpus import panic_cpu
from LinuxDump.task_records import Task, task_table
from pykdump.errors import CrashError

_One = TypeVar("_One")

#: Options that need all that is known of each frame, of plain stacks too.
_NEED_RECORDS = {"-I", "-S", "--json"}


@dataclass(frozen=True)
class Chosen:
    """Tasks whose stacks are to be shown."""

    tasks: tuple[Task, ...]


def collect(given: Given) -> Any:
    if "-v" in given:
        return text(stack_checks.overflows(task_table().tasks))
    if "-E" in given:
        cpus = given.value("-c")
        count = len(percpu.per_cpu_offsets())
        chosen = range(count) if cpus is None else numbers(cpus, given)
        return text(bt_scan.cpu_stacks(chosen))
    if "-O" in given:
        return text([_toggle()])
    return collect_tasks(_tasks(given), given)


def collect_tasks(tasks: Sequence[Task], given: Given) -> Any:
    """The record of these tasks' stacks."""
    if given.value("-n") not in (None, "idle"):
        raise given.error(f"-n {given.value('-n')}: only idle can be left out")
    if "-n" in given:
        tasks = [task for task in tasks if task.idle_cpu is None]
    reference = given.value("-R")
    of_names = reference is None or not stack_checks.is_number(reference)
    if of_names and not _NEED_RECORDS & set(given.flags()):
        return Chosen(tuple(tasks))
    starts = bt_start.starts(tasks, given)
    found = stack_details.task_stacks(tasks, source="-l" in given, starts=starts)
    if reference is None:
        return tuple(found)
    wanted = stack_checks.reference(reference)
    return tuple(stack for stack in found if wanted(stack))


def _toggle() -> str:
    bt_lines.by_words = not bt_lines.by_words
    return f"bt: {'return addresses' if bt_lines.by_words else 'unwound frames'} from now on"


def _tasks(given: Given) -> list[Task]:
    table = task_table()
    if "-a" in given:
        found = task_selection.on_cpus(table)
        if not found:
            raise given.error("what ran on the CPUs is not known")
        return found
    if "-p" in given:
        task = table.panic_task()
        if task is None or panic_cpu() is None:
            raise given.error("no task panicked")
        return [task]
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
        yield from bt_shapes.pieces(_some(record.tasks), bt_forms.form(given))
        return
    if not record and "-R" in given:
        return
    for number, stack in enumerate(_some(record)):
        if number:
            yield ""
        yield from bt_lines.lines(stack, given)


def _some(found: Sequence[_One]) -> Sequence[_One]:
    if not found:
        if not task_selection.on_cpus(task_table()):
            raise CrashError("no task is chosen, and what ran on the CPUs is not known")
        raise CrashError("no task is chosen")
    return found


COMMANDS = (
    Command(
        "bt",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-a", "what runs on each CPU", alone=True),
            Option("-c", "what runs on these CPUs, as in 0,2-4", "CPUS"),
            Option("-g", "all threads of the process"),
            Option("-n", "without the idle tasks", "idle"),
            Option("-R", "only stacks with this function, or this number on them", "REFERENCE"),
            Option("-v", "which of all stacks overflowed", alone=True),
            Option("-p", "the task that panicked", alone=True),
            Option("-l", "the source line of each frame"),
            Option("-s", "offsets into functions"),
            Option("-x", "these offsets in hexadecimal"),
            Option("-d", "these offsets in decimal, as they are without -x"),
            Option("-f", "the words of the stack that each frame has"),
            Option("-F", "the same, with symbols and [CACHE] for addresses; -FF [ADDRESS:CACHE]"),
            Option("-t", "every address of kernel text on the stack, from the stack pointer on"),
            Option("-T", "the same from the lowest word of the stack on"),
            Option("-e", "only the exception frames, and what looks like one on the stack"),
            Option("-E", "what looks like one on the IRQ and exception stacks of CPUs", alone=True),
            Option("-o", "not unwound: every return address above the stack pointer, old ones too"),
            Option("-O", "let -o be what bt does from now on, or no longer", alone=True),
            Option("-I", "begin at this instruction", "IP"),
            Option("-S", "begin at this place on the stack, with the address there or of -I", "SP"),
            Option("-r", "the whole stack as words"),
        ),
        absent=(("-A", "it adds the vector registers of S390X; x86_64 dumps have none"),),
    ),
)
