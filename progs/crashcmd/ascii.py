# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers as text, or the table of ASCII."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import Command, Given, Text, text

_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR"),
    *("SO", "SI", "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB"),
    *("ESC", "FS", "GS", "RS", "US", "SP"),
)


def collect(given: Given) -> Text:
    return text(_numbers(given.words) if given.words else _table())


def _numbers(words: list[str]) -> Iterator[str]:
    for word in words:
        number = values.hex_number(word)
        raw = number.to_bytes(max(8, (number.bit_length() + 7) // 8), "little")
        shown = "".join(
            chr(b) if 0x20 <= b < 0x7F else "" if not b else f"<{_name(b)}>" for b in raw
        )
        yield f"{number:016x}: {shown}"


def _name(code: int) -> str:
    if code < len(_NAMES):
        return _NAMES[code]
    return "DEL" if code == 0x7F else chr(code) if code < 0x7F else f"{code:02x}"


def _table() -> Iterator[str]:
    yield ""
    yield "      0    1   2   3   4   5   6   7"
    yield "    +" + "-" * 31
    for low in range(16):
        cells = (
            f"{_name(16 * high + low):>3}" if high < 2 else f" {_name(16 * high + low):<2}"
            for high in range(8)
        )
        yield f"  {low:X} | " + " ".join(cells).rstrip()
    yield ""


COMMANDS = (Command("ascii", "[NUMBER ...]", collect),)
