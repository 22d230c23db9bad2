# SPDX-License-Identifier: GPL-2.0-or-later
"""In what slab cache an address lies."""

from __future__ import annotations

from crashcmd import values
from LinuxDump import Slab, pages
from pykdump import lowlevel
from pykdump.errors import PykdumpError


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


def symbolic(word: int, slabs: int) -> str:
    """A word of memory: a symbol's name where it leads into the kernel's image, else its digits.

    :param slabs: 1: ``[CACHE]`` for the address of a slab object; 2: ``[ADDRESS:CACHE]``.
    """
    name = values.value_or_symbol(word)
    if not name and slabs and word >> 63:
        cache = name_of(word)
        name = (f"[{word:x}:{cache}]" if slabs > 1 else f"[{cache}]") if cache else ""
    return name or f"{word:016x}"
