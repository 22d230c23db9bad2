# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine -> ELF core, as /proc/vmcore, makedumpfile -E and QEMU write them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .machine import PAGE, ZERO_PAGE, Machine, runs
from .notes import vmcoreinfo_note

EHDR_SIZE, PHDR_SIZE, SHDR_SIZE = 64, 56, 64
ET_CORE, PT_LOAD, PT_NOTE = 4, 1, 4
EM_X86_64, EM_AARCH64, EM_S390 = 62, 183, 22


@dataclass(frozen=True)
class ElfOptions:
    """How an ELF core is laid out."""

    em_machine: int = EM_X86_64
    byte_order: str = "<"  #: "<" or ">": of the ELF headers
    phdrs: str = "first"  #: "first", "after_sections" (QEMU 7.2 and later) or "end"
    vaddr_base: int | None = None  #: p_vaddr is this plus p_paddr; None: all 0, as QEMU writes
    memsz_extra: int = 0  #: bytes by which the last segment's p_memsz exceeds its p_filesz


@dataclass(frozen=True)
class _Segment:
    paddr: int
    pfns: range  # with data in the file
    memsz: int


def write_elf(machine: Machine, path: Path, options: ElfOptions = ElfOptions()) -> Path:
    """Write an ELF core.

    Excluded pages are the tails of segments with p_filesz < p_memsz, as makedumpfile -E does it.
    """
    segments = _segments(machine, options.memsz_extra)
    notes = b"".join(machine.notes)
    if machine.vmcoreinfo:
        notes += vmcoreinfo_note(machine.vmcoreinfo)
    phdrs_size = PHDR_SIZE * (len(segments) + 1)
    shdrs_at = EHDR_SIZE if options.phdrs == "after_sections" else 0
    phdrs_at = EHDR_SIZE + (2 * SHDR_SIZE if shdrs_at else 0)
    notes_at = phdrs_at + (0 if options.phdrs == "end" else phdrs_size)
    data_at = -(-(notes_at + len(notes)) // PAGE) * PAGE
    end = data_at + sum(len(segment.pfns) for segment in segments) * PAGE
    if options.phdrs == "end":
        phdrs_at = end
    with path.open("wb") as out:
        out.write(elf_header(options, phdrs_at, len(segments) + 1, shdrs_at))
        if shdrs_at:
            out.write(_section_headers(options, strings_at=end))
            out.seek(end)
            out.write(b"\0.shstrtab\0")
        out.seek(phdrs_at)
        out.write(_phdrs(options, segments, notes_at, len(notes), data_at))
        out.seek(notes_at)
        out.write(notes)
        _write_data(out, machine, segments, data_at)
    return path


def _segments(machine: Machine, memsz_extra: int) -> list[_Segment]:
    segments = []
    for start, end in sorted(machine.ram):
        ram = range(start // PAGE, end // PAGE)
        present = list(runs(pfn for pfn in ram if pfn not in machine.excluded))
        if not present or present[0][0] != ram.start:  # the range begins with an excluded page
            present.insert(0, (ram.start, ram.start))
        limits = [first for first, _ in present[1:]] + [ram.stop]
        for (first, stop), limit in zip(present, limits):
            segments.append(_Segment(first * PAGE, range(first, stop), (limit - first) * PAGE))
    last = segments[-1]
    segments[-1] = _Segment(last.paddr, last.pfns, last.memsz + memsz_extra)
    return segments


def elf_header(options: ElfOptions, phoff: int, phnum: int, shoff: int) -> bytes:
    """The ELF header of a core; shoff is 0 where there are no sections."""
    data = 1 if options.byte_order == "<" else 2
    ident = b"\x7fELF" + bytes((2, data, 1)) + bytes(9)
    sections = (SHDR_SIZE, 2, 1) if shoff else (0, 0, 0)
    head = (ET_CORE, options.em_machine, 1, 0, phoff, shoff, 0, EHDR_SIZE, PHDR_SIZE, phnum)
    return ident + struct.pack(options.byte_order + "HHIQQQIHHHHHH", *head, *sections)


def _section_headers(options: ElfOptions, strings_at: int) -> bytes:
    # QEMU: a null section and the string table, which it writes last of all.
    strings = struct.pack(options.byte_order + "IIQQQQIIQQ", 1, 3, 0, 0, strings_at, 11, 0, 0, 1, 0)
    return bytes(SHDR_SIZE) + strings


def _phdrs(
    options: ElfOptions, segments: list[_Segment], notes_at: int, notes_size: int, data_at: int
) -> bytes:
    pack = struct.Struct(options.byte_order + "IIQQQQQQ").pack
    out = [pack(PT_NOTE, 0, notes_at, 0, 0, notes_size, notes_size, 0)]
    offset = data_at
    for segment in segments:
        base = options.vaddr_base
        vaddr = 0 if base is None else base + segment.paddr
        filesz = len(segment.pfns) * PAGE
        out.append(pack(PT_LOAD, 7, offset, vaddr, segment.paddr, filesz, segment.memsz, 0))
        offset += filesz
    return b"".join(out)


def _write_data(out: BinaryIO, machine: Machine, segments: list[_Segment], data_at: int) -> None:
    # Zero pages become holes of a sparse file, except the last, which fixes the file's size.
    offset = data_at
    last = b""
    for segment in segments:
        for pfn in segment.pfns:
            page = machine.pages.get(pfn)
            if page is not None:
                out.seek(offset)
                out.write(page)
            last = page or ZERO_PAGE
            offset += PAGE
    if last:
        out.seek(offset - PAGE)
        out.write(last)
