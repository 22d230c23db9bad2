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
from pykdump.layout import Layout
from pykdump.unwinding import fill_texts

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable

_AT_ONCE = 4096

_TASK = Layout("struct task_struct", "stack")
_REGS = Layout("struct pt_regs", *registers.ORDER)


class _Place(int):
    # Stands for a number or text that is not known yet: formatted, it is a place for it.
    def __format__(self, spec: str) -> str:
        return "\0" + spec


#: What a form formats in place of what differs between stacks of a shape.
ANY: Any = _Place()

_ANY_REGISTERS = dict.fromkeys(registers.ORDER, ANY)

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


class WordNames(NamedTuple):
    """Names of what words of memory lead to."""

    symbols: SymbolTable | None = None
    caches: Mapping[int, str] = {}  #: by the address of a page
    with_address: bool = False


class Form(Protocol):
    """What is shown of plain stacks, and of others."""

    has_source: bool  #: of others, whether source lines are shown

    def wants(self, stack: Stack) -> bool:
        """Whether stacks of a shape are to be shown."""

    def lines(self, calls: Sequence[Frame], has_registers: bool) -> Iterable[str]:
        """Lines of a shape, with ANY where stacks differ; the registers come behind them."""

    def values(self, stacks: Sequence[Plain]) -> Iterable[Values]:
        """What comes in these places for each stack, for words of memory (ANY:w) their start and
        end; None for a stack that cannot be read."""

    def names(self, stacks: Sequence[Plain]) -> WordNames:
        """What words of memory (ANY:w) are called in place of their digits."""

    def other_lines(self, stack: TaskStack) -> Iterable[str]:
        """All lines of a stack that is no plain one; none for one that is not to be shown."""


def pieces(tasks: Sequence[Task], form: Form) -> Iterator[str]:
    """Text of the stack of each task, with a blank line between two."""
    modules.add_to_tables()
    is_first = True
    for first in range(0, len(tasks), _AT_ONCE):
        found = [text for text in _texts(tasks[first : first + _AT_ONCE], form) if text]
        if found:
            if not is_first:
                yield ""
            is_first = False
            yield "\n\n".join(found)


def _texts(tasks: Sequence[Task], form: Form) -> Iterator[str]:
    texts = _plain_texts(tasks, form)
    left = [task for task in tasks if task.addr not in texts]
    others = stack_details.task_stacks(left, source=form.has_source)
    for task in tasks:
        text = texts.get(task.addr)
        yield "\n".join(form.other_lines(next(others))) if text is None else text


def _plain_texts(tasks: Sequence[Task], form: Form) -> dict[int, str]:
    # Empty texts for those that are not to be shown.
    shapes, places = BTstack.shapes(tasks)
    is_shown = [form.wants(stack) for stack in shapes]
    is_plain = [_is_plain(stack) for stack in shapes]
    templates = [
        _template(stack, form) if is_shown[shape] and is_plain[shape] else ""
        for shape, stack in enumerate(shapes)
    ]
    size = stack_areas.thread_size()
    bases = _TASK.read_many([task.addr for task in tasks])
    saved = _REGS.read_many([place.regs_addr for place in places])
    texts: dict[int, str] = {}
    plain: list[Plain] = []
    kept: list[tuple[int, tuple[int, ...]]] = []
    for task, (shape, sps, regs), base, values in zip(tasks, places, bases, saved):
        if not is_plain[shape] or base is None or not base.stack or task.is_running:
            continue
        if regs and (values is None or None in values):
            continue
        calls = sps[:-1] if regs else sps
        start, sp = base.stack, task.sp_addr
        if start < sp <= start + size and start < min(calls) and max(calls) <= start + size:
            if not is_shown[shape]:
                texts[task.addr] = ""
                continue
            slots = (sp, *[at - 8 for at in calls[1:]])
            plain.append(Plain(task, slots, calls[0], start, start + size, regs))
            kept.append((shape, values if regs else ()))
    found, rows = [], []
    for stack, (shape, values), its in zip(plain, kept, form.values(plain)):
        if its is not None:
            found.append(stack.task.addr)
            rows.append((shape, context.header(stack.task), *its, *values))
    symbols, caches, with_address = form.names(plain)
    filled = fill_texts(templates, rows, symbols, caches, with_address=with_address)
    texts.update((addr, text) for addr, text in zip(found, filled) if text is not None)
    return texts


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
    if has_registers:
        lines += registers.register_lines(_ANY_REGISTERS)
    return f"{ANY:s}" + "".join(f"\n{line}" for line in lines)
