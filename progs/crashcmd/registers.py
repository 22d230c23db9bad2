# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers as crash prints them below a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_ROWS = (
    ("ax", "bx", "cx"),
    ("dx", "si", "di"),
    ("bp", "r8", "r9"),
    ("r10", "r11", "r12"),
    ("r13", "r14", "r15"),
)


def register_lines(registers: Mapping[str, int]) -> Iterator[str]:
    """Lines of a ``struct pt_regs``; those that were not saved are left out."""
    yield (
        f"    RIP: {registers['ip']:016x}  RSP: {registers['sp']:016x}  "
        f"RFLAGS: {registers['flags']:08x}"
    )
    for row in _ROWS:
        if all(name in registers for name in row):
            yield "    " + "  ".join(f"{_name(name):>3}: {registers[name]:016x}" for name in row)
    original = f"ORIG_RAX: {registers['orig_ax']:016x}  " if "orig_ax" in registers else ""
    yield f"    {original}CS: {registers['cs']:04x}  SS: {registers['ss']:04x}"


def _name(name: str) -> str:
    return name.upper() if name[0] == "r" else f"R{name.upper()}"
