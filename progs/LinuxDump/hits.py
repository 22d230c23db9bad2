# SPDX-License-Identifier: GPL-2.0-or-later
"""What a search of memory found, as the kernel addresses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import pages, whatis
from pykdump.bulk import Hits, PfnRange, ram_ranges
from pykdump.logging import pylog

#: Classes of pages that a search can be limited to, or can leave out.
CLASSES = ("slab", "free", "table")


@dataclass(frozen=True)
class Hit:
    """A place where memory holds what was looked for."""

    addr: int  #: as the kernel uses it
    phys_addr: int
    kind: str  #: as LinuxDump.whatis calls it; "" when nobody asked
    text: str


@dataclass(frozen=True)
class Found:
    """All of them, in the order of physical memory, and how far the search came."""

    hits: tuple[Hit, ...]
    pages: int  #: that were looked through
    is_complete: bool


def found(raw: Hits, *, classify: bool) -> Found:
    """The hits, each with what it lies in if wanted; warnings say what the search left out."""
    if raw.is_interrupted:
        pylog.warning(f"interrupted after {raw.pages} pages: there may be more")
    if raw.is_cut:
        pylog.warning(f"only {len(raw.addrs)} hits are shown: there are more (--limit)")
    hits = tuple(_hit(phys, classify) for phys in raw.addrs)
    return Found(hits, raw.pages, not (raw.is_interrupted or raw.is_cut))


def _hit(phys: int, classify: bool) -> Hit:
    addr = whatis.address_of(phys)
    place = whatis.what_is(addr) if classify else None
    return Hit(addr, phys, place.kind if place else "", place.text if place else "")


def lines(result: Found) -> Iterator[str]:
    """The hits for people."""
    for hit in result.hits:
        yield f"{hit.addr:#018x}  {hit.text}".rstrip()
    yield f"{len(result.hits)} found in {result.pages} pages"


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
