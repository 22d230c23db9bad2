# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps of tags spread over cache lines (include/linux/sbitmap.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import percpu
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_MAP = Layout("struct sbitmap", "depth", "shift", "map_nr", "map")
# v5.12 c548e62bcf6a ("scsi: sbitmap: Move allocation hint into sbitmap"), and round_robin with it
_STRUCT = "struct sbitmap_queue"
compat.member(_STRUCT, "Alloc_hint", "sb.alloc_hint", "alloc_hint")
compat.member(_STRUCT, "Round_robin", "sb.round_robin", "round_robin")
_QUEUE = Layout(
    _STRUCT,
    *("wake_batch", "wake_index.counter", "ws_active.counter", "ws", "Alloc_hint", "Round_robin"),
)
_WAIT_QUEUES = 8  # SBQ_WAIT_QUEUES
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


@dataclass(frozen=True)
class Waiters:
    """A ``struct sbq_wait_state``."""

    wait_count: int | None  #: None where the kernel does not count
    is_active: bool  #: somebody waits


@dataclass(frozen=True)
class SBitmapQueue:
    """A ``struct sbitmap_queue``; None for what this kernel does not have."""

    addr: int
    bitmap: SBitmap
    alloc_hints: tuple[int, ...]  #: of each CPU
    wake_batch: int
    wake_index: int
    waiting: int  #: of these, how many somebody waits in
    waiters: tuple[Waiters, ...]
    round_robin: int
    min_shallow_depth: int | None


def sbitmap_queue(addr: int) -> SBitmapQueue:
    """The queue with its bitmap; raises ReadError when it cannot be read or makes no sense.

    :param addr: ``struct sbitmap_queue *``.
    """
    bitmap = sbitmap(of_queue(addr))
    row = _QUEUE.read(addr)
    if row is None:
        raise ReadError(f"struct sbitmap_queue {addr:x} cannot be read")
    depth = "min_shallow_depth"  # v4.20
    return SBitmapQueue(
        addr=addr,
        bitmap=bitmap,
        alloc_hints=tuple(_hints(row.Alloc_hint)),
        wake_batch=row.wake_batch,
        wake_index=row.wake_index_counter,
        waiting=row.ws_active_counter,
        waiters=tuple(_waiters(row.ws)),
        round_robin=int(row.Round_robin),
        min_shallow_depth=(
            Layout(_STRUCT, depth).read(addr)[0] if compat.has(f"{_STRUCT}.{depth}") else None
        ),
    )


def _hints(pointer: int) -> Iterator[int]:
    for cpu in range(len(percpu.per_cpu_offsets())) if pointer else ():
        try:
            yield lowlevel.read_uint(percpu.per_cpu_ptr(pointer, cpu), 4)
        except ReadError as error:
            pylog.warning(f"alloc_hint of CPU {cpu}: {error}")


def _waiters(addr: int) -> Iterator[Waiters]:
    # v6.1 4acb83417cad ("sbitmap: fix batched wait_cnt accounting") took wait_cnt away.
    struct = "struct sbq_wait_state"
    has_count = compat.has(f"{struct}.wait_cnt")
    layout = Layout(struct, "wait.head.next", *(("wait_cnt.counter",) if has_count else ()))
    head = lowlevel.member(struct, "wait.head").offset
    size = lowlevel.sizeof(struct)
    for number, row in enumerate(layout.read_array(addr, _WAIT_QUEUES) if addr else ()):
        if row is None:
            pylog.warning(f"sbq_wait_state {addr + number * size:x} cannot be read")
            continue
        is_active = row.wait_head_next != addr + number * size + head
        yield Waiters(row.wait_cnt_counter if has_count else None, is_active)


def entry_addr(base: int, number: int, size: int, *, of_pointers: bool) -> int:
    """Address of what belongs to a bit in an array beside the bitmap; raises ReadError.

    :param of_pointers: the array holds pointers to it.
    """
    if of_pointers:
        return lowlevel.read_pointer(base + 8 * number)
    return base + size * number


def of_queue(queue: int) -> int:
    """``struct sbitmap *`` in a ``struct sbitmap_queue``."""
    return queue + lowlevel.member("struct sbitmap_queue", "sb").offset
