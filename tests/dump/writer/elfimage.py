# SPDX-License-Identifier: GPL-2.0-or-later
"""The mini kernel's ELF file: what a boot loader and a KASLR relocator need of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHF_ALLOC = 2
R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S = 1, 2, 4, 10, 11
ABSOLUTE = {R_X86_64_64: 8, R_X86_64_32: 4, R_X86_64_32S: 4}  # -> size of what is relocated


@dataclass(frozen=True)
class Section:
    """An entry of the section table."""

    name: str
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True)
class Symbol:
    """An entry of .symtab."""

    name: str
    value: int
    size: int
    section: int


@dataclass(frozen=True)
class Relocation:
    """An entry of .rela.*, kept by --emit-relocs."""

    where: int
    type: int
    symbol: Symbol
    section: Section  #: that is relocated


class ElfImage:
    """An ELF file, read whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = path.read_bytes()
        assert self.raw[:4] == b"\x7fELF", path

    @cached_property
    def sections(self) -> list[Section]:
        """The section table."""
        table, count, names_at = (*struct.unpack_from("<Q", self.raw, 40), *self._u16s(60, 2))
        headers = [
            struct.unpack_from("<IIQQQQIIQQ", self.raw, table + 64 * i) for i in range(count)
        ]
        names = headers[names_at][4]
        return [Section(self._string(names + head[0]), *head[1:8]) for head in headers]

    @cached_property
    def _symbol_table(self) -> list[Symbol]:
        table = next(s for s in self.sections if s.type == SHT_SYMTAB)
        strings = self.sections[table.link].offset
        raw = self.raw[table.offset : table.offset + table.size]
        entries = struct.iter_unpack("<IBBHQQ", raw)
        return [
            Symbol(self._string(strings + name), value, size, section)
            for name, _, _, section, value, size in entries
        ]

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Symbols as linked."""
        return {symbol.name: symbol.value for symbol in self._symbol_table if symbol.name}

    def section(self, name: str) -> Section:
        """The section of that name."""
        return next(section for section in self.sections if section.name == name)

    def data(self, section: Section) -> bytes:
        """Contents of a section."""
        if section.type == SHT_NOBITS:
            return bytes(section.size)
        return self.raw[section.offset : section.offset + section.size]

    def loaded(self) -> list[Section]:
        """Sections that a boot loader puts into memory."""
        return [section for section in self.sections if section.flags & SHF_ALLOC and section.size]

    def relocations(self) -> Iterator[Relocation]:
        """Relocations of the sections in memory."""
        for table in self.sections:
            target = self.sections[table.info] if table.type == SHT_RELA else None
            if target and target.flags & SHF_ALLOC:
                raw = self.raw[table.offset : table.offset + table.size]
                for where, info, _ in struct.iter_unpack("<QQq", raw):
                    symbol = self._symbol_table[info >> 32]
                    yield Relocation(where, info & 0xFFFFFFFF, symbol, target)

    def moves_with_kaslr(self, symbol: Symbol) -> bool:
        """Whether a symbol's address changes with KASLR; zero-based per-CPU ones do not."""
        in_section = 0 < symbol.section < 0xFF00
        return in_section and self.sections[symbol.section].addr != 0

    def return_address(self, caller: str, callee: str) -> int:
        """Address, as linked, behind the first call of `callee` in `caller`."""
        function = next(s for s in self._symbol_table if s.name == caller)
        for reloc in self.relocations():
            if reloc.type in (R_X86_64_PC32, R_X86_64_PLT32) and reloc.symbol.name == callee:
                if function.value <= reloc.where < function.value + function.size:
                    return reloc.where + 4
        raise KeyError(f"{caller} does not call {callee}")

    @cached_property
    def build_id(self) -> str:
        """Hex digits of the GNU build-id."""
        notes = self.data(self.section(".notes"))
        name_size, desc_size, _ = struct.unpack_from("<III", notes)
        return notes[12 + name_size :][:desc_size].hex()

    @cached_property
    def offsets(self) -> dict[str, tuple[int, int]]:
        """(offset, size) of the fields that are planted; of a struct itself under its name."""
        raw = self.data(self.section(".pykdump_offsets"))
        entries = struct.iter_unpack("<48sII", raw)
        return {name.rstrip(b"\0").decode(): (at, size) for name, at, size in entries}

    def _u16s(self, offset: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}H", self.raw, offset)

    def _string(self, offset: int) -> str:
        return self.raw[offset : self.raw.index(b"\0", offset)].decode()
