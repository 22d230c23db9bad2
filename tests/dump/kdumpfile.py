# SPDX-License-Identifier: GPL-2.0-or-later
"""libkdumpfile through ctypes: the independent reader that the dump writer is checked with."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

STATUS = "OK SYSTEM NOTIMPL NODATA CORRUPT INVALID NOKEY EOF BUSY ADDRXLAT".split()
KPHYS, MACHPHYS, KVADDR = range(3)  # kdump_addrspace_t
NIL, DIRECTORY, NUMBER, ADDRESS, STRING, BITMAP, BLOB = range(7)  # kdump_attr_type_t
CLONE_XLAT = 1


class KdumpError(Exception):
    """A status other than KDUMP_OK."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{STATUS[status]}: {text}")
        self.status = STATUS[status]


class _Attr(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("value", ctypes.c_uint64)]


class _AttrIter(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("pos", ctypes.c_void_p)]


def load_library() -> ctypes.CDLL | None:
    """libkdumpfile, or None when it is not installed."""
    for name in ("libkdumpfile.so.10", "libkdumpfile.so.12", "libkdumpfile.so"):
        try:
            lib = ctypes.CDLL(name, use_errno=True)
        except OSError:
            continue
        lib.kdump_new.restype = lib.kdump_clone.restype = ctypes.c_void_p
        lib.kdump_get_err.restype = ctypes.c_char_p
        return lib
    return None


class Kdumpfile:
    """An open dump."""

    def __init__(self, paths: Sequence[Path], *, mmap_policy: int | None = None) -> None:
        lib = load_library()
        assert lib is not None
        self.lib = lib
        self.ctx = ctypes.c_void_p(lib.kdump_new())
        self.fds = [os.open(path, os.O_RDONLY) for path in paths]
        if mmap_policy is not None:
            self.set_number("file.mmap_policy", mmap_policy)
        fds = (ctypes.c_int * len(self.fds))(*self.fds)
        try:
            self._check(lib.kdump_open_fdset(self.ctx, len(self.fds), fds))
        except KdumpError:
            self.close()
            raise

    def __enter__(self) -> Kdumpfile:
        return self

    def __exit__(self, kind: type | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. The context stays: kdump_free of 0.5.1 writes to memory it has freed."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def read(self, addr: int, size: int, space: int = MACHPHYS) -> bytes:
        """Bytes at an address; raises KdumpError."""
        status, data = self.read_prefix(addr, size, space)
        self._check(status)
        return data

    def read_prefix(self, addr: int, size: int, space: int = MACHPHYS) -> tuple[int, bytes]:
        """Status of kdump_read and the bytes that it says it read."""
        out = ctypes.create_string_buffer(size)
        length = ctypes.c_size_t(size)
        where = ctypes.c_uint64(addr)
        status = self.lib.kdump_read(self.ctx, space, where, out, ctypes.byref(length))
        return status, out.raw[: length.value]

    def set_number(self, key: str, value: int) -> None:
        """Set a number attribute."""
        attr = _Attr(NUMBER, value)
        self._check(self.lib.kdump_set_attr(self.ctx, key.encode(), ctypes.byref(attr)))

    def set_string(self, key: str, value: str) -> None:
        """Set a string attribute."""
        raw = ctypes.create_string_buffer(value.encode())
        attr = _Attr(STRING, ctypes.addressof(raw))
        self._check(self.lib.kdump_set_attr(self.ctx, key.encode(), ctypes.byref(attr)))

    def attr(self, key: str) -> int | str | bytes | None:
        """Value of an attribute; None for directories and bitmaps. Raises KdumpError."""
        attr = _Attr()
        self._check(self.lib.kdump_get_attr(self.ctx, key.encode(), ctypes.byref(attr)))
        if attr.type == STRING:
            return ctypes.string_at(attr.value).decode()
        if attr.type == BLOB:
            return self._blob(attr.value)
        return attr.value if attr.type in (NUMBER, ADDRESS) else None

    def keys(self, directory: str) -> list[str]:
        """Names of the attributes below a directory attribute."""
        iterator = _AttrIter()
        lib, where = self.lib, ctypes.byref(iterator)
        self._check(lib.kdump_attr_iter_start(self.ctx, directory.encode(), where))
        names = []
        while iterator.key:
            names.append(iterator.key.decode())
            self._check(lib.kdump_attr_iter_next(self.ctx, where))
        lib.kdump_attr_iter_end(self.ctx, where)
        return names

    def _blob(self, handle: int) -> bytes:
        blob = ctypes.c_void_p(handle)
        self.lib.kdump_blob_pin.restype = ctypes.c_void_p
        self.lib.kdump_blob_size.restype = ctypes.c_size_t
        data = self.lib.kdump_blob_pin(blob)
        out = ctypes.string_at(data, self.lib.kdump_blob_size(blob))
        self.lib.kdump_blob_unpin(blob)
        return out

    def _check(self, status: int) -> None:
        if status:
            text = self.lib.kdump_get_err(self.ctx)
            raise KdumpError(status, text.decode() if text else "")
