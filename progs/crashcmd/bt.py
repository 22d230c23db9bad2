# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel stacks of tasks.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Frames are  #N [SP] FUNCTION at ADDRESS [MODULE], SP being where the stack holds ADDRESS. A ? behind
the address: code on the way has no unwind tables, the frame is a guess. What an exception or
interrupt came upon is [exception RIP: FUNCTION+OFFSET] with its registers. Lines of -f and -F are
ADDRESS: and two words of the stack, of -t and -T [PLACE] FUNCTION at ADDRESS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from crashcmd import bt_scan, bt_shapes, bt_start, bt_text, context, stack_checks
from crashcmd.bt_shapes import ANY, Form, Plain, Values, WordNames
from crashcmd.command import Command, Given, Option, Text, text
from crashcmd.registers import register_lines
from LinuxDump import percpu, stack_areas, stack_details, task_selection
from LinuxDump.BTstack import Frame, Stack
from LinuxDump.cpus import panic_cpu
from LinuxDump.stack_details import FrameRecord, TaskStack
from LinuxDump.task_records import Task, task_table
from pykdump.errors import CrashError, PykdumpError, ReadError

_One = TypeVar("_One")

#: Options that need all that is known of each frame, of plain stacks too.
_NEED_RECORDS = {"-r", "-I", "-S", "--json"}
#: Whether bt -O made -o what bt does.
_by_words = False
_STACKS = {"IRQ stack": "<IRQ stack>", "NMI stack": "<NMI exception stack>"}


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
    global _by_words
    _by_words = not _by_words
    return f"bt: {'return addresses' if _by_words else 'unwound frames'} from now on"


def _tasks(given: Given) -> list[Task]:
    table = task_table()
    if "-a" in given:
        return task_selection.on_cpus(table)
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
        yield from bt_shapes.pieces(_some(record.tasks), _form(given))
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
    elif "-o" in given or _by_words:
        yield from bt_text.return_addresses(stack, _offsets(given))
        if stack.frames and stack.frames[-1].kind == "user":
            yield from _exception(stack.frames[-1])
    else:
        yield from _frames(stack, given)


def _frames(stack: TaskStack, given: Given) -> Iterator[str]:
    number, area = 0, stack.frames[0].stack if stack.frames else ""
    slots = [slot(frame) for frame in stack.frames]
    task = task_table().by_addr[stack.task_addr]
    if slots and not task.is_running:
        slots[0] = task.sp_addr
    if slots and "-S" in given:
        slots[0] = bt_start.place(given)
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
                end = slots[place + 1] if place + 1 < len(slots) else slots[place]
                yield from bt_text.words(slots[place] + 8, end + 8, given.count("-F"))
    if not stack.is_complete:
        yield f"bt: the stack ends here: {stack.reason}"


def slot(frame: FrameRecord) -> int:
    """Where the stack holds a frame's return address."""
    if frame.kind == "user":
        return frame.regs_addr - 8
    return frame.sp_addr - 8 if frame.kind == "call" else frame.sp_addr


def _offsets(given: Given) -> str:
    return ("x" if "-x" in given else "d") if "-s" in given else ""


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
    # Those that unwinding came by, and what looks like one on the task's stack.
    found = {f.regs_addr: f for f in stack.frames if f.kind in ("regs", "user") and f.registers}
    maybe: list[int] = []
    area = stack_areas.task_stack(task_table().by_addr[stack.task_addr])
    if area is not None:
        low = next((f.sp_addr for f in stack.frames if area.holds(f.sp_addr)), area.start) & ~7
        try:
            maybe = bt_scan.exception_frames(low, area.end)
        except ReadError as error:
            yield f"bt: {error}"
    own = [regs for regs in found if regs not in maybe]
    for regs in [*own, *maybe]:
        frame = found.get(regs)
        yield from bt_scan.frame_lines(regs, frame is None or "ax" in (frame.registers or ()))


# --- plain stacks, of which there may be very many


