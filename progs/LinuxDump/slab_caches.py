# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's list of slab caches, of SLUB or SLAB (mm/slab_common.c)."""

from __future__ import annotations

from typing import Any, NamedTuple

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

_COMMON = (CString("name"), "size", "object_size")
_SLUB = Layout("struct kmem_cache", *_COMMON, "oo.x")
_SLAB = Layout("struct kmem_cache", *_COMMON, "num", "gfporder")

_OO_SHIFT = 16  # of the order, in kmem_cache_order_objects.x
_MAX_CACHES = 100_000
_MAX_SIZE = 1 << 26
_MAX_ORDER = 16


class Cache(NamedTuple):
    """A slab cache."""

    addr: int  #: struct kmem_cache *
    name: str
    object_size: int  #: what a user of the cache gets
    size: int  #: from one object to the next
    objects_per_slab: int
    pages_per_slab: int


class Slabs(NamedTuple):
    """Slabs of one cache: columns of the same length."""

    addrs: list[int]  #: struct slab *
    columns: tuple[list[int], ...]  #: the members that the allocator's model asks for


def is_slub() -> bool:
    """Whether the allocator is SLUB; raises PykdumpError when it is neither that nor SLAB."""
    if compat.has("struct kmem_cache.cpu_slab") or compat.has("struct kmem_cache.cpu_sheaves"):
        return True
    if compat.has("struct kmem_cache.cpu_cache"):
        return False
    raise PykdumpError("this kernel has neither SLUB nor SLAB: its slab caches cannot be read")


def slab_struct() -> str:
    """The struct that describes a slab."""
    # v5.17 d122019bf061 ("mm: Split slab into its own type"): before, members of struct page.
    return "struct slab" if compat.has("struct slab.slab_cache") else "struct page"


_caches: tuple[lowlevel.Kernel, list[Cache]] | None = None


def caches() -> list[Cache]:
    """All slab caches, in the order of the kernel's list; read once a dump."""
    global _caches
    if _caches is None or _caches[0] is not lowlevel.kernel():
        _caches = (lowlevel.kernel(), _read_caches())
    return _caches[1]


def cache_at(addr: int) -> Cache | None:
    """The cache whose ``struct kmem_cache *`` this is."""
    return next((cache for cache in caches() if cache.addr == addr), None)


def cache_named(name: str) -> Cache:
    """The cache of this name; raises PykdumpError."""
    found = next((cache for cache in caches() if cache.name == name), None)
    if found is None:
        raise PykdumpError(
            f"there is no slab cache {name}; it may be merged with another of its size"
        )
    return found


def node_pointers(cache: Cache, count: int, member: str = "node") -> list[int]:
    """``struct kmem_cache_node *`` of each of ``count`` nodes, 0 where there is none.

    :param member: or another pointer that newer kernels keep beside it.
    """
    # 7.3 has the pointer in a pair with that to the node's sheaves.
    pairs = compat.has("struct kmem_cache.per_node")
    array = lowlevel.member("struct kmem_cache", "per_node" if pairs else "node")
    size = lowlevel.sizeof("struct kmem_cache_per_node_ptrs") if pairs else 8
    at = lowlevel.member("struct kmem_cache_per_node_ptrs", member).offset if pairs else 0
    count = min(array.size // size, count)
    first = cache.addr + array.offset + at
    return [lowlevel.read_pointer(first + size * node) for node in range(count)]


def _read_caches() -> list[Cache]:
    layout = _SLUB if is_slub() else _SLAB
    walk = walk_list(lowlevel.symbol_address("slab_caches"), limit=_MAX_CACHES)
    at = lowlevel.member("struct kmem_cache", "list").offset
    if walk.end != "complete":
        pylog.warning(
            f"slab_caches is broken after {len(walk.nodes)} caches ({walk.end} at "
            f"{walk.stopped_at:#x}): caches are missing"
        )
    found = []
    for node, row in zip(walk.nodes, layout.read_many(walk, offset=at)):
        if row is None or not 0 < row.size < _MAX_SIZE:
            pylog.warning(f"struct kmem_cache {node - at:#x} cannot be read or is damaged, skipped")
            continue
        name = "?" if row.name is None else row.name.decode("utf-8", "backslashreplace")
        order, objects = _geometry(row)
        pages = 1 << min(order, _MAX_ORDER)
        found.append(Cache(node - at, name, row.object_size, row.size, objects, pages))
    return found


def _geometry(row: Any) -> tuple[int, int]:
    if is_slub():
        return row.oo_x >> _OO_SHIFT, row.oo_x & (1 << _OO_SHIFT) - 1
    return row.gfporder, row.num
