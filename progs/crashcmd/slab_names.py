# SPDX-License-Identifier: GPL-2.0-or-later
"""In what slab cache an address lies."""

from __future__ import annotations

from collections.abc import Sequence

from crashcmd import values
from LinuxDump import Slab, pages, slab_caches
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout


def owner_of(addr: int) -> Slab.Owner | None:
    """Cache and object of an address of the direct map; None outside all slabs."""
    try:
        page = _page_of(addr)
        return None if page is None else Slab.owner_of(addr, page)
    except PykdumpError:
        return None


def _page_of(addr: int) -> int | None:
    # struct page * of an address of the direct map; raises ReadError.
    pfn = lowlevel.dump().translate(addr) // pages.PAGE_SIZE
    is_direct = pages.address_of(pfn) == addr & ~(pages.PAGE_SIZE - 1)
    return pages.page_of(pfn) if is_direct else None


def name_of(addr: int) -> str:
    """Name of that cache, "" outside all."""
    try:
        page = _page_of(addr)
        cache = None if page is None else Slab.cache_of(page)
    except PykdumpError:
        return ""
    return "" if cache is None else cache.name


def names_of(addrs: Sequence[int]) -> dict[int, str]:
    """Names of the caches of many pages of the direct map, by their address; of no others."""
    base, known = pages.page_offset(), {cache.addr: cache.name for cache in slab_caches.caches()}
    direct = [
        (addr, phys // pages.PAGE_SIZE)
        for addr, phys in zip(addrs, lowlevel.dump().translate_many(addrs))
        if phys is not None and base + phys == addr
    ]
    heads = pages.heads_of([pages.page_of(pfn) for _, pfn in direct])
    slabs = pages.of_type({head for head in heads if head is not None}, "slab")
    rows = Layout(slab_caches.slab_struct(), "slab_cache").read_many(slabs)
    name_of = {
        head: known.get(row.slab_cache, "") for head, row in zip(slabs, rows) if row is not None
    }
    found = ((addr, name_of.get(head or 0, "")) for (addr, _), head in zip(direct, heads))
    return {addr: name for addr, name in found if name}


def symbolic(word: int, slabs: int) -> str:
    """A word of memory: a symbol's name where it leads into the kernel's image, else its digits.

    :param slabs: 1: ``[CACHE]`` for the address of a slab object; 2: ``[ADDRESS:CACHE]``.
    """
    name = values.value_or_symbol(word)
    if not name and slabs and word >> 63:
        cache = name_of(word)
        name = (f"[{word:x}:{cache}]" if slabs > 1 else f"[{cache}]") if cache else ""
    return name or f"{word:016x}"
