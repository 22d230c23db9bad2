# SPDX-License-Identifier: GPL-2.0-or-later
"""In what slab cache an address lies."""

from __future__ import annotations

from LinuxDump import Slab, pages
from pykdump import lowlevel
from pykdump.errors import PykdumpError


def owner_of(addr: int) -> Slab.Owner | None:
    """Cache and object of an address of the direct map; None outside all slabs."""
    try:
        physical = lowlevel.dump().translate(addr)
        pfn = physical // pages.PAGE_SIZE
        if pages.address_of(pfn) != addr & ~(pages.PAGE_SIZE - 1):
            return None
        return Slab.owner_of(addr, pages.page_of(pfn))
    except PykdumpError:
        return None


def name_of(addr: int) -> str:
    """Name of that cache, "" outside all."""
    owner = owner_of(addr)
    return owner.cache.name if owner is not None else ""
