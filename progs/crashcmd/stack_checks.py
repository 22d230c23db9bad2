# SPDX-License-Identifier: GPL-2.0-or-later
"""Which stacks overflowed, and on which something lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from crashcmd import context, values
from LinuxDump import stack_areas
from LinuxDump.BTstack import Stack
from LinuxDump.stack_details import TaskStack
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.logging import pylog

_STACK_END_MAGIC = 0x57AC6E9D  # include/uapi/linux/magic.h


def overflows(tasks: Sequence[Task]) -> Iterator[str]:
    """Lines of ``bt -v``: tasks whose stacks lost the mark at their end, or that are below it."""
    any_found = False
    for task in sorted(tasks, key=lambda task: (task.pid, task.cpu)):
        problem = _problem(task)
        if problem:
            any_found = True
            yield context.header(task)
            yield f"  possible stack overflow: {problem}"
    if not any_found:
        yield "No stack overflows detected"


def _problem(task: Task) -> str:
    area = stack_areas.task_stack(task)
    if area is None:
        return ""
    if task.sp_addr and area.start - (area.end - area.start) <= task.sp_addr < area.start:
        return (
            f"the stack pointer {task.sp_addr:x} is below the stack, which ends at {area.start:x}"
        )
    try:
        mark = lowlevel.read_uint(_end_of(task, area), 8)
    except ReadError as error:
        pylog.warning(f"pid {task.pid}: the end of the stack cannot be read: {error}")
        return ""
    if mark == _STACK_END_MAGIC:
        return ""
    return f"{_end_of(task, area):x}: {mark:x} in place of STACK_END_MAGIC ({_STACK_END_MAGIC:x})"


def _end_of(task: Task, area: stack_areas.Area) -> int:
    # end_of_stack(): behind the thread_info where that lies on the stack.
    if lowlevel.find_member("struct task_struct", "thread_info") is not None:
        return area.start
    return area.start + lowlevel.sizeof("struct thread_info")


def is_number(word: str) -> bool:
    """Whether words of stacks may be meant, and not only functions."""
    return values.find_address(word) is not None and values.is_hex(word)


def reference(word: str) -> Callable[[TaskStack | Stack], bool]:
    """Whether a stack has a function of this name, or a word of this value; raises CrashError.

    Words are looked for on the stacks of tasks only.
    """
    addr = values.find_address(word) if is_number(word) else None

    def has(stack: TaskStack | Stack) -> bool:
        names = {frame.function for frame in stack.frames if frame.function}
        if word in names or word in {name.partition(".")[0] for name in names}:
            return True
        if addr is None or not stack.frames:
            return False
        if not isinstance(stack, TaskStack):
            return False
        if any(addr in (frame.addr, frame.sp_addr) for frame in stack.frames):
            return True
        return addr in _words(stack)

    return has


def _words(stack: TaskStack) -> list[int]:
    area = stack_areas.task_stack(task_table().by_addr[stack.task_addr])
    if area is None:
        return []
    low = next((f.sp_addr for f in stack.frames if area.holds(f.sp_addr)), area.start) & ~7
    try:
        return values.read_words(low, (area.end - low) // 8)
    except ReadError as error:
        pylog.warning(f"pid {stack.pid}: {error}")
        return []
