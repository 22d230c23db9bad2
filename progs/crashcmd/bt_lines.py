# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of a stack of which all is known, in each of the forms of bt."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import bt_scan, bt_start, bt_text, context
from crashcmd.command import Given
from crashcmd.registers import register_lines
from LinuxDump import stack_areas
from LinuxDump.BTstack import Frame
from LinuxDump.stack_details import FrameRecord, TaskStack
from LinuxDump.task_records import task_table
from pykdump.errors import ReadError

#: Whether bt -O made -o what bt does.
by_words = False
_STACKS = {"IRQ stack": "<IRQ stack>", "NMI stack": "<NMI exception stack>"}


def lines(stack: TaskStack, given: Given) -> Iterator[str]:
    """What the options ask for of a stack."""
    yield context.header(task_table().by_addr[stack.task_addr])
    if "-t" in given or "-T" in given:
        yield from bt_text.text_symbols(stack, whole="-T" in given)
        if stack.frames and stack.frames[-1].kind == "user":
            yield from _exception(stack.frames[-1])
    elif "-r" in given:
        yield from bt_text.raw(stack)
    elif "-e" in given:
        yield from _exceptions(stack)
    elif "-o" in given or by_words:
        yield from bt_text.return_addresses(stack, offsets(given))
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
            # Those of a CPU that was stopped, or of the fault; what panic() did then says nothing.
            if frame.kind == "top" and (frame.failed_here or not context.is_panicked(task)):
                yield from _exception(frame)
            yield frame_line(frame, number, slots[place], given)
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


def offsets(given: Given) -> str:
    """How offsets into functions are shown: "d", "x", or "" for not at all."""
    return ("x" if "-x" in given else "d") if "-s" in given else ""


def frame_line(frame: FrameRecord | Frame, number: int, at: int, given: Given) -> str:
    """The line of a frame.

    :param at: where the stack holds its address.
    """
    name = frame.function or f"{frame.addr:x}"
    if "-s" in given and frame.function:
        name += f"+{frame.offset:#x}" if "-x" in given else f"+{frame.offset}"
    module = f" [{frame.module}]" if frame.module else ""
    mark = "" if frame.is_reliable else " ?"
    return f"{f'#{number}':>3} [{at:x}] {name} at {frame.addr:x}{module}{mark}"


def _exception(frame: FrameRecord) -> Iterator[str]:
    if frame.kind == "top" and not frame.registers:
        return
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
