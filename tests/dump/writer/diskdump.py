# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine -> kdump-compressed format, version 6 (makedumpfile's diskdump_mod.h, IMPLEMENTATION).

    block 0      disk_dump_header
    block 1      kdump_sub_header, then the notes and VMCOREINFO
    ...          1st bitmap (page frames with RAM), 2nd bitmap (page frames that were dumped)
    ...          a page_desc for each dumped page, ascending
    ...          the pages; all zero pages share one
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from .compress import FLAGS, compress
from .machine import PAGE, Machine
from .notes import vmcoreinfo_note

INCOMPLETE = 8  # DUMP_DH_COMPRESSED_INCOMPLETE

# Where fields of the first header lie in the file: for tests that put nonsense there.
HEADER_FIELDS = {
    "signature": (0, "8s"),
    "header_version": (8, "i"),
    "status": (424, "I"),
    "block_size": (428, "i"),
    "sub_hdr_size": (432, "i"),
    "bitmap_blocks": (436, "I"),
    "max_mapnr": (440, "I"),
    "nr_cpus": (460, "i"),
}
SUB_HEADER_FIELDS = {
    "dump_level": (PAGE + 8, "i"),
    "split": (PAGE + 12, "i"),
    "offset_vmcoreinfo": (PAGE + 32, "Q"),
    "size_vmcoreinfo": (PAGE + 40, "Q"),
    "offset_note": (PAGE + 48, "Q"),
    "size_note": (PAGE + 56, "Q"),
    "start_pfn_64": (PAGE + 80, "Q"),
    "end_pfn_64": (PAGE + 88, "Q"),
    "max_mapnr_64": (PAGE + 96, "Q"),
}
SUB_HEADER_SIZE = 104
PAGE_DESC = "QIIQ"


@dataclass(frozen=True)
class DiskdumpOptions:
    """How a kdump-compressed file is written."""

    compression: str = "zlib"  #: "none", "zlib", "lzo", "snappy" or "zstd"
    dump_level: int = 0
    incomplete: bool = False  #: the status flag of a makedumpfile that ran out of space
    byte_order: str = "<"  #: ">" for a machine like s390x
    vmcoreinfo_in_notes: bool = True  #: the notes hold VMCOREINFO as well, as in /proc/vmcore
    part: tuple[int, int] | None = None  #: [start_pfn, end_pfn) of a split dump
    timestamp: int = 1_700_000_000


@dataclass(frozen=True)
class DiskdumpLayout:
    """Where the parts of a written file begin; for tests that cut it."""

    bitmap_at: int
    descriptors_at: int
    data_at: int
    size: int


