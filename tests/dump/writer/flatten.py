# SPDX-License-Identifier: GPL-2.0-or-later
"""makedumpfile's flattened format: what `makedumpfile -F` writes to a pipe."""

from __future__ import annotations

import struct
from pathlib import Path

SIGNATURE = b"makedumpfile"
HEADER_SIZE = 4096
RECORD = struct.Struct(">qq")  # offset, size; both -1 at the end


def flatten(
    source: Path, path: Path, *, record: int = 65536, shuffle: bool = False, end_mark: bool = True
) -> Path:
    """Write a file's flattened form. With `shuffle` its first record comes last, as the header
    does that makedumpfile rewrites at the end."""
    data = source.read_bytes()
    offsets = list(range(0, len(data), record))
    if shuffle:
        offsets = offsets[1:] + offsets[:1]
    with path.open("wb") as out:
        out.write(struct.pack(">16sqq", SIGNATURE, 1, 1).ljust(HEADER_SIZE, b"\0"))
        for offset in offsets:
            chunk = data[offset : offset + record]
            out.write(RECORD.pack(offset, len(chunk)) + chunk)
        if end_mark:
            out.write(RECORD.pack(-1, -1))
    return path


def cut(source: Path, path: Path, size: int) -> Path:
    """A copy of a file that ends early, as on a full disk."""
    path.write_bytes(source.read_bytes()[:size])
    return path