class _Frames:
    """Their frames."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.has_source = "-l" in given
        self._sources: dict[tuple[int, bool], str] = {}  # by the address, and whether it is exact
        reference = given.value("-R")
        self._reference = None if reference is None else stack_checks.reference(reference)

    def wants(self, stack: Stack) -> bool:
        return self._reference is None or self._reference(stack)

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        for number, frame in enumerate(calls):
            source = self._source(frame) if self.has_source else ""
            yield _frame_line(frame, number, ANY, self.given) + source

    def _source(self, frame: Frame) -> str:
        key = frame.addr, frame.is_exact
        if key not in self._sources:
            found = stack_details.source_of(frame)
            self._sources[key] = f"\n    {found[-1].file}: {found[-1].line}" if found else ""
        return self._sources[key]

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        return (stack.slots for stack in stacks)

    def names(self, stacks: Sequence[Plain]) -> WordNames:
        return WordNames()

    def other_lines(self, stack: TaskStack) -> Iterator[str]:
        if self._reference is None or self._reference(stack):
            yield from _stack(stack, self.given)


class _FramesWithWords(_Frames):
    """Their frames, and the words of each."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        return (f"{line}{ANY:w}" for line in super().lines(calls, has_registers))

    def values(self, stacks: Sequence[Plain]) -> Iterator[Values]:
        for stack in stacks:
            yield tuple(at for start, end in _frame_ranges(stack) for at in (start - 8, start, end))

    def names(self, stacks: Sequence[Plain]) -> WordNames:
        symbolic = self.given.count("-F")
        if not symbolic:
            return WordNames()
        return bt_text.names([each for stack in stacks for each in _frame_ranges(stack)], symbolic)


def _frame_ranges(stack: Plain) -> Iterator[tuple[int, int]]:
    # From behind each frame's return address up to the end of the next one's; the last has none.
    slots = stack.slots
    last = stack.regs_addr - 8 if stack.regs_addr else slots[-1]
    return zip([slot + 8 for slot in slots], [slot + 8 for slot in (*slots[1:], last)])


class _Symbols(_Frames):
    """The words on them that are addresses of kernel text."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        head = "" if "-T" in self.given else bt_text.start_line(calls[0]) + "\n"
        yield f"{head}{ANY:s}"

    def values(self, stacks: Sequence[Plain]) -> Iterator[Values]:
        words = bt_text.TextWords()
        for stack in stacks:
            try:
                at = stack.start if "-T" in self.given else stack.slots[0] & ~7
                lines = "\n".join(words.lines(at, stack.end))
                yield (lines,) if lines else None
            except PykdumpError:
                yield None


class _ReturnAddresses(_Frames):
    """Words that calls may have left on them."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        yield f"{ANY:s}"

    def values(self, stacks: Sequence[Plain]) -> Iterator[Values]:
        words = bt_text.ReturnAddresses(_offsets(self.given))
        for stack in stacks:
            try:
                lines = "\n".join(words.numbered(stack.slots[0] & ~7, stack.end))
                yield (lines,) if lines else None
            except PykdumpError:
                yield None


class _Registers(_Frames):
    """The registers of user mode, of stacks on which nothing else looks like registers."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterator[str]:
        if has_registers:
            yield ""
            yield f"  USER-MODE EXCEPTION FRAME AT: {ANY:x}"

    def values(self, stacks: Sequence[Plain]) -> Iterator[Values]:
        for stack in stacks:
            own = (stack.regs_addr,) if stack.regs_addr else ()
            try:
                found = bt_scan.exception_frames(stack.sp_addr & ~7, stack.end)
            except PykdumpError:
                yield None
            else:
                yield own if tuple(found) == own else None


def _form(given: Given) -> Form:
    if "-t" in given or "-T" in given:
        return _Symbols(given)
    if "-e" in given:
        return _Registers(given)
    if "-o" in given or _by_words:
        return _ReturnAddresses(given)
    return _FramesWithWords(given) if "-f" in given or "-F" in given else _Frames(given)


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
