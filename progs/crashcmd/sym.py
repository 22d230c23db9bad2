# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols by name and address.

WHAT is a symbol or an address. Lines are  ADDRESS (LETTER) NAME[+OFFSET] [MODULE] FILE: LINE, the
letters being those of nm: T text, D data, B bss, R read-only data, small ones for local symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crashcmd import completion, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import modules, symbol_kinds
from LinuxDump.api_models import KernelModels
from LinuxDump.symbol_kinds import Symbol
from pykdump import frames
from pykdump.errors import CrashError
from pykdump.logging import pylog


@dataclass(frozen=True)
class Found:
    """A symbol and what of it was asked for."""

    addr: int
    letter: str
    name: str
    offset: int
    module: str
    source: str  #: FILE: LINE, "" when it is not known


def collect(given: Given) -> Any:
    if "-l" in given:
        return text(_listing(""))
    if "-M" in given:
        return text(_of_modules(""))
    if "-m" in given:
        name = (given.value("-m") or "").replace("-", "_")
        if name not in [module.name for module in modules.modules()]:
            where = "among those that can be read" if modules.tell_damage() else "in the dump"
            raise given.error(f"{name}: no such module {where}")
        return text(_listing(name))
    if "-q" in given:
        wanted = given.value("-q") or ""
        found = symbol_kinds.symbols().containing(wanted)
        if not found:
            raise given.error(f"no symbol contains {wanted}")
        return text(map(_line, found))
    if not given.words:
        raise given.error("a symbol or an address is needed")
    return tuple(_all(given))


def _all(given: Given) -> Iterator[Found]:
    missing, any_found = [], False
    for word in given.words:
        found = _named(word, given)
        if not found:
            missing.append(f"invalid address or symbol: {word}")
        for each in found:
            any_found = True
            yield each
    if not any_found:
        raise CrashError("; ".join(missing))
    for message in missing:
        pylog.warning(message)


def _named(word: str, given: Given) -> list[Found]:
    table = symbol_kinds.symbols()
    places = table.named(word)
    if places:
        return [f for place in places for f in _around(place, table.at(place).addr, given)]
    addr = values.find_address(word)
    at = KernelModels().symbols().at(addr) if addr is not None else None
    if addr is None or at is None:
        return []
    place = table.place(addr - at[1])
    while place > 0 and table.at(place).name != at[0] and table.at(place).addr == addr - at[1]:
        place -= 1
    if table.at(place).addr != addr - at[1]:
        place = table.place(addr)
    return _around(place, addr, given)


def _around(place: int, addr: int, given: Given) -> list[Found]:
    table = symbol_kinds.symbols()
    found = [_found(table.at(place), addr - table.at(place).addr)]
    if "-p" in given and place > 0:
        found.insert(0, _found(table.at(place - 1), 0))
    if "-n" in given and place + 1 < len(table):
        found.append(_found(table.at(place + 1), 0))
    return found


def _found(symbol: Symbol, offset: int) -> Found:
    source = ""
    if symbol.letter in "tTwW":
        source = str(frames.source_line(symbol.addr + offset) or "")
    return Found(symbol.addr + offset, symbol.letter, symbol.name, offset, symbol.module, source)


def _line(symbol: Symbol) -> str:
    module = f" [{symbol.module}]" if symbol.module else ""
    return f"{symbol.addr:x} ({symbol.letter}) {symbol.name}{module}"


def _listing(only: str) -> Iterator[str]:
    if not only:
        yield symbol_kinds.symbols().lines()
    yield from _of_modules(only)


def _of_modules(only: str) -> Iterator[str]:
    modules.tell_damage()
    for module in sorted(modules.modules(), key=lambda module: module.text.addr):
        if only in ("", module.name):
            yield f"{module.text.addr:x} MODULE START: {module.name}"
            lines = symbol_kinds.symbols().lines(module.name)
            if lines:
                yield lines
            end = max(piece.end_addr for piece in module.pieces)
            yield f"{end:x} MODULE END: {module.name}"


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    for found in record:
        line = f"{found.addr:x} ({found.letter}) {found.name}"
        line += f"+{found.offset}" if found.offset else ""
        line += f" [{found.module}]" if found.module else ""
        yield f"{line} {found.source}".rstrip()


COMMANDS = (
    Command(
        "sym",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-l", "all symbols", alone=True),
            Option("-M", "those of all modules", alone=True),
            Option("-m", "those of a module", "MODULE"),
            Option("-q", "those with this in their names", "TEXT"),
            Option("-p", "the symbol before, too"),
            Option("-n", "the symbol behind, too"),
        ),
        completes=completion.symbols,
    ),
)
