# SPDX-License-Identifier: GPL-2.0-or-later
"""Compression of single pages; all but zlib through the libraries that libkdumpfile needs."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable
from functools import cache

# Flags of a page descriptor and of the header's status (makedumpfile's diskdump_mod.h).
FLAGS = {"none": 0, "zlib": 1, "lzo": 2, "snappy": 4, "zstd": 0x20}


def compress(method: str, page: bytes) -> bytes:
    """A page, compressed; for "none" the page itself."""
    return _METHODS[method](bytes(page))


@cache
def _library(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(name)


def _lzo(page: bytes) -> bytes:
    lib = _library("liblzo2.so.2")
    out = ctypes.create_string_buffer(len(page) + len(page) // 16 + 67)
    work = ctypes.create_string_buffer(16384 * 8)  # LZO1X_1_MEM_COMPRESS
    size = ctypes.c_size_t(len(out))
    status = lib.lzo1x_1_compress(page, ctypes.c_size_t(len(page)), out, ctypes.byref(size), work)
    assert status == 0, status
    return out.raw[: size.value]


def _snappy(page: bytes) -> bytes:
    lib = _library("libsnappy.so.1")
    lib.snappy_max_compressed_length.restype = ctypes.c_size_t
    bound = lib.snappy_max_compressed_length(ctypes.c_size_t(len(page)))
    out = ctypes.create_string_buffer(bound)
    size = ctypes.c_size_t(bound)
    status = lib.snappy_compress(page, ctypes.c_size_t(len(page)), out, ctypes.byref(size))
    assert status == 0, status
    return out.raw[: size.value]


def _zstd(page: bytes) -> bytes:
    lib = _library("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    bound = lib.ZSTD_compressBound(ctypes.c_size_t(len(page)))
    out = ctypes.create_string_buffer(bound)
    size = lib.ZSTD_compress(out, ctypes.c_size_t(bound), page, ctypes.c_size_t(len(page)), 1)
    assert not lib.ZSTD_isError(ctypes.c_size_t(size)), size
    return out.raw[:size]


_METHODS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda page: page,
    "zlib": lambda page: zlib.compress(page, 1),
    "lzo": _lzo,
    "snappy": _snappy,
    "zstd": _zstd,
}
