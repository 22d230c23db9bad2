# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols with the letters of nm and /proc/kallsyms: T text, D data, B bss, R read-only data.

Small letters are local symbols. vmlinux tells the kernel's, struct mod_kallsyms a module's.
"""

from __future__ import annotations

import bisect
import mmap
import struct
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from LinuxDump import modules
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_KALLSYMS = Layout("struct mod_kallsyms", "symtab", "num_symtab", "strtab")
_ELF_HEADER, _SECTION = struct.Struct("<40xQ10xHHH"), struct.Struct("<IIQQQQIIQQ")
_ENTRY = struct.Struct("<IBBHQQ")
_SHT_SYMTAB, _SHT_NOBITS = 2, 8
_SHF_WRITE, _SHF_EXEC = 1, 4
_SHN_ABS, _SHN_LIMIT = 0xFFF1, 0xFF00
_STB_LOCAL, _STB_WEAK = 0, 2
_STT_SECTION, _STT_FILE = 3, 4
_MAX_SYMBOLS = 1 << 22
_PAGE, _LONGEST = 4096, 256
_U64 = 0xFFFF_FFFF_FFFF_FFFF


class Symbol(NamedTuple):
    """A symbol."""

    addr: int
    letter: str
    name: str
    module: str  #: "" for the kernel's


class Symbols:
    """Symbols of the kernel and its modules, by address."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self.all = sorted(symbols)

    @cached_property
    def by_name(self) -> dict[str, list[Symbol]]:
        """Symbols of each name."""
        found: dict[str, list[Symbol]] = {}
        for symbol in self.all:
            found.setdefault(symbol.name, []).append(symbol)
        return found

    @cached_property
    def _addrs(self) -> list[int]:
        return [symbol.addr for symbol in self.all]

    def place(self, addr: int) -> int:
        """Index of the symbol at or before an address, -1 before all."""
        return bisect.bisect_right(self._addrs, addr) - 1


_known: tuple[lowlevel.Kernel, Symbols] | None = None


def symbols() -> Symbols:
    """All symbols of the open dump, read once."""
    global _known
    if _known is None or _known[0] is not lowlevel.kernel():
        found = list(_kernel_symbols())
        for module in modules.modules():
            found += module_symbols(module)
        _known = (lowlevel.kernel(), Symbols(found))
    return _known[1]


def _kernel_symbols() -> Iterator[Symbol]:
    kernel = lowlevel.kernel()
    with open(kernel.vmlinux, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _elf_symbols(data, kernel.offset, kernel.elf.percpu_is_zero_based)


def _elf_symbols(data: mmap.mmap, offset: int, zero_based: bool) -> Iterator[Symbol]:
    at, size, count, _ = _ELF_HEADER.unpack_from(data)
    sections = [_SECTION.unpack_from(data, at + i * size) for i in range(count)]
    letters = [_section_letter(section[1], section[2]) for section in sections]
    for section in sections:
        if section[1] != _SHT_SYMTAB:
            continue
        strings = sections[section[6]]
        start, end = strings[4], strings[4] + strings[5]
        raw = data[section[4] : section[4] + section[5] // _ENTRY.size * _ENTRY.size]
        texts = data[start:end]
        for name_at, info, _, index, value, _ in _ENTRY.iter_unpack(raw):
            kind, binding = info & 15, info >> 4
            if not name_at or kind in (_STT_SECTION, _STT_FILE) or not index:
                continue
            name = texts[name_at : texts.find(b"\0", name_at)].decode("ascii", "replace")
            if index >= _SHN_LIMIT or (zero_based and value >> 63 == 0):
                letter = "A"
                value -= 0 if index == _SHN_ABS else offset
            else:
                letter = letters[index] if index < len(letters) else "?"
            letter = "W" if binding == _STB_WEAK else letter
            yield Symbol(
                (value + offset) & _U64 if value >> 63 else value & _U64,
                letter.lower() if binding == _STB_LOCAL else letter,
                name,
                "",
            )


def _section_letter(kind: int, flags: int) -> str:
    if flags & _SHF_EXEC:
        return "T"
    if kind == _SHT_NOBITS:
        return "B"
    return "D" if flags & _SHF_WRITE else "R"


def module_symbols(module: modules.Module) -> list[Symbol]:
    """A module's symbols by address; none, with a warning, when they cannot be read."""
    try:
        return sorted(_module_symbols(module))
    except PykdumpError as error:
        pylog.warning(f"module {module.name}: its symbols cannot be read: {error}")
        return []


def _module_symbols(module: modules.Module) -> Iterator[Symbol]:
    pointer = lowlevel.read_pointer(
        module.addr + lowlevel.member("struct module", "kallsyms").offset
    )
    row = _KALLSYMS.read(pointer) if pointer else None
    if row is None or row.num_symtab > _MAX_SYMBOLS:
        return
    raw = lowlevel.dump().read(row.symtab, row.num_symtab * _ENTRY.size)
    names = _Names(row.strtab)
    letters = b""
    if compat.has("struct mod_kallsyms.typetab"):  # since v5.2
        typetab = lowlevel.member("struct mod_kallsyms", "typetab").offset
        letters = lowlevel.dump().read(lowlevel.read_pointer(pointer + typetab), row.num_symtab)
    for number, (name_at, info, _, index, value, _) in enumerate(_ENTRY.iter_unpack(raw)):
        if not name_at or not module.holds(value):
            continue
        name = names.at(name_at).decode("ascii", "replace")
        letter = chr(letters[number]) if letters else "t" if module.text.holds(value) else "d"
        yield Symbol(value, letter, name, module.name)


class _Names:
    # A table of strings, read by pages.
    def __init__(self, start: int) -> None:
        self._start = start
        self._pages: dict[int, bytes] = {}

    def at(self, offset: int) -> bytes:
        addr = self._start + offset
        page = addr & -_PAGE
        if page not in self._pages:
            try:
                self._pages[page] = lowlevel.dump().read(page, _PAGE)
            except ReadError:
                self._pages[page] = b""
        first = addr - page
        end = self._pages[page].find(b"\0", first, first + _LONGEST)
        # One that goes on in the next page, or for ever.
        return self._pages[page][first:end] if end >= 0 else lowlevel.read_string(addr, _LONGEST)
