# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects of SLUB's slabs (mm/slub.c): free ones form lists, a slab's own and those of CPUs.

Newer kernels keep free objects of CPUs in sheaves: see slab_sheaves.py.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from LinuxDump import pages, percpu, slab_sheaves
from LinuxDump.slab_caches import Cache, Slabs, slab_struct
from pykdump import compat, lowlevel
from pykdump.bulk import SlabObjects, SlabShape, slab_objects
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

# v5.17 bb192ed9aa71 ("mm/slub: Convert most struct page to struct slab by spatch"): before, members
# of struct page, and of kmem_cache_cpu by that name.
compat.member("struct kmem_cache_cpu", "Slab", "slab", "page")

_CACHE = Layout("struct kmem_cache", "offset", "red_left_pad")
_MAX = Layout("struct kmem_cache", "max.x")
_CPUS = Layout("struct kmem_cache", "cpu_slab")
_SECRET = Layout("struct kmem_cache", "random")  # CONFIG_SLAB_FREELIST_HARDENED
_CPU = Layout("struct kmem_cache_cpu", "freelist", "Slab")

#: What is read of each slab.
MEMBERS = ("freelist", "objects")


class _Known(NamedTuple):
    # Of a cache, read once.
    shapes: list[SlabShape]  # that its slabs may have, the likeliest first
    on_cpus: dict[int, list[int]]  # struct slab * -> first objects of CPUs' lists in it
    kept: list[int]  # objects that are free in sheaves


_known: tuple[lowlevel.Kernel, dict[int, _Known]] | None = None


def _know(cache: Cache) -> _Known:
    global _known
    if _known is None or _known[0] is not lowlevel.kernel():
        _known = (lowlevel.kernel(), {})
    if cache.addr not in _known[1]:
        row = _CACHE.read(cache.addr)
        if row is None:
            raise ReadError(f"struct kmem_cache {cache.addr:#x} ({cache.name}) cannot be read")
        shapes = _shapes(cache, row.red_left_pad, row.offset)
        kept = slab_sheaves.free_objects(cache)
        _known[1][cache.addr] = _Known(shapes, _cpu_lists(cache), kept)
    return _known[1][cache.addr]


def _shapes(cache: Cache, first: int, next_at: int) -> list[SlabShape]:
    # How the pointer to the next free object may be stored. That v5.7 1ad53d9fa3f6 ("slub: improve
    # bit diffusion for freelist ptr obfuscation") reverses the bytes of the address no debug info
    # shows: the way by which fewer lists are broken is the kernel's.
    plain = SlabShape(cache.size, first, next_at, most=_most_objects(cache))
    if not compat.has("struct kmem_cache.random"):
        return [plain]
    secret = _SECRET.read(cache.addr).random
    return [
        plain._replace(secret=secret, mixes_address=True, mixes_swapped=swapped)
        for swapped in (True, False)
    ]


def _most_objects(cache: Cache) -> int:
    # Of a slab; up to v5.18 a user could make the next slabs smaller, by /sys/kernel/slab/*/order.
    most = cache.objects_per_slab
    if compat.has("struct kmem_cache.max"):
        most = max(most, _MAX.read(cache.addr).max_x & 0xFFFF)
    return most


def _cpu_lists(cache: Cache) -> dict[int, list[int]]:
    # What CPUs took off the list of their slab; 7.3 leaves it to sheaves.
    if not compat.has("struct kmem_cache.cpu_slab"):
        return {}
    cpu_slab = _CPUS.read(cache.addr).cpu_slab
    cpus = [percpu.per_cpu_ptr(cpu_slab, cpu) for cpu in range(len(percpu.per_cpu_offsets()))]
    lists: dict[int, list[int]] = {}
    for addr, row in zip(cpus, _CPU.read_many(cpus)):
        if row is None:
            pylog.warning(
                f"struct kmem_cache_cpu {addr:#x} of cache {cache.name} cannot be read: objects "
                "that are free there pass for allocated"
            )
        elif row.Slab and row.freelist:
            lists.setdefault(row.Slab, []).append(row.freelist)
    return lists


def cpu_lists(cache: Cache) -> dict[int, list[int]]:
    """By ``struct slab *``, the free objects that begin a CPU's own list in it."""
    return _know(cache).on_cpus


def objects(cache: Cache, slabs: Slabs, *, with_cpus: bool = True) -> SlabObjects:
    """Objects of slabs; ``with_cpus``: what is free on a CPU's own list counts as free."""
    known, (freelists, counts) = _know(cache), slabs.columns
    on_cpus, kept = (known.on_cpus, known.kept) if with_cpus else ({}, [])
    more = [
        (index, first)
        for index, slab in (enumerate(slabs.addrs) if on_cpus else ())
        for first in on_cpus.get(slab, ())
    ]
    bases, best = pages.addresses_of(slabs.addrs), None
    for shape in known.shapes:
        found = slab_objects(bases, counts, freelists, more, kept, shape)
        if best is None or len(found.broken) < len(best.broken):
            best = found
        if not best.broken:
            break
    assert best is not None  # a cache has a shape
    return best


def place_of(cache: Cache, slab: int, column: tuple[int, ...]) -> tuple[int, int]:
    """Where a slab's first object begins, and how many objects it has room for."""
    return pages.address_of(pages.pfn_of(slab)) + _know(cache).shapes[0].first, column[1]


@functools.cache
def _counts(struct: str) -> Layout:
    return Layout(struct, "objects", "inuse")


def partial_free(cache: Cache, nodes: list[int]) -> int:
    """Free objects of the slabs on the nodes' partial lists."""
    struct = slab_struct()
    partial = lowlevel.member("struct kmem_cache_node", "partial").offset
    link = "slab_list" if compat.has(f"{struct}.slab_list") else "lru"
    at = lowlevel.member(struct, link).offset
    layout, free = _counts(struct), 0
    for walk in walk_lists([node + partial for node in nodes]):
        rows = layout.read_many(walk, offset=at)
        free += sum(row.objects - row.inuse for row in rows if row is not None)
    return free
