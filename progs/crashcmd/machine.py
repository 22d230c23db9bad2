# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and sizes of the machine, as help -m gives them to scripts."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import pages, stack_areas
from pykdump import lowlevel, vmcorearch

_VMALLOC = {4: 0xFFFF_C900_0000_0000, 5: 0xFFA0_0000_0000_0000}
_MODULES = 0xFFFF_FFFF_C000_0000
START_KERNEL_MAP = 0xFFFF_FFFF_8000_0000


def vmalloc_base() -> int:
    """Where vmalloc's range begins."""
    where = lowlevel.find_symbol("vmalloc_base")
    return _VMALLOC[lowlevel.dump().levels] if where is None else lowlevel.read_pointer(where)


def modules_base() -> int:
    """Where modules may lie from on."""
    return _MODULES


def vmemmap_end() -> int:
    """Behind the last struct page that there can be."""
    frames = max((end for _, end in lowlevel.dump().ram_ranges()), default=0)
    return pages.vmemmap() + frames * lowlevel.sizeof("struct page")


def table_lines() -> Iterator[str]:
    """Lines of help -m."""
    dump = lowlevel.dump()
    rows = {
        "kvbase": f"{pages.page_offset():x}",
        "identity_map_base": f"{pages.page_offset():x}",
        "pagesize": str(dump.page_size),
        "pageshift": str(dump.page_size.bit_length() - 1),
        "pagemask": f"{-dump.page_size & 0xFFFF_FFFF_FFFF_FFFF:x}",
        "pageoffset": f"{dump.page_size - 1:x}",
        "stacksize": str(stack_areas.thread_size()),
        "hz": str(vmcorearch.HZ),
        "memsize": f"{dump.memory_bytes} ({dump.memory_bytes:#x})",
        "bits": "64",
        "page_offset": f"{pages.page_offset():x}",
        "vmalloc_start_addr": f"{vmalloc_base():x}",
        "vmemmap_vaddr": f"{pages.vmemmap():x}",
        "vmemmap_end": f"{vmemmap_end():x}",
        "modules_vaddr": f"{modules_base():x}",
        "phys_base": f"{dump.phys_base:x}",
        "kaslr_offset": f"{dump.kaslr_offset:x}",
    }
    for key, value in rows.items():
        yield f"{key:>19}: {value}"
