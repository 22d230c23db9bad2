# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps of tags spread over cache lines (include/linux/sbitmap.h)."""

from __future__ import annotations

from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_MAP = Layout("struct sbitmap", "depth", "shift", "map_nr", "map")
_WORDS = ("word", "cleared")
_MOST = 1 << 20


@dataclass(frozen=True)
class SBitmap:
    """A ``struct sbitmap``."""

    addr: int
    depth: int
    shift: int
    words: int
    busy: tuple[int, ...]  #: numbers of the bits that are set, and not cleared since
    cleared: int  #: bits that are free again, but still set


def sbitmap(addr: int) -> SBitmap:
    """The bitmap; raises ReadError when it cannot be read or makes no sense.

    :param addr: ``struct sbitmap *``.
    """
    row = _MAP.read(addr)
    if row is None:
        raise ReadError(f"struct sbitmap {addr:x} cannot be read")
    if row.depth > _MOST or row.shift > 6 or row.map_nr << row.shift < row.depth:
        raise ReadError(f"{addr:x} is no struct sbitmap: depth {row.depth}, shift {row.shift}")
    has_cleared = compat.has("struct sbitmap_word.cleared")
    words = Layout("struct sbitmap_word", *(_WORDS if has_cleared else _WORDS[:1]))
    busy: list[int] = []
    freed = 0
    for number, word in enumerate(words.read_array(row.map, row.map_nr)):
        if word is None:
            pylog.warning(f"sbitmap {addr:x}: word {number} cannot be read")
            continue
        cleared = word.cleared if has_cleared else 0
        freed += bin(word.word & cleared).count("1")
        bits = word.word & ~cleared
        first = number << row.shift
        busy += [first + bit for bit in range(1 << row.shift) if bits >> bit & 1]
    kept = tuple(bit for bit in busy if bit < row.depth)
    return SBitmap(addr, row.depth, row.shift, row.map_nr, kept, freed)


def of_queue(queue: int) -> int:
    """``struct sbitmap *`` in a ``struct sbitmap_queue``."""
    return queue + lowlevel.member("struct sbitmap_queue", "sb").offset
