# SPDX-License-Identifier: GPL-2.0-or-later
"""Page tables of x86_64: which entries lead to a page (arch/x86/include/asm/pgtable_types.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pykdump import lowlevel
from pykdump.errors import PykdumpError

_LEVELS = ("PGD", "P4D", "PUD", "PMD", "PTE")
_SHIFTS = {"PGD": 48, "P4D": 39, "PUD": 30, "PMD": 21, "PTE": 12}
_PAGE, _TOP_SIZE = 1 << 12, 1 << 39
_FRAME = 0x000F_FFFF_FFFF_F000
_PRESENT, _HUGE, _PROTNONE = 1, 0x80, 0x100
_FLAGS = (
    *((0, "PRESENT"), (1, "RW"), (2, "USER"), (3, "PWT"), (4, "PCD"), (5, "ACCESSED")),
    *((6, "DIRTY"), (7, "PSE"), (8, "GLOBAL"), (63, "NX")),
)


@dataclass(frozen=True)
class Entry:
    """An entry of a page table on the way to a page."""

    level: str  #: PGD P4D PUD PMD PTE
    addr: int  #: physical, where the entry lies
    value: int


@dataclass(frozen=True)
class Walk:
    """The way to a page."""

    entries: tuple[Entry, ...]
    page_addr: int | None  #: physical, of the page; None when it is not mapped
    phys_addr: int | None  #: physical, of the address
    size_bytes: int  #: of the page
    problem: str  #: why there is none


def walk(pgd: int, addr: int) -> Walk:
    """Follow the tables to an address.

    :param pgd: kernel virtual address of the top table.
    """
    levels = list(_LEVELS)
    if lowlevel.dump().levels == 4:
        levels.remove("P4D")
    shifts = {"PGD": 48, "P4D": 39} if "P4D" in levels else {"PGD": 39}
    entries: list[Entry] = []
    try:
        table = lowlevel.dump().translate(pgd)
        for level in levels:
            shift = shifts.get(level, _SHIFTS[level])
            at = table + 8 * (addr >> shift & 511)
            value = int.from_bytes(lowlevel.dump().read_physical(at, 8), "little")
            entries.append(Entry(level, at, value))
            if not value & (_PRESENT | _PROTNONE if level == "PTE" else _PRESENT):
                return Walk(tuple(entries), None, None, 0, "not mapped")
            table = value & _FRAME
            if level == "PTE" or (value & _HUGE and level in ("PUD", "PMD")):
                size = 1 << shift
                page = table & -size
                return Walk(tuple(entries), page, page + (addr & size - 1), size, "")
    except PykdumpError as error:
        return Walk(tuple(entries), None, None, 0, str(error))
    return Walk(tuple(entries), None, None, 0, "not mapped")


class Piece(NamedTuple):
    """A page, or where there is none."""

    addr: int
    size_bytes: int  #: of what the entry of a table stands for
    phys_addr: int | None
    problem: str  #: why there is none


def pieces(pgd: int, start: int, end: int) -> Iterator[Piece]:
    """Pages of 4 KiB and what is not mapped from an address up to another, a table at a time.

    :param pgd: kernel virtual address of the top table.
    """
    addr = start
    while addr < end:
        found = walk(pgd, addr)
        last = found.entries[-1] if found.entries else None
        size = min(1 << _SHIFTS[last.level], _TOP_SIZE) if last is not None else _TOP_SIZE
        if last is not None and last.level == "PTE":
            yield from _entries(last.addr, addr, end)
            size = 1 << _SHIFTS["PMD"]
        elif found.phys_addr is not None:
            last_of_page = min(end, (addr + size) & -size)
            for at in range(addr, last_of_page, _PAGE):
                yield Piece(at, _PAGE, found.phys_addr + at - addr, "")
        elif found.problem != "not mapped":
            yield Piece(addr, _PAGE, None, found.problem)
            size = _PAGE
        else:
            yield Piece(addr, size, None, found.problem)
        addr = (addr + size) & -size


def _entries(entry_addr: int, addr: int, end: int) -> Iterator[Piece]:
    # From an entry of the last table up to the end of that table.
    count = min(512 - (addr >> 12 & 511), (end - addr + _PAGE - 1) // _PAGE)
    raw = memoryview(lowlevel.dump().read_physical(entry_addr, 8 * count)).cast("Q")
    for number, value in enumerate(raw):
        is_there = value & (_PRESENT | _PROTNONE)
        phys, problem = (value & _FRAME, "") if is_there else (None, "not mapped")
        if not is_there and value:  # in swap, or being moved
            problem = f"not present: {value:x}"
        yield Piece(addr + number * _PAGE, _PAGE, phys, problem)


def flag_names(entry: int) -> list[str]:
    """Names of the bits that are set in an entry."""
    return [name for bit, name in _FLAGS if entry >> bit & 1]


def frame_of(entry: int) -> int:
    """Physical address that an entry holds."""
    return entry & _FRAME


def kernel_pgd() -> int:
    """The kernel's own top table."""
    for name in ("init_top_pgt", "swapper_pg_dir", "init_level4_pgt"):
        found = lowlevel.find_symbol(name)
        if found is not None:
            return found
    raise PykdumpError("the kernel's page table is not known: vmlinux has no init_top_pgt")
