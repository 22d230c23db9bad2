# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers as they were when the functions on a stack were entered, x86_64.

Three sources. What a function pushes in its prologue lies on the stack. What it does not push, and
must keep for its caller, is what the function that it calls found. And the caller's instructions
before the call say where arguments came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from LinuxDump.att_syntax import memory, register_name
from LinuxDump.parsed_code import Code, Line, parsed
from LinuxDump.stack_details import FrameRecord, TaskStack
from pykdump import lowlevel
from pykdump.code import instructions
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

#: A function must give these back as they were.
KEPT = ("bx", "bp", "r12", "r13", "r14", "r15")
#: Arguments, in order.
ARGUMENTS = ("di", "si", "dx", "cx", "r8", "r9")

_PROLOGUE = 16  # instructions
_BEFORE_CALL = 9
_MAX_CODE = 1 << 14
_U64 = (1 << 64) - 1
_INACTIVE = Layout("struct inactive_task_frame", "r15", "r14", "r13", "r12", "bx", "bp")
_SKIPPED = ("endbr64", "nop", "nopl", "nopw", "xchg")

#: Eight bytes of memory.
Read = Callable[[int], "int | None"]


@dataclass(frozen=True)
class Register:
    """A register at the entry of a function."""

    value_addr: int
    distance: int  #: 0: certain; else guessed, from so many instructions before the call


@dataclass(frozen=True)
class FrameRegisters:
    """The registers that are known of a frame."""

    frame: FrameRecord
    caller: FrameRecord | None  #: None for what an exception or interrupt came into
    registers: dict[str, Register]  #: named as in pt_regs


def entry_registers(
    stack: TaskStack, sp_addr: int, *, code: Code = instructions, read: Read | None = None
) -> list[FrameRegisters]:
    """The registers at the entry of each frame's function, the innermost first.

    :param sp_addr: thread.sp of a task that does not run, else 0.
    """
    fetch = _read if read is None else read
    kept: dict[str, Register] = _saved_by_switch(sp_addr) if sp_addr else {}
    found = []
    frames = [frame for frame in stack.frames if frame.kind != "user"]
    for place, frame in enumerate(frames):
        if frame.kind in ("regs", "top") and frame.registers:
            kept = {
                name: Register(value, 0) for name, value in frame.registers.items() if name in KEPT
            }
        caller = frames[place + 1] if place + 1 < len(frames) else None
        is_called = caller is not None and caller.kind == "call"
        lines = _function(frame, code)
        at_entry = _at_entry(lines, frame, caller if is_called else None, kept, fetch)
        if is_called and caller is not None:
            before = _function(caller, code)
            _add_arguments(at_entry, before, caller, fetch)
        _add_moved_arguments(at_entry, lines, frame, kept)
        found.append(FrameRegisters(frame, caller if is_called else None, at_entry))
        kept = {name: value for name, value in at_entry.items() if name in KEPT}
    return found


def _read(addr: int) -> int | None:
    try:
        return lowlevel.read_pointer(addr & _U64)
    except PykdumpError:
        return None


def _saved_by_switch(sp: int) -> dict[str, Register]:
    row = _INACTIVE.read(sp)
    if row is None:
        return {}
    return {name: Register(value & _U64, 0) for name, value in row._asdict().items()}


def _function(frame: FrameRecord, code: Code) -> Sequence[Line]:
    if frame.function is None or not 0 < frame.size_bytes <= _MAX_CODE:
        return ()
    start = frame.addr - frame.offset
    return parsed(start, start + frame.size_bytes, code)


# --- what the function itself saved


def _at_entry(
    lines: Sequence[Line],
    frame: FrameRecord,
    caller: FrameRecord | None,
    kept: dict[str, Register],
    read: Read,
) -> dict[str, Register]:
    pushed = _pushed(lines, frame.addr)
    # A function that keeps a register without saving it never wrote to it.
    writes = {each.target for each in lines}
    found = {
        name: value for name, value in kept.items() if name not in pushed and name not in writes
    }
    if caller is not None:
        found["sp"] = Register(caller.sp_addr - 8, 0)
        for name, depth in pushed.items():
            value = read(caller.sp_addr - 8 - 8 * depth)
            if value is not None:
                found[name] = Register(value, 0)
    return found


