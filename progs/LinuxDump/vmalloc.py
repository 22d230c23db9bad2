# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas of vmalloc: stacks, modules, mappings of devices (mm/vmalloc.c)."""

from __future__ import annotations

import bisect
from typing import NamedTuple

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

_AREA = Layout("struct vmap_area", "va_start", "va_end", "vm")
_VM = Layout("struct vm_struct", "flags", "caller", "nr_pages", "phys_addr")

_MAX_NODES = 4096
# include/linux/vmalloc.h
_KINDS = {0x1: "ioremap", 0x2: "vmalloc", 0x4: "vmap", 0x8: "user mapping"}


class Area(NamedTuple):
    """A piece of the vmalloc range."""

    addr: int
    end_addr: int
    kind: str  #: "vmalloc", "vmap", "ioremap", "user mapping"; "" when nothing says
    caller_addr: int  #: who asked for it, 0 when nothing says
    nr_pages: int
    vm_addr: int  #: struct vm_struct *, 0 for areas of vm_map_ram and per-CPU chunks
    area_addr: int = 0  #: struct vmap_area *


_areas: tuple[lowlevel.Kernel, list[Area]] | None = None


def areas() -> list[Area]:
    """All areas in use, by address; read once a dump."""
    global _areas
    if _areas is None or _areas[0] is not lowlevel.kernel():
        _areas = (lowlevel.kernel(), _read_areas())
    return _areas[1]


def area_at(addr: int) -> Area | None:
    """The area in which an address lies."""
    index = bisect.bisect_right(areas(), addr, key=lambda area: area.addr) - 1
    return areas()[index] if index >= 0 and addr < areas()[index].end_addr else None


def _roots() -> list[int]:
    # v6.9 d093602919ad ("mm: vmalloc: remove global vmap_area_root rb-tree") made a tree a node.
    alone = lowlevel.find_symbol("vmap_area_root")
    if alone is not None:
        return [alone]
    first = lowlevel.read_pointer(lowlevel.symbol_address("vmap_nodes"))
    count = lowlevel.read_uint(lowlevel.symbol_address("nr_vmap_nodes"), 4)
    root = lowlevel.member("struct vmap_node", "busy.root").offset
    size = lowlevel.sizeof("struct vmap_node")
    return [first + i * size + root for i in range(min(count, _MAX_NODES))]


def _read_areas() -> list[Area]:
    at = lowlevel.member("struct vmap_area", "rb_node").offset
    found = []
    for root in _roots():
        walk = trees.for_rbtree(root)
        if walk.end != "complete":
            pylog.warning(
                f"the tree of vmalloc areas at {root:#x} is broken ({walk.end} at "
                f"{walk.stopped_at:#x}): areas are missing"
            )
        read = _AREA.read_many(walk, offset=at)
        addrs = [node - at for node, row in zip(walk.nodes, read) if row is not None]
        rows = [row for row in read if row is not None]
        # v5.4 688fcbfc06e4 ("mm/vmalloc: modify struct vmap_area to reduce its size"): vm shares
        # its place with a number in areas that have none; only a pointer leads to a vm_struct.
        vms = _VM.read_many([row.vm if row.vm >> 63 else 0 for row in rows])
        found += [_area(addr, row, vm) for addr, row, vm in zip(addrs, rows, vms)]
    return sorted(found)


def _area(addr: int, row: tuple[int, int, int], vm: tuple[int, int, int, int] | None) -> Area:
    start, end, vm_addr = row
    if vm is None:
        return Area(start, end, "", 0, 0, 0, addr)
    flags, caller, nr_pages, _ = vm
    kind = next((name for bit, name in _KINDS.items() if flags & bit), "")
    return Area(start, end, kind, caller, nr_pages, vm_addr, addr)


def has_areas() -> bool:
    """Whether this kernel keeps them as this module knows."""
    return compat.has("struct vmap_area.va_start")
