# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of Rust's symbols as they are in the source, as GDB's demangler has them."""

from __future__ import annotations

import re

from crashcmd.command import Command, Given, Text, text
from pykdump import commands
from pykdump.errors import CrashError

# Of both manglings: v0 begins with _R, the older one ends with 17h and a hash.
_MANGLED = re.compile(r"\b_R[A-Za-z]\w*|\b_ZN[\w.$]*17h[0-9a-f]{16}E", re.ASCII)
# What tells crates, and versions of a function, of the same name apart.
_HASHES = re.compile(r"\[[0-9a-f]{1,16}\]|::h[0-9a-f]{16}\b")


def demangled(symbol: str) -> str:
    """A symbol as the source has it; raises CrashError for what is no symbol of Rust."""
    if not re.fullmatch(r"[\w.$]+", symbol, re.ASCII):
        raise CrashError(f"{symbol} is no symbol of Rust")
    try:
        found = commands.gdb().execute(f"demangle -l rust -- {symbol}").strip()
    except CrashError:
        raise CrashError(f"{symbol} is no symbol of Rust") from None
    return _HASHES.sub("", found)


def readable(line: str) -> str:
    """A line with the symbols of Rust in it demangled."""
    return _MANGLED.sub(_or_itself, line)


def _or_itself(match: re.Match[str]) -> str:
    try:
        return demangled(match[0])
    except CrashError:
        return match[0]


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("a symbol is needed")
    return text(demangled(word) for word in given.words)


COMMANDS = (Command("rustfilt", "SYMBOL ...", collect),)
