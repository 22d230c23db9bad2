# SPDX-License-Identifier: GPL-2.0-or-later
"""What a search of memory found, as the kernel addresses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from LinuxDump import pages, whatis
from pykdump import lowlevel
from pykdump.bulk import Hits, PfnRange, ram_ranges
from pykdump.errors import Interrupted, ReadError
from pykdump.logging import pylog

_SHOWN = 32  # bytes of text
_COUNTED = 1_000_000  # hits, where nobody said how many are wanted


@dataclass(frozen=True)
class Hit:
    """A place where memory holds what was looked for."""

    addr: int  #: as the kernel uses it
    phys_addr: int
    value: str  #: what lies there, where that differs from hit to hit
    kind: str  #: as LinuxDump.whatis calls it; "" when nobody asked
    text: str


@dataclass(frozen=True)
class Found:
    """All of them, in the order of physical memory, and how far the search came."""

    hits: tuple[Hit, ...]
    pages: int  #: that were looked through
    is_complete: bool
    count: int  #: of the hits that were found, of which only some may be here
    are_more: bool  #: the search ended at `count`


def stop_at(limit: int | None) -> int:
    """How many hits to search for; without a limit those that are not shown are counted."""
    return _COUNTED if limit is None else limit


def found(
    raw: Hits, *, classify: bool, shown: int, value: Callable[[int], str] = lambda phys: ""
) -> Found:
    """The first hits, each with what it lies in if wanted; warnings say what was not looked at.

    :param shown: how many.
    :param value: what to show of a physical address: `number_at`, `text_at`.
    """
    if raw.is_interrupted:
        pylog.warning(f"interrupted after {raw.pages} pages: there may be more")
    hits: list[Hit] = []
    count = len(raw.addrs)
    wanted = raw.addrs[:shown]
    is_complete = not (raw.is_interrupted or raw.is_cut) and len(wanted) == count
    try:
        for phys in wanted:
            hits.append(_hit(phys, classify, value))
    except (Interrupted, KeyboardInterrupt):
        pylog.warning(f"interrupted after {len(hits)} of {len(wanted)} hits")
        is_complete = False
    return Found(tuple(hits), raw.pages, is_complete, count, bool(raw.is_cut))


def _hit(phys: int, classify: bool, value: Callable[[int], str]) -> Hit:
    addr = whatis.address_of(phys)
    place = whatis.what_is(addr) if classify else None
    return Hit(addr, phys, value(phys), place.kind if place else "", place.text if place else "")


def number_at(size: int) -> Callable[[int], str]:
    """Shows numbers of ``size`` bytes."""
    return lambda phys: f"{int.from_bytes(_bytes_at(phys, size), 'little'):0{2 * size}x}"


def text_at(phys: int) -> str:
    """What is printable of the next bytes, with dots for the others."""
    shown = (chr(byte) if 32 <= byte < 127 else "." for byte in _bytes_at(phys, _SHOWN))
    return f'"{"".join(shown)}"'


def _bytes_at(phys: int, size: int) -> bytes:
    # Not beyond the page: the next one may not be there.
    size = min(size, pages.PAGE_SIZE - phys % pages.PAGE_SIZE)
    try:
        return lowlevel.dump().read_physical(phys, size)
    except ReadError:
        return b""


def lines(result: Found) -> Iterator[str]:
    """The hits for people."""
    for hit in result.hits:
        value = f"  {hit.value}" if hit.value else ""
        yield f"{hit.addr:#018x}{value}  {hit.text}".rstrip()
    yield _closing(result)


def _closing(result: Found) -> str:
    where = f"found in {result.pages} pages"
    if len(result.hits) == result.count:
        return f"{result.count} {where}" + ("; there are more (--limit)" if result.are_more else "")
    shown = f"{len(result.hits)} of {result.count}"
    if result.are_more:
        return f"{shown} and more {where}; --limit N shows N"
    return f"{shown} {where}; --limit {result.count} shows all"


def only(names: str | None) -> list[PfnRange] | None:
    """Page frames of classes separated by commas; with ``-`` in front, all but these."""
    if not names:
        return None
    wanted = sorted(r for name in names.lstrip("-").split(",") for r in pages.class_ranges(name))
    return list(_others(wanted)) if names.startswith("-") else wanted


def _others(left_out: list[PfnRange]) -> Iterator[PfnRange]:
    for first, end in ram_ranges():
        for out, out_end in left_out:
            if out_end <= first or out >= end:
                continue
            if first < out:
                yield first, out
            first = max(first, out_end)
        if first < end:
            yield first, end