def write_diskdump(
    machine: Machine, path: Path, options: DiskdumpOptions = DiskdumpOptions()
) -> DiskdumpLayout:
    """Write a kdump-compressed file; returns where its parts begin."""
    sub_header = _sub_header(machine, options)
    sub_blocks = -(-len(sub_header) // PAGE)
    bitmap_size = -(-machine.max_pfn // (8 * PAGE)) * PAGE
    present = list(machine.present_pfns())
    bitmaps = _bitmap(machine.ram_pfns(), bitmap_size) + _bitmap(present, bitmap_size)
    if options.part:
        present = [pfn for pfn in present if options.part[0] <= pfn < options.part[1]]
    bitmap_at = (1 + sub_blocks) * PAGE
    descriptors_at = bitmap_at + 2 * bitmap_size
    data_at = descriptors_at + len(present) * struct.calcsize("<" + PAGE_DESC)
    with path.open("wb") as out:
        out.write(_header(machine, options, sub_blocks, 2 * bitmap_size // PAGE))
        out.seek(PAGE)
        out.write(sub_header)
        out.seek(bitmap_at)
        out.write(bitmaps)
        size = _write_pages(out, machine, options, present, descriptors_at, data_at)
    return DiskdumpLayout(bitmap_at, descriptors_at, data_at, size)


def write_split(
    machine: Machine, paths: Sequence[Path], options: DiskdumpOptions = DiskdumpOptions()
) -> list[DiskdumpLayout]:
    """Write `makedumpfile --split` files, each with an equal share of the dumped pages."""
    present = list(machine.present_pfns())
    starts = [present[index * len(present) // len(paths)] for index in range(len(paths))]
    bounds = [0, *starts[1:], machine.max_pfn]
    layouts = []
    for path, part in zip(paths, zip(bounds, bounds[1:])):
        layouts.append(write_diskdump(machine, path, replace(options, part=part)))
    return layouts


def patch_header(path: Path, field: str, value: int | bytes, byte_order: str = "<") -> None:
    """Overwrite a field of the header or sub header of a kdump-compressed file."""
    offset, code = (HEADER_FIELDS | SUB_HEADER_FIELDS)[field]
    with path.open("r+b") as out:
        out.seek(offset)
        out.write(struct.pack(byte_order + code, value))


def _header(
    machine: Machine, options: DiskdumpOptions, sub_blocks: int, bitmap_blocks: int
) -> bytes:
    status = FLAGS[options.compression] | (INCOMPLETE if options.incomplete else 0)
    uts = b"".join(text.ljust(65, b"\0") for text in machine.utsname.fields())
    layout = options.byte_order + "8si390s6xQQIiiIIIIIIi"
    max_mapnr = min(machine.max_pfn, 0xFFFFFFFF)
    counts = (sub_blocks, bitmap_blocks, max_mapnr, 0, 0, 0, 0, max(1, len(machine.notes)))
    return struct.pack(
        layout, b"KDUMP   ", 6, uts, options.timestamp, 0, status, PAGE, *counts
    ).ljust(PAGE, b"\0")


def _sub_header(machine: Machine, options: DiskdumpOptions) -> bytes:
    notes = b"".join(machine.notes)
    info_at = info_size = 0
    if machine.vmcoreinfo:
        info = vmcoreinfo_note(machine.vmcoreinfo)
        # The text in the note is the text that offset_vmcoreinfo names: makedumpfile has it once.
        info_at, info_size = PAGE + SUB_HEADER_SIZE + len(notes) + 24, len(machine.vmcoreinfo)
        tail = notes + info
        notes = tail if options.vmcoreinfo_in_notes else notes
    else:
        tail = notes
    start, end = options.part or (0, 0)
    note_at = PAGE + SUB_HEADER_SIZE if notes else 0
    return (
        struct.pack(
            options.byte_order + "QiiQQ" + "QQQQQQ" + "QQQ",
            *(machine.phys_base & (1 << 64) - 1, options.dump_level, int(bool(options.part))),
            *(start, end),
            *(info_at, info_size, note_at, len(notes), 0, 0),
            *(start, end, machine.max_pfn),
        )
        + tail
    )


def _bitmap(pfns: object, size: int) -> bytes:
    bits = bytearray(size)
    for pfn in pfns:  # type: ignore[attr-defined]
        bits[pfn >> 3] |= 1 << (pfn & 7)
    return bytes(bits)


def _write_pages(
    out: BinaryIO,
    machine: Machine,
    options: DiskdumpOptions,
    pfns: Sequence[int],
    descriptors_at: int,
    data_at: int,
) -> int:
    # Returns the size of the file. Pages that are zero share one copy.
    pack = struct.Struct(options.byte_order + PAGE_DESC).pack
    descriptors: list[bytes] = []
    zero_descriptor = b""
    offset = data_at
    out.seek(data_at)
    for pfn in pfns:
        page = machine.pages.get(pfn)
        is_zero = page is None or not any(page)
        if is_zero and zero_descriptor:
            descriptors.append(zero_descriptor)
            continue
        data, flags = _encode(options.compression, bytes(machine.page(pfn)))
        descriptors.append(pack(offset, len(data), flags, 0))
        if is_zero:
            zero_descriptor = descriptors[-1]
        out.write(data)
        offset += len(data)
    out.seek(descriptors_at)
    out.write(b"".join(descriptors))
    return offset


def _encode(method: str, page: bytes) -> tuple[bytes, int]:
    # A page that compression does not make smaller is stored as it is.
    data = compress(method, page)
    return (data, FLAGS[method]) if len(data) < PAGE else (page, 0)
