# SPDX-License-Identifier: GPL-2.0-or-later
"""Recompress kdump files with zstd and snappy: Debian 12's makedumpfile and QEMU lack both.

The file, in blocks of one page (makedumpfile's diskdump_mod.h)::

    0  disk_dump_header: signature "KDUMP   ", ..., status (the compression), block_size, ...
    1  kdump_sub_header, vmcoreinfo, notes                (sub_hdr_size blocks)
       two bitmaps: pages that exist, pages that are dumped   (bitmap_blocks blocks)
       page_desc for every dumped page: offset, size, flags, page_flags
       the pages' data
"""

from __future__ import annotations

import ctypes
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from .steps import HarnessError

_DESC = struct.Struct("<qIIQ")
_STATUS_AT = 424  # signature 8, header_version 4, utsname 390 (+2, +4), timestamp 16
_SIZES_AT = 428  # block_size, sub_hdr_size, bitmap_blocks: int each
_PAGE_SIZE = 4096

FLAG_ZLIB, FLAG_SNAPPY, FLAG_ZSTD = 0x1, 0x4, 0x20

Compressor = Callable[[bytes], bytes]


def _library(name: str, package: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise HarnessError(f"cannot recompress a dump: {error}; install {package}") from None


def _zstd() -> Compressor:
    library = _library("libzstd.so.1", "libzstd1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2 + [ctypes.c_int]
    room = ctypes.create_string_buffer(2 * _PAGE_SIZE)

    def compress(page: bytes) -> bytes:
        size = library.ZSTD_compress(room, len(room), page, len(page), 1)
        return room.raw[:size]

    return compress


def _snappy() -> Compressor:
    library = _library("libsnappy.so.1", "libsnappy1v5")
    compress_page = library.snappy_compress
    compress_page.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]
    room = ctypes.create_string_buffer(2 * _PAGE_SIZE)
    size = ctypes.c_size_t()

    def compress(page: bytes) -> bytes:
        size.value = len(room)
        if compress_page(page, len(page), room, ctypes.byref(size)):
            raise HarnessError("snappy could not compress a page")
        return room.raw[: size.value]

    return compress


_COMPRESSORS = {FLAG_ZSTD: _zstd, FLAG_SNAPPY: _snappy}


def recompress(source: Path, target: Path, flag: int) -> None:
    """Write ``source``, a kdump file compressed with zlib, to ``target`` in the ``flag`` way."""
    data = source.read_bytes()
    block_size, sub_blocks, bitmap_blocks = struct.unpack_from("<iii", data, _SIZES_AT)
    if data[:8] != b"KDUMP   " or block_size != _PAGE_SIZE:
        raise HarnessError(f"{source.name} is no kdump file of {_PAGE_SIZE}-byte blocks")
    first_desc = (1 + sub_blocks + bitmap_blocks) * block_size
    bitmap = data[first_desc - bitmap_blocks * block_size // 2 : first_desc]
    pages = int.from_bytes(bitmap, "little").bit_count()
    first_data = first_desc + pages * _DESC.size

    head = bytearray(data[:first_data])
    status = struct.unpack_from("<i", data, _STATUS_AT)[0]
    struct.pack_into("<i", head, _STATUS_AT, status & ~FLAG_ZLIB | flag)
    compress = _COMPRESSORS[flag]()
    moved: dict[int, tuple[int, int, int]] = {}  # the pages of zeros share one place
    with open(target, "wb") as writer:
        writer.seek(first_data)
        for at in range(first_desc, first_data, _DESC.size):
            offset, size, flags, page_flags = _DESC.unpack_from(data, at)
            if offset not in moved:
                page = data[offset : offset + size]
                page = zlib.decompress(page) if flags & FLAG_ZLIB else page
                packed = compress(page)
                small = len(packed) < len(page)
                moved[offset] = writer.tell(), min(len(packed), len(page)), flag if small else 0
                writer.write(packed if small else page)
            _DESC.pack_into(head, at, *moved[offset], page_flags)
        writer.seek(0)
        writer.write(head)
