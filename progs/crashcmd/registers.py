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


def _name(name: str) -> str:
    return name.upper() if name[0] == "r" else f"R{name.upper()}"


_FIRST = "    RIP: {ip:016x}  RSP: {sp:016x}  RFLAGS: {flags:08x}"
_FORMATS = tuple(
    (row, "    " + "  ".join(f"{_name(name):>3}: {{{name}:016x}}" for name in row)) for row in _ROWS
)
_LAST = "    CS: {cs:04x}  SS: {ss:04x}"
_LAST_WITH_CALL = "    ORIG_RAX: {orig_ax:016x}  CS: {cs:04x}  SS: {ss:04x}"

#: All of them in the order in which they are printed.
ORDER = (
    *("ip", "sp", "flags"),
    *(name for row in _ROWS for name in row),
    *("orig_ax", "cs", "ss"),
)


def register_lines(registers: Mapping[str, int]) -> Iterator[str]:
    """Lines of a ``struct pt_regs``; those that were not saved are left out."""
    yield _FIRST.format_map(registers)
    for row, form in _FORMATS:
        if row[0] in registers and row[1] in registers and row[2] in registers:
            yield form.format_map(registers)
    yield (_LAST_WITH_CALL if "orig_ax" in registers else _LAST).format_map(registers)
