# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects of SLAB's slabs (mm/slab.c, up to Linux 6.7): free ones are told by arrays.

A slab has the numbers of its free objects. Besides, each CPU and each node keeps arrays of objects
that are free though their slabs take them for allocated.
"""

from __future__ import annotations

from collections.abc import Iterable

from LinuxDump import pages, percpu
from LinuxDump.slab_caches import Cache, Slabs, node_pointers
from pykdump import compat, lowlevel
from pykdump.bulk import IndexedShape, SlabObjects, indexed_slab_objects
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

#: What is read of each slab.
MEMBERS = ("s_mem", "freelist", "active")

_CACHE = Layout("struct kmem_cache", "cpu_cache")
_DEBUG = Layout("struct kmem_cache", "obj_offset")  # CONFIG_DEBUG_SLAB
_ARRAY = Layout("struct array_cache", "avail", "limit")
_NODE = Layout("struct kmem_cache_node", "shared", "alien", "free_objects")
_MAX_ARRAY = 1 << 16  # objects; a user may set 2^10 or so by /proc/slabinfo

_kept: tuple[lowlevel.Kernel, dict[int, list[int]]] | None = None


def objects(cache: Cache, slabs: Slabs, *, with_cpus: bool = True) -> SlabObjects:
    """Objects of slabs; ``with_cpus``: what CPUs and nodes keep in arrays counts as free."""
    first, freelists, active = slabs.columns
    shape = IndexedShape(
        size=cache.size,
        offset=_object_offset(cache),
        objects=cache.objects_per_slab,
        index_size=lowlevel.sizeof("freelist_idx_t"),
    )
    return indexed_slab_objects(
        first, freelists, active, _all_kept(cache) if with_cpus else (), shape
    )


def cpu_lists(cache: Cache) -> dict[int, list[int]]:
    """By ``struct slab *``, objects in it that a CPU or node keeps for itself."""
    lists: dict[int, list[int]] = {}
    for addr in _all_kept(cache):
        pfn = (addr - pages.page_offset()) // pages.PAGE_SIZE
        if pages.is_ram(pfn):
            lists.setdefault(pages.head_of(pages.page_of(pfn)), []).append(addr)
    return lists


def place_of(cache: Cache, slab: int, column: tuple[int, ...]) -> tuple[int, int]:
    """Where a slab's first object begins, and how many objects it has room for."""
    return column[0] + _object_offset(cache), cache.objects_per_slab


def partial_free(cache: Cache, nodes: list[int]) -> int:
    """Free objects that the nodes' slabs know of."""
    return sum(row.free_objects for row in _NODE.read_many(nodes) if row is not None)


def _object_offset(cache: Cache) -> int:
    if not compat.has("struct kmem_cache.obj_offset"):
        return 0
    row = _DEBUG.read(cache.addr)
    return 0 if row is None else int(row.obj_offset)


# --- what CPUs and nodes keep


def _all_kept(cache: Cache) -> list[int]:
    global _kept
    if _kept is None or _kept[0] is not lowlevel.kernel():
        _kept = (lowlevel.kernel(), {})
    if cache.addr not in _kept[1]:
        _kept[1][cache.addr] = _read_kept(cache)
    return _kept[1][cache.addr]


def _read_kept(cache: Cache) -> list[int]:
    row = _CACHE.read(cache.addr)
    if row is None:
        raise ReadError(f"struct kmem_cache {cache.addr:#x} ({cache.name}) cannot be read")
    cpus = range(len(percpu.per_cpu_offsets())) if row.cpu_cache else ()
    arrays = [percpu.per_cpu_ptr(row.cpu_cache, cpu) for cpu in cpus]
    for node in node_addrs(cache):
        arrays += _arrays_of_node(cache, node)
    return [addr for array in arrays for addr in _entries(cache, array)]


def node_addrs(cache: Cache) -> list[int]:
    """``struct kmem_cache_node *`` of a cache, of either allocator."""
    return [node for node in node_pointers(cache, pages.node_count()) if node]


def _arrays_of_node(cache: Cache, node: int) -> Iterable[int]:
    row = _NODE.read(node)
    if row is None:
        pylog.warning(
            f"struct kmem_cache_node {node:#x} of cache {cache.name} cannot be read: objects that "
            "are free there pass for allocated"
        )
        return
    if row.shared:
        yield row.shared
    if row.alien:
        array = lowlevel.member("struct alien_cache", "ac").offset
        for alien in _pointers(row.alien, pages.node_count()):
            if alien:
                yield alien + array


def _pointers(addr: int, count: int) -> list[int]:
    try:
        return [lowlevel.read_pointer(addr + 8 * i) for i in range(count)]
    except ReadError as error:
        pylog.warning(f"an array of nodes is cut: {error}")
        return []


def _entries(cache: Cache, array: int) -> list[int]:
    row = _ARRAY.read(array)
    if row is None or row.avail > min(row.limit, _MAX_ARRAY):
        why = "cannot be read" if row is None else f"claims {row.avail} objects of {row.limit}"
        pylog.warning(
            f"struct array_cache {array:#x} of cache {cache.name} {why}: objects that are free "
            "there pass for allocated"
        )
        return []
    return _pointers(array + lowlevel.member("struct array_cache", "entry").offset, row.avail)
