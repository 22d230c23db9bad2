# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers, addresses and symbols as they are typed, and as crash prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashcmd.command import WordsError
from LinuxDump import percpu
from LinuxDump.api_models import KernelModels
from pykdump import lowlevel, symbols

U64 = 0xFFFF_FFFF_FFFF_FFFF

_HEX = re.compile(r"(?:0[xX])?[0-9a-fA-F]+")


def address(word: str) -> int:
    """An address: hexadecimal with or without 0x, or a symbol; raises CrashError."""
    found = find_address(word)
    if found is None:
        raise WordsError(f"{word} is no address and no symbol")
    return found


def find_address(word: str) -> int | None:
    """The same; None for what is neither. ``SYMBOL+0x10`` and ``ADDRESS-8`` are sums."""
    word = word.removeprefix("&")
    parts = re.fullmatch(r"([\w.$]+)([-+])(0[xX][0-9a-fA-F]+|\d+)", word)
    base = word if parts is None else parts[1]
    found: int | None = None
    if _HEX.fullmatch(base):
        found = int(base, 16)
    elif re.fullmatch(r"[A-Za-z_.$][\w.$]*", base):
        found = symbols.sym2addr(base) or None
        if found is not None and percpu.is_percpu_symbol(base):
            found = percpu.per_cpu(base, 0)
    if found is None or parts is None:
        return found if found is None or found <= U64 else None
    offset = int(parts[3], 0)
    return (found + (offset if parts[2] == "+" else -offset)) & U64


def is_hex(word: str) -> bool:
    """Whether a word is a number in hexadecimal, with or without 0x."""
    return bool(_HEX.fullmatch(word))


def number(word: str) -> int:
    """A number as C writes it, else hexadecimal; raises CrashError."""
    try:
        found = int(word, 0) if word.isascii() else None
    except ValueError:
        found = int(word, 16) if _HEX.fullmatch(word) else None
    if found is None:
        raise WordsError(f"{word} is no number")
    return _in_64_bits(found, word)


def hex_number(word: str) -> int:
    """A number in hexadecimal, with or without 0x; raises CrashError."""
    if not is_hex(word):
        raise WordsError(f"{word} is no number in hexadecimal")
    return _in_64_bits(int(word, 16), word)


def _in_64_bits(number: int, word: str) -> int:
    if abs(number) > U64:
        raise WordsError(f"{word} has more than 64 bits")
    return number


def kernel_address(word: str) -> int:
    """An address that the kernel uses; a physical one is not; raises CrashError."""
    found = address(word)
    if found >> 47 != 0x1FFFF and not found >> 63:
        raise WordsError(f"{word} is no address of the kernel")
    return found


def symbol(addr: int) -> str:
    """``NAME`` or ``NAME+OFFSET`` of an address; "" outside all symbols."""
    found = KernelModels().symbols().at(addr & U64)
    if found is None:
        return ""
    return found[0] + (f"+{found[1]}" if found[1] else "")


def value_or_symbol(value: int) -> str:
    """What a word of memory shows: a symbol's name where it leads into the kernel's image."""
    return symbol(value) if value >> 63 else ""


def size_of(value: int) -> str:
    """A number of bytes as crash tells it: 992.2 MB, 4 KB."""
    for unit, shift in (("TB", 40), ("GB", 30), ("MB", 20)):
        if value >= 1 << shift:
            whole = value / (1 << shift)
            return f"{whole:.1f}".removesuffix(".0") + f" {unit}"
    return f"{value / 1024:.1f}".removesuffix(".0") + " KB"


def read_words(addr: int, count: int) -> list[int]:
    """So many pointers from an address on; raises ReadError."""
    raw = lowlevel.dump().read(addr, 8 * count)
    return list(memoryview(raw).cast("Q"))


def matching(names: Sequence[str], beginning: str) -> list[str]:
    """Those of these names with this beginning."""
    return sorted(name for name in names if name.startswith(beginning))
