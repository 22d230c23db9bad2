# SPDX-License-Identifier: GPL-2.0-or-later
"""Which frame of a stack is to blame, and what its instruction worked on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from LinuxDump import cpus
from LinuxDump.operands import Operand, explain
from LinuxDump.panic_rules import PanicRule
from LinuxDump.saved_registers import registers_in_note
from LinuxDump.stack_details import FrameRecord, TaskStack
from pykdump import code, dlkmload, lowlevel
from pykdump.errors import PykdumpError

#: What is called to find a fault, or to wait, and is not at fault itself.
_HELPERS = re.compile(
    r"__list_(add|del)_\w*|__list_add|(refcount|kobject)_warn\w*|__warn\w*|warn_slowpath\w*|"
    r"usercopy_abort|__check_object_size|__?fortify_\w+|__stack_chk_fail|native_queued_\w+|"
    r"queued_(spin|read|write)_\w+|_raw_(spin|read|write)_\w+|__raw_spin_\w+|do_raw_\w+|"
    r"__pv_queued_\w+|v?panic|nmi_panic|delay_\w+|__(const_)?[un]delay|rep_\w+_alternative|"
    r"_*(memcpy|memset|memmove|memcmp|strlen|strcmp|strncmp|copy_user_\w+)(_\w+)?|x86_return_thunk|"
    r"__x86_indirect_thunk\w*|srso_\w+|mutex_(lock|spin)\w*|down_(read|write)\w*|__?down\w*|"
    r"msleep\w*|rwsem_\w+|__mutex_\w+"
)
_PANIC = ("panic", "vpanic", "nmi_panic")
_PAST_CALL = 16  # bytes disassembled behind a frame's address


def name(frame: FrameRecord) -> str:
    """Name of its function; of the pieces that the compiler makes of one, that of the whole."""
    return (frame.function or "").partition(".")[0]


def frame_at_fault(
    rule: PanicRule, stack: TaskStack | None, panicked: bool
) -> tuple[FrameRecord | None, str]:
    """The frame to blame, and how: "failed", "interrupted", "waits", "called panic".

    :param panicked: it is the stack of the task that panicked.
    """
    frames = [frame for frame in (stack.frames if stack else ()) if frame.kind != "user"]
    if rule.culprit == "caller":
        return _caller_of_panic(frames), "called panic"
    if rule.culprit == "interrupted":
        hit = next((frame for frame in frames if frame.kind == "regs"), None)
        if hit is None and frames and frames[0].kind == "top" and not panicked:
            hit = frames[0]
        return hit, "interrupted" if hit else "interrupted in user mode"
    if rule.culprit == "named":
        return next((frame for frame in frames if not _is_scheduler(frame.addr)), None), "waits"
    failed = next((frame for frame in frames if frame.failed_here), None)
    return (failed, "failed") if failed else (_caller_of_panic(frames), "called panic")


def _caller_of_panic(frames: Sequence[FrameRecord]) -> FrameRecord | None:
    places = [place for place, frame in enumerate(frames) if name(frame) in _PANIC]
    after = places[-1] + 1 if places else 0
    return frames[after] if after < len(frames) else None


def _is_scheduler(addr: int) -> bool:
    start, end = (lowlevel.find_symbol(f"__sched_text_{place}") for place in ("start", "end"))
    return start is not None and end is not None and start <= addr < end


def culprit(
    stack: TaskStack | None, frame: FrameRecord | None, fault_addr: int | None
) -> FrameRecord | None:
    """The first frame from this one on that is no helper as memcpy(), and is code."""
    if stack is None or frame is None:
        return frame
    for each in stack.frames[stack.frames.index(frame) :]:
        if each.kind == "user":
            break
        if is_code(each, fault_addr) and not _HELPERS.fullmatch(name(each)):
            return each
    return frame


def is_code(frame: FrameRecord, fault_addr: int | None) -> bool:
    """Whether a frame is in a function, and not at an address that could not be executed."""
    return frame.function is not None and (frame.kind == "call" or frame.addr != fault_addr)


# --- the instruction


class _Asked:
    # What operands are explained with.
    variables_at = staticmethod(code.variables_at)
    variable_type = staticmethod(code.variable_type)
    pointed_struct = staticmethod(code.pointed_struct)
    member_at = staticmethod(code.member_at)


def instruction(
    stack: TaskStack | None, frame: FrameRecord | None, how: str, fault_addr: int | None
) -> tuple[str, Operand | None]:
    """Text of the instruction of a frame, and the operand that it failed of.

    :param how: as frame_at_fault() says.
    """
    if stack is None or frame is None or how not in ("failed", "interrupted"):
        return "", None
    note = cpus.registers_by_cpu().get(stack.cpu, b"")
    registers = frame.registers or registers_in_note(note) or {}
    at = frame if is_code(frame, fault_addr) else _caller(stack, frame, fault_addr)
    if at is None:
        return "", None
    _load_debug_info(at.module)
    lines = code.instructions(at.addr - at.offset, at.addr + _PAST_CALL)
    # What a call returns to is behind the call.
    is_here = [each for each in lines if at.addr in (each.addr if at is frame else each.end_addr,)]
    if not is_here:
        return "", None
    here = is_here[0]
    if how != "failed":
        return here.text, None
    return here.text, explain(lines, here.addr, registers, _Asked(), fault_addr)


def _caller(stack: TaskStack, frame: FrameRecord, fault_addr: int | None) -> FrameRecord | None:
    later = stack.frames[stack.frames.index(frame) + 1 :]
    return next((each for each in later if each.kind == "call" and is_code(each, fault_addr)), None)


def _load_debug_info(module: str) -> None:
    if module and dlkmload.loader is not None:
        try:
            dlkmload.loader.load(module, None)
        except PykdumpError:
            pass  # variables are then not known, which the operand says
