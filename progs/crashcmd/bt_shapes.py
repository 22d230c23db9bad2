# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of very many tasks as text: those that differ only in addresses are formatted once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Protocol, Union

from crashcmd import context, registers
from LinuxDump import BTstack, modules, stack_areas, stack_details
from LinuxDump.BTstack import Frame, Stack
from LinuxDump.stack_details import TaskStack
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.members import Member
from pykdump.unwinding import fill_texts

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable

_TASK = Layout("struct task_struct", "stack")


class _Place(int):
    # Stands for a number or text that is not known yet: formatted, it is a place for it.
    def __format__(self, spec: str) -> str:
        return "\0" + spec


#: What a form formats in place of what differs between stacks of a shape.
ANY: Any = _Place()


class _Saved(int):
    # Stands for a register in the struct pt_regs at the last number of a row.
    def __new__(cls, name: str) -> _Saved:
        made = super().__new__(cls)
        made._member = lowlevel.member("struct pt_regs", name)
        return made

    _member: Member

    def __format__(self, spec: str) -> str:
        width = spec.removesuffix("x")
        return f"\0{width}m{self._member.offset}.{self._member.size};"


Values = Optional[tuple[Union[int, str], ...]]


class Plain(NamedTuple):
    """A stack of calls, from a system call of user mode or the beginning of a kernel thread on, all
    of it on the stack of a task that sleeps."""

    task: Task
    slots: tuple[int, ...]  #: where the return address of each frame lies
    sp_addr: int  #: of the innermost frame
    start: int  #: of the stack
    end: int
    regs_addr: int  #: struct pt_regs * of user mode, 0 without


class Names(NamedTuple):
    """Names of what words of memory lead to."""

    symbols: SymbolTable | None = None
    caches: Mapping[int, str] = {}  #: by the address of a page
    with_address: bool = False  #: before the name of a cache
    code: Sequence[tuple[int, int]] = ()  #: where it lies, for ANY:t and ANY:o
    offsets: str = ""  #: "d" or "x": of ANY:o, into functions


class Form(Protocol):
    """What is shown of plain stacks, and of others."""

    at_once: int  #: how many tasks there may be to a piece of text
    has_source: bool  #: of others, whether source lines are shown
    shows_registers: bool  #: behind the lines, those of user mode

    def wants(self, stack: Stack) -> bool:
        """Whether stacks of a shape are to be shown."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterable[str]:
        """Lines of a shape, with ANY where stacks differ; the registers come behind them."""

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        """What comes in these places for each stack (pykdump.unwinding.fill_texts); None for a
        stack that cannot be read."""

    def names(self, stacks: Sequence[Plain]) -> Names:
        """What words of memory are called in place of their digits."""

    def other_lines(self, stack: TaskStack) -> Iterable[str]:
        """All lines of a stack that is no plain one; none for one that is not to be shown."""


def pieces(tasks: Sequence[Task], form: Form) -> Iterator[str]:
    """Text of the stack of each task, with a blank line between two."""
    modules.add_to_tables()
    is_first = True
    for first in range(0, len(tasks), form.at_once):
        for text in _texts(tasks[first : first + form.at_once], form):
            if not is_first:
                yield ""
            is_first = False
            yield text


def _texts(tasks: Sequence[Task], form: Form) -> Iterator[str]:
    # Each of one stack or several, with a blank line between two.
    chosen, texts = plain_texts(tasks, form)
    left = [chosen[place] for place, text in texts if text is None]
    others = stack_details.task_stacks(left, source=form.has_source)
    for _, text in texts:
        if text is None:
            text = "\n".join(form.other_lines(next(others)))
        if text:
            yield text


def plain_texts(
    tasks: Sequence[Task], form: Form
) -> tuple[list[Task], Sequence[tuple[int, str | None]]]:
    """The tasks that are to be shown, and texts of those that follow each other, as
    `fill_texts` makes them: None for a task whose stack is no plain one."""
    shapes, places = BTstack.shapes(tasks)
    is_shown = [form.wants(stack) for stack in shapes]
    is_plain = [_is_plain(stack) for stack in shapes]
    templates = [
        _template(stack, form) if is_shown[shape] and is_plain[shape] else ""
        for shape, stack in enumerate(shapes)
    ]
    size = stack_areas.thread_size()
    bases = _TASK.read_many([task.addr for task in tasks])
    chosen: list[Task] = []
    plain: list[Plain] = []
    rows: list[tuple[int | str, ...]] = []  # of the chosen, empty for those that are not plain
    kept: list[tuple[int, int]] = []  # row and shape of the plain ones
    for task, (shape, sps, regs), base in zip(tasks, places, bases):
        if is_plain[shape] and base is not None and _lies_well(task, sps, regs, base.stack, size):
            if not is_shown[shape]:
                continue
            start, calls = base.stack, sps[:-1] if regs else sps
            slots = (task.sp_addr, *[at - 8 for at in calls[1:]])
            plain.append(Plain(task, slots, calls[0], start, start + size, regs))
            kept.append((len(rows), shape))
        chosen.append(task)
        rows.append(())
    for stack, (row, shape), its in zip(plain, kept, form.values(plain)):
        if its is not None:
            rows[row] = (shape, context.header(stack.task), *its, stack.regs_addr)
    names = form.names(plain)
    texts = fill_texts(
        templates,
        rows,
        names.symbols,
        names.caches,
        with_address=names.with_address,
        code=names.code,
        offsets=names.offsets,
    )
    return chosen, texts


def _lies_well(task: Task, sps: Sequence[int], regs: int, start: int, size: int) -> bool:
    # Whether all of a stack is where a task that sleeps has it.
    calls = sps[:-1] if regs else sps
    if task.is_running or not start or not calls:
        return False
    return start < task.sp_addr <= start + size and start < min(calls) <= max(calls) <= start + size


def _is_plain(stack: Stack) -> bool:
    if not stack.frames or not stack.is_complete:
        return False
    *calls, last = stack.frames
    return all(frame.kind in ("top", "call") for frame in calls) and (
        last.kind == "call" or (last.kind == "user" and last.regs_are_whole and bool(calls))
    )


def _template(stack: Stack, form: Form) -> str:
    has_registers = stack.frames[-1].kind == "user"
    lines = [*form.lines(stack.frames[: -1 if has_registers else None], has_registers)]
    if has_registers and form.shows_registers:
        lines += registers.register_lines({name: _Saved(name) for name in registers.ORDER})
    return f"{ANY:s}" + "".join(f"\n{line}" for line in lines)
