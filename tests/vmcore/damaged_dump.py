# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage planted in copies of ELF dumps."""

from __future__ import annotations

import struct
from pathlib import Path

PT_LOAD = 1
PAGE = 4096
_HEADER = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr


def _headers(raw: bytes) -> tuple[int, int]:
    return struct.unpack_from("<Q", raw, 32)[0], struct.unpack_from("<H", raw, 56)[0]


def program_headers(path: Path) -> list[tuple[int, ...]]:
    """Type, flags, offset, vaddr, paddr, filesz, memsz and align of each."""
    with path.open("rb") as file:
        header = file.read(64)
        first, count = _headers(header)
        file.seek(first)
        raw = file.read(count * _HEADER.size)
    return [_HEADER.unpack_from(raw, at * _HEADER.size) for at in range(count)]


def overwrite(path: Path, phys: int, data: bytes) -> None:
    """Write to where a physical address is."""
    for kind, _, at, _, start, length, *_ in program_headers(path):
        if kind == PT_LOAD and start <= phys <= start + length - len(data):
            with path.open("r+b") as file:
                file.seek(at + phys - start)
                file.write(data)
            return
    raise AssertionError(f"no place for {phys:#x}")


def leave_out(path: Path, phys: int) -> None:
    """Take a page out of the dump, as makedumpfile does with pages of a kind."""
    page = phys & -PAGE
    kept: list[tuple[int, ...]] = []
    for kind, flags, at, addr, start, size, memory, align in program_headers(path):
        if kind != PT_LOAD or not start <= page < start + size:
            kept.append((kind, flags, at, addr, start, size, memory, align))
            continue
        before, behind = page - start, page + PAGE - start
        # The page is memory of the machine, but has no bytes in the file.
        kept.append((kind, flags, at, addr, start, before, behind, align))
        if size > behind:
            places = (at + behind, addr + behind, start + behind)
            kept.append((kind, flags, *places, size - behind, memory - behind, align))
    with path.open("r+b") as file:
        file.seek(0, 2)
        first = file.tell()
        file.write(b"".join(_HEADER.pack(*header) for header in kept))
        file.seek(32)
        file.write(struct.pack("<Q", first))
        file.seek(56)
        file.write(struct.pack("<H", len(kept)))
