# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and other text of the kernel, made fit for a terminal."""

from __future__ import annotations

from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.printing import printable

#: What stands for a name or a parent that cannot be read.
UNREADABLE = "<unreadable>"


def text(raw: bytes) -> str:
    """Bytes of the kernel as text: UTF-8, what is not as ``\\xNN``, control characters too."""
    return printable(raw.decode("utf-8", "backslashreplace"))


def read_text(addr: int, size: int) -> str:
    """Text of this many bytes in the kernel."""
    try:
        return text(lowlevel.dump().read(addr, size))
    except ReadError:
        return UNREADABLE


def string_at(addr: int, limit: int = 4096) -> str:
    """Text at a kernel address up to its NUL."""
    raw = b""
    try:
        while b"\0" not in raw and len(raw) < limit:
            at = addr + len(raw)
            raw += lowlevel.dump().read(at, 256 - at % 256)  # never over the end of a page
    except ReadError:
        if not raw:
            return UNREADABLE
    return text(raw.partition(b"\0")[0])
