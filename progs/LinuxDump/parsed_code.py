# SPDX-License-Identifier: GPL-2.0-or-later
"""The instructions of functions, taken apart once a dump."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from LinuxDump.att_syntax import register_name, split
from pykdump import lowlevel
from pykdump.code import Instruction, instructions

#: What code is at an address range.
Code = Callable[[int, int], Sequence[Instruction]]

_READ_ONLY = ("push", "pop", "cmp", "test", "call", "jmp", "bt")
_MAX_FUNCTIONS = 2000


class Line(NamedTuple):
    """An instruction."""

    end_addr: int  #: of the next one
    text: str
    mnemonic: str
    operands: tuple[str, ...]
    target: str  #: the register that it writes, named as in pt_regs; "" for none


_known: dict[tuple[int, int], Sequence[Line]] = {}
_known_of: lowlevel.Kernel | None = None


def parsed(start: int, end: int, code: Code = instructions) -> Sequence[Line]:
    """The instructions from one address up to another."""
    global _known_of
    if code is not instructions:
        return [_line(each) for each in code(start, end)]
    if _known_of is not lowlevel.kernel() or len(_known) > _MAX_FUNCTIONS:
        _known.clear()
        _known_of = lowlevel.kernel()
    found = _known.get((start, end))
    if found is None:
        found = _known[start, end] = [_line(each) for each in code(start, end)]
    return found


def _line(instruction: Instruction) -> Line:
    mnemonic, operands = split(instruction.text)
    target = ""
    if operands and operands[-1].startswith("%") and not mnemonic.startswith(_READ_ONLY):
        target = register_name(operands[-1])
    return Line(instruction.end_addr, instruction.text, mnemonic, tuple(operands), target)
