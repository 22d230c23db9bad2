# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions of x86_64 in the syntax of AT&T, taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_U64 = (1 << 64) - 1

_MEMORY = re.compile(
    r"(?P<indirect>\*)?(?:%(?P<segment>[cdefgs]s):)?(?P<disp>-?0x[0-9a-f]+)?"
    r"\((?:%(?P<base>\w+))?(?:,%(?P<index>\w+)(?:,(?P<scale>[1248]))?)?\)"
)
_ABSOLUTE = re.compile(r"(?P<indirect>\*)?%(?P<segment>[cdefgs]s):(?P<disp>-?0x[0-9a-f]+)(?!\()")
_OF_8 = {"a": "ax", "b": "bx", "c": "cx", "d": "dx"}
_PREFIXES = ("lock", "rep", "repz", "repnz", "notrack", "data16", "cs", "ds")


@dataclass(frozen=True)
class Memory:
    """A memory operand, registers as pt_regs names them."""

    text: str
    segment: str
    disp: int
    base: str
    index: str
    scale: int

    def address(self, registers: Mapping[str, int]) -> int | None:
        """Where it is with these registers; None when one of them is not known."""
        if self.segment in ("fs", "gs") or "ip" in (self.base, self.index):
            return None
        if any(name and name not in registers for name in (self.base, self.index)):
            return None
        total = self.disp + registers.get(self.base, 0) + self.scale * registers.get(self.index, 0)
        return total & _U64


def register_name(name: str) -> str:
    """The name in pt_regs of the whole register: ``%eax``, ``al`` and ``rax`` are ``ax``."""
    name = name.lstrip("%$")
    numbered = re.fullmatch(r"(r\d+)[bwd]?", name)
    if numbered:
        return numbered[1]
    if len(name) == 2 and name[1] in "lh" and name[0] in _OF_8:
        return _OF_8[name[0]]
    if name in ("sil", "dil", "bpl", "spl"):
        return name[:2]
    return name[1:] if len(name) == 3 and name[0] in "re" else name


def split(text: str) -> tuple[str, list[str]]:
    """Mnemonic and operands of an instruction, without prefixes and GDB's comment.

    >>> split("mov    0x8(%rdi,%rsi,8),%rax")
    ('mov', ['0x8(%rdi,%rsi,8)', '%rax'])
    """
    words = text.partition("#")[0].partition("<")[0].split()
    while len(words) > 1 and words[0] in _PREFIXES:
        words.pop(0)
    if not words:
        return "", []
    operands, depth, current = [], 0, ""
    for char in "".join(words[1:]):
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            operands.append(current)
            current = ""
        else:
            current += char
    return words[0], [*operands, current] if current else operands


def memory(operand: str) -> Memory | None:
    """The memory operand that this is; None for registers and constants."""
    found = _MEMORY.fullmatch(operand) or _ABSOLUTE.fullmatch(operand)
    if found is None:
        if re.fullmatch(r"-?0x[0-9a-f]+", operand):
            return Memory(operand, "", int(operand, 16), "", "", 1)
        return None
    parts = found.groupdict()
    return Memory(
        operand,
        parts["segment"] or "",
        int(parts["disp"] or "0", 16),
        register_name(parts.get("base") or ""),
        register_name(parts.get("index") or ""),
        int(parts.get("scale") or 1),
    )
