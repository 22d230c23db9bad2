# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a stack begins that is not unwound from where its task was (bt -I and -S)."""

from __future__ import annotations

from collections.abc import Sequence

from crashcmd import values
from crashcmd.bt_text import text_ranges
from crashcmd.command import Given
from LinuxDump import stack_areas
from LinuxDump.BTstack import Start, start_at, start_behind
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.logging import pylog


def place(given: Given) -> int:
    """The address behind -S."""
    return values.address(given.value("-S") or "")


def starts(tasks: Sequence[Task], given: Given) -> dict[int, Start]:
    """Where the stack of the task is to begin; empty without -I and -S. Raises CrashError."""
    if "-I" not in given and "-S" not in given:
        return {}
    if len(tasks) != 1:
        raise given.error("-I and -S are for the stack of one task")
    (task,) = tasks
    sp = place(given) if "-S" in given else task.sp_addr
    end = _check(task, sp, given)
    word = lowlevel.read_pointer(sp)
    if "-I" not in given and not _is_code(word):
        sp = _next_address(sp, end, given)
        word = lowlevel.read_pointer(sp)
    ip = values.address(given.value("-I") or "") if "-I" in given else word
    if not _is_code(ip):
        raise given.error(f"{ip:x} is no address of the kernel's code")
    # What stands in a line of bt is where the stack holds the address that is returned to.
    return {task.addr: start_behind(sp) if word == ip else start_at(ip, sp)}


def _is_code(addr: int) -> bool:
    return any(first <= addr < last for first, last in text_ranges())


def _next_address(sp: int, end: int, given: Given) -> int:
    for at in range((sp & ~7) + 8, end, 8):
        if _is_code(lowlevel.read_pointer(at)):
            pylog.warning(f"{sp:x} holds no address of code: begun at {at:x}, the next that does")
            return at
    raise given.error(f"from {sp:x} on the stack holds no address of code; name one: -I IP")


def _check(task: Task, sp: int, given: Given) -> int:
    # The end of the stack that this is on.
    own = stack_areas.task_stack(task)
    areas = [*([own] if own else []), *stack_areas.cpu_stacks(task.cpu)]
    for area in areas:
        if area.start <= sp < area.end:
            return area.end
    where = f": its stack is {own.start:x} to {own.end:x}" if own else ""
    raise given.error(f"{sp:x} is on no stack of pid {task.pid}{where}")