def _pushed(lines: Sequence[Line], before: int) -> dict[str, int]:
    # Registers by how many words below the return address they lie.
    found: dict[str, int] = {}
    depth = 0
    for instruction in lines[:_PROLOGUE]:
        if instruction.end_addr > before:
            break
        mnemonic, operands = instruction.mnemonic, instruction.operands
        if mnemonic.startswith("push"):
            depth += 1
            name = register_name(operands[0]) if operands else ""
            if name in KEPT:
                found.setdefault(name, depth)
        elif mnemonic.startswith(("call", "j", "ret", "sub", "add", "and")) and not (
            mnemonic.startswith("call") and "__fentry__" in instruction.text
        ):
            if mnemonic.startswith(("call", "j", "ret")) or "%rsp" in instruction.text:
                break
    return found


# --- what the caller did before


def _add_arguments(
    found: dict[str, Register],
    lines: Sequence[Line],
    caller: FrameRecord,
    read: Read,
) -> None:
    # Backwards from the call: the last write to a register is the one that counts.
    at = next((n for n, each in enumerate(lines) if each.end_addr == caller.addr), None)
    if at is None:
        return
    known = {name: value for name, value in found.items() if name in KEPT}
    known["sp"] = Register(caller.sp_addr, 0)
    closed: set[str] = set()
    for distance, instruction in enumerate(reversed(lines[max(0, at - _BEFORE_CALL) : at]), 1):
        mnemonic, operands = instruction.mnemonic, instruction.operands
        if mnemonic.startswith(("call", "ret", "jmp")):
            break
        target = instruction.target
        if not target:
            continue
        if target not in closed and target not in known:
            value = _value(mnemonic, operands, known, closed, read)
            if value is not None:
                found[target] = Register(value, distance)
        closed.add(target)
        known.pop(target, None)  # before this it held something else


def _value(
    mnemonic: str,
    operands: Sequence[str],
    known: dict[str, Register],
    closed: set[str],
    read: Read,
) -> int | None:
    source = operands[0]
    if mnemonic.startswith("xor") and len(operands) == 2 and operands[0] == operands[1]:
        return 0
    if not mnemonic.startswith(("mov", "lea")) or len(operands) != 2:
        return None
    if mnemonic.startswith(("movz", "movs")) and mnemonic not in ("movslq",):
        return None
    if source.startswith("$"):
        value = int(source[1:], 16)
        # A write of 32 bits clears the rest.
        return value & (0xFFFF_FFFF if _is_32bit(operands[-1]) else _U64)
    held = {name: each.value_addr for name, each in known.items() if name not in closed}
    if source.startswith("%") and ":" not in source:
        value = held.get(register_name(source), -1)
        if value < 0:
            return None
        return value & 0xFFFF_FFFF if _is_32bit(source) else value
    place = memory(source)
    if place is None or not place.base:
        return None
    addr = place.address(held)
    if addr is None:
        return None
    if mnemonic.startswith("lea"):
        return addr
    value_there = read(addr)
    if value_there is None:
        return None
    return value_there & 0xFFFF_FFFF if _is_32bit(operands[-1]) else value_there


def _is_32bit(register: str) -> bool:
    return register.startswith("%e") or register.endswith("d")


def _add_moved_arguments(
    found: dict[str, Register],
    lines: Sequence[Line],
    frame: FrameRecord,
    kept: dict[str, Register],
) -> None:
    # "mov %rdi,%rbx" at the beginning, and nothing else ever writes to rbx: it still has it.
    targets = [each.target for each in lines if each.target]
    written: set[str] = set()
    for instruction in lines[:_PROLOGUE]:
        if instruction.end_addr > frame.addr:
            break
        mnemonic, operands = instruction.mnemonic, instruction.operands
        if mnemonic.startswith(("call", "j", "ret")) and "__fentry__" not in instruction.text:
            break
        if mnemonic in ("mov", "movq") and len(operands) == 2 and operands[0].startswith("%r"):
            source, target = register_name(operands[0]), register_name(operands[1])
            if (
                source in ARGUMENTS
                and source not in written
                and target in kept
                and targets.count(target) == 1
                and operands[1].startswith("%r")
            ):
                found[source] = Register(kept[target].value_addr, 0)
        written.add(instruction.target)
