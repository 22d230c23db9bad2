# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers at the entry of functions: from what is pushed, kept, moved and passed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

from LinuxDump.entry_registers import Register, entry_registers  # noqa: E402
from LinuxDump.stack_details import FrameRecord, TaskStack  # noqa: E402
from pykdump.code import Instruction  # noqa: E402

# inner() at 0x1000 was called by outer() at 0x2000: 4 bytes an instruction.
INNER = ["push   %rbp", "push   %rbx", "mov    %rdi,%rbx", "sub    $0x10,%rsp", "call   0x3000 <z>"]
OUTER = [
    "push   %r12",
    "mov    %rsi,%r12",
    "call   0x4000 <before>",
    "mov    $0xffffffffffffff9c,%r8",
    "mov    0x8(%rsp),%rcx",
    "lea    0x18(%rsp),%rdx",
    "xor    %esi,%esi",
    "mov    %rbx,%rdi",
    "call   0x1000 <inner>",
]
MEMORY = {0x8FF0: 0xB9, 0x8FE8: 0xBB, 0x9008: 0xC8, 0x9040: 0x12}


def code(start: int, end: int) -> list[Instruction]:
    texts = {0x1000: INNER, 0x2000: OUTER}[start]
    return [Instruction(start + 4 * at, 4, text) for at, text in enumerate(texts)]


def read(addr: int) -> Optional[int]:
    return MEMORY.get(addr)


def frame(function: str, addr: int, sp: int, size: int, **more: object) -> FrameRecord:
    told: dict[str, object] = {
        **dict(number=0, addr=addr, sp_addr=sp, kind="call", function=function or None),
        **dict(offset=addr & 0xFFF, size_bytes=size, module="", is_reliable=True),
        **dict(stack="task stack", failed_here=False, regs_addr=0, registers=None),
        **dict(syscall=None, source=(), arguments=()),
    }
    return FrameRecord(**{**told, **more})  # type: ignore[arg-type]


def stack(*frames: FrameRecord) -> TaskStack:
    return TaskStack(0xFF00, 7, 7, "dd", "D", 0, False, 0, frames, True, "")


# The last instruction of inner() is a call that will return behind it.
HIT = frame("inner", 0x1014, 0x8F00, 24, kind="regs", registers={"bx": 0xD1, "r13": 0x13})
CALLER = frame("outer", 0x2024, 0x9000, 40)


def registers() -> dict[str, Register]:
    return entry_registers(stack(HIT, CALLER), 0, code=code, read=read)[0].registers


def test_pushed_registers_lie_below_the_return_address() -> None:
    assert registers()["bp"] == Register(0xB9, 0)
    assert registers()["bx"] == Register(0xBB, 0)
    assert registers()["sp"] == Register(0x8FF8, 0)


def test_registers_that_it_never_touched_are_as_they_were() -> None:
    assert registers()["r13"] == Register(0x13, 0)


def test_an_argument_moved_to_a_register_that_keeps_it_is_certain() -> None:
    assert registers()["di"] == Register(0xD1, 0)


def test_the_instructions_before_the_call_tell_arguments() -> None:
    found = registers()
    assert found["si"] == Register(0, 2)
    assert found["dx"] == Register(0x9018, 3)
    assert found["cx"] == Register(0xC8, 4)
    assert found["r8"] == Register(0xFFFFFFFFFFFFFF9C, 5)
    assert "r9" not in found  # a call before it may have changed it


def test_memory_that_is_not_there_leaves_a_register_unknown() -> None:
    found = entry_registers(stack(HIT, CALLER), 0, code=code, read=lambda addr: None)
    assert not {"bp", "cx"} & set(found[0].registers)


def test_frames_without_code_have_nothing() -> None:
    lost = frame("", 0x5000, 0x8F00, 0)
    found = entry_registers(stack(lost), 0, code=code, read=read)
    assert found[0].registers == {} and found[0].caller is None
