# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of very many tasks as text: those that differ only in addresses are formatted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from crashcmd import context, registers
from LinuxDump import BTstack, modules, stack_areas, stack_details
from LinuxDump.BTstack import Frame, Places, Stack
from LinuxDump.stack_details import TaskStack
from LinuxDump.task_records import Task
from pykdump.layout import Layout

_AT_ONCE = 4096

_TASK = Layout("struct task_struct", "stack")
_REGS = Layout("struct pt_regs", *registers.ORDER)


class Place(int):
    """Stands for a number that is not known yet: formatted, it is a place for it."""

    def __format__(self, spec: str) -> str:
        return "\0" + spec


_ANY_REGISTERS = dict.fromkeys(registers.ORDER, Place())


def pieces(
    tasks: Sequence[Task],
    frame_line: Callable[[Frame, int, int], str],
    stack_lines: Callable[[TaskStack], Iterable[str]],
) -> Iterator[str]:
    """Text of the stack of each task, with a blank line between two.

    :param frame_line: of a frame, its number, and where its return address lies.
    :param stack_lines: all lines of a stack that is no plain one.
    """
    modules.add_to_tables()
    for first in range(0, len(tasks), _AT_ONCE):
        if first:
            yield ""
        some = tasks[first : first + _AT_ONCE]
        texts = list(_plain_texts(some, frame_line))
        others = stack_details.task_stacks([t for t, text in zip(some, texts) if text is None])
        yield "\n\n".join(
            "\n".join(stack_lines(next(others))) if text is None else text for text in texts
        )


def _plain_texts(
    tasks: Sequence[Task], frame_line: Callable[[Frame, int, int], str]
) -> Iterator[str | None]:
    shapes, places = BTstack.shapes(tasks)
    templates = [_template(stack, frame_line) if _is_plain(stack) else None for stack in shapes]
    size = stack_areas.thread_size()
    bases = _TASK.read_many([task.addr for task in tasks])
    saved = _REGS.read_many([place.regs_addr for place in places])
    for task, place, base, values in zip(tasks, places, bases, saved):
        template = templates[place.shape]
        if template is None or base is None or not _lies_on(base.stack, size, task, place):
            yield None
        elif not place.regs_addr:
            yield f"{context.header(task)}\n{template % _slots(task, place.sp_addrs)}"
        elif values is None or None in values:
            yield None
        else:
            numbers = (*_slots(task, place.sp_addrs[:-1]), *values)
            yield f"{context.header(task)}\n{template % numbers}"


def _is_plain(stack: Stack) -> bool:
    # Calls, from a system call of user mode or the beginning of a kernel thread on.
    if not stack.frames or not stack.is_complete:
        return False
    *calls, last = stack.frames
    return all(frame.kind in ("top", "call") for frame in calls) and (
        last.kind == "call" or (last.kind == "user" and last.regs_are_whole)
    )


def _lies_on(base: int, size: int, task: Task, place: Places) -> bool:
    # Whether all of it is on the stack of a task that sleeps.
    sps = place.sp_addrs[:-1] if place.regs_addr else place.sp_addrs
    lowest, highest = min(*sps, task.sp_addr), max(*sps, task.sp_addr)
    return bool(base) and not task.is_running and base < lowest and highest <= base + size


def _slots(task: Task, sps: Sequence[int]) -> tuple[int, ...]:
    # Where the return addresses lie.
    return (task.sp_addr, *(sp - 8 for sp in sps[1:]))


def _template(stack: Stack, frame_line: Callable[[Frame, int, int], str]) -> str:
    calls = [frame for frame in stack.frames if frame.kind != "user"]
    lines = [frame_line(frame, number, Place()) for number, frame in enumerate(calls)]
    if len(calls) < len(stack.frames):
        lines += registers.register_lines(_ANY_REGISTERS)
    return "\n".join(lines).replace("%", "%%").replace("\0", "%")
