# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells kernel dumps, kernels and other files apart by content. For the launcher: stdlib only."""

from __future__ import annotations

import enum
import os
import stat
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
PT_LOAD, PT_NOTE = 1, 4
SHF_ALLOC = 0x2

# include/uapi/linux/elf.h stops at 65534 program headers; the true count is then in section 0.
PN_XNUM = 0xFFFF

_KDUMP_SIGNATURES = (b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0")

#: Owners of notes that only dumps of a whole machine have.
_VMCORE_NOTES = (b"VMCOREINFO", b"QEMU")


class Kind(enum.Enum):
    """What a file holds."""

    VMCORE = "kernel dump"
    VMLINUX = "kernel or other ELF program"
    USER_CORE = "core dump of a user process"
    OTHER = "neither a dump nor an ELF file"


def kind_of(path: str) -> Kind:
    """What the file holds, by its first bytes; raises OSError when it cannot be read."""
    mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return Kind.OTHER  # opening a pipe would wait for a writer
    with open(path, "rb") as file:
        head = file.read(64)
        if head.startswith(_KDUMP_SIGNATURES):
            return Kind.VMCORE
        if len(head) < 52 or not head.startswith(b"\x7fELF"):
            return Kind.OTHER
        order = ">" if head[5] == 2 else "<"
        elf_type = struct.unpack_from(order + "H", head, 16)[0]
        if elf_type in (ET_EXEC, ET_DYN, ET_REL):
            return Kind.VMLINUX
        if elf_type != ET_CORE:
            return Kind.OTHER
        return Kind.VMCORE if _is_kernel_core(file, head, order) else Kind.USER_CORE


def _is_kernel_core(file: BinaryIO, head: bytes, order: str) -> bool:
    # The kernel leaves p_paddr zero in the cores of processes; a dump of RAM is nothing without it.
    for segment_type, offset, paddr, size in _program_headers(file, head, order):
        if segment_type == PT_LOAD and paddr:
            return True
        if segment_type == PT_NOTE:
            file.seek(offset)
            notes = file.read(min(size, 1 << 20))
            if any(name in notes for name in _VMCORE_NOTES):
                return True
    return False


def _program_headers(
    file: BinaryIO, head: bytes, order: str
) -> Iterator[tuple[int, int, int, int]]:
    # (p_type, p_offset, p_paddr, p_filesz) of each
    wide = head[4] == 2
    if wide:
        (table_at,) = struct.unpack_from(order + "Q", head, 32)
        entry_size, count = struct.unpack_from(order + "HH", head, 54)
    else:
        (table_at,) = struct.unpack_from(order + "I", head, 28)
        entry_size, count = struct.unpack_from(order + "HH", head, 42)
    file.seek(table_at)
    table = file.read(entry_size * min(count, PN_XNUM))
    for at in range(0, len(table) - entry_size + 1, max(entry_size, 32)):
        if wide:
            p_type, _, offset, _, paddr, size = struct.unpack_from(order + "IIQQQQ", table, at)
        else:
            p_type, offset, _, paddr, size = struct.unpack_from(order + "IIIII", table, at)
        yield p_type, offset, paddr, size


class Section(NamedTuple):
    """A section of an ELF file."""

    name: str
    flags: int
    addr: int
    size_bytes: int

    @property
    def is_loaded(self) -> bool:
        """Whether it has memory at run time."""
        return bool(self.flags & SHF_ALLOC)


def section_names(path: str) -> set[str]:
    """Names of the sections of a 64-bit ELF file, an empty set when it has no section table."""
    return {section.name for section in sections(path)}


def sections(path: str) -> list[Section]:
    """Sections of a 64-bit ELF file in order; none when it has no table of them, or is cut short.

    Raises OSError when it cannot be read.
    """
    with open(path, "rb") as file:
        order, _, names_index, headers = _section_headers(file)
        if names_index >= len(headers):
            return []
        fields = [struct.unpack_from(order + "IIQQQQ", header) for header in headers]
        file.seek(fields[names_index][4])
        names = file.read(fields[names_index][5])
    return [
        Section(names[at : names.find(b"\0", at)].decode(errors="replace"), flags, addr, size)
        for at, _, flags, addr, _, size in fields
    ]


def clear_section_addresses(path: str) -> None:
    """Have all sections of a 64-bit ELF file begin at address 0; raises OSError."""
    with open(path, "r+b") as file:
        order, table_at, _, headers = _section_headers(file)
        for index, header in enumerate(headers):
            file.seek(table_at + index * len(header) + 16)
            file.write(struct.pack(order + "Q", 0))


def _section_headers(file: BinaryIO) -> tuple[str, int, int, list[bytes]]:
    # Byte order, where the table is, index of the section with names, and the headers, all whole.
    file.seek(0)
    head = file.read(64)
    if len(head) < 64 or not head.startswith(b"\x7fELF\x02"):
        return "<", 0, 0, []
    order = ">" if head[5] == 2 else "<"
    (table_at,) = struct.unpack_from(order + "Q", head, 40)
    entry_size, count, names_index = struct.unpack_from(order + "HHH", head, 58)
    if not table_at or entry_size < 64:
        return order, 0, 0, []
    file.seek(table_at)
    table = file.read(entry_size * count)
    starts = range(0, len(table) - entry_size + 1, entry_size)
    return order, table_at, names_index, [table[at : at + entry_size] for at in starts]
