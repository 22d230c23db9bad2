# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches of SLUB: what they hold, and what an address in them is (mm/slub.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from LinuxDump import pages, percpu
from pykdump import compat, lowlevel
from pykdump.bulk import SlabObjects, SlabShape, SlabSource, slab_objects
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog
from pykdump.star import with_api
from pykdump.walks import walk_list, walk_lists

# v5.17 bb192ed9aa71 ("mm/slub: Convert most struct page to struct slab by spatch"): before, members
# of struct page, and of kmem_cache_cpu by that name.
compat.member("struct kmem_cache_cpu", "Slab", "slab", "page")

_CACHE = Layout(
    "struct kmem_cache",
    CString("name"),
    *("size", "object_size", "offset", "red_left_pad", "oo.x", "cpu_slab", "list"),
)
_SECRET = Layout("struct kmem_cache", "random")  # CONFIG_SLAB_FREELIST_HARDENED
_CPU = Layout("struct kmem_cache_cpu", "freelist", "Slab")

_OO_SHIFT = 16  # of the order, in kmem_cache_order_objects.x
_MAX_CACHES = 100_000


class Cache(NamedTuple):
    """A slab cache."""

    addr: int  #: struct kmem_cache *
    name: str
    object_size: int  #: what a user of the cache gets
    size: int  #: from one object to the next
    objects_per_slab: int
    pages_per_slab: int


@dataclass(frozen=True)
class CacheStats:
    """What a cache holds; one that is on no node's lists is counted too."""

    slabs: int
    objects: int  #: that there is room for
    allocated: int
    free: int
    partial_free: int  #: of these, those in slabs on the nodes' partial lists: as /proc/slabinfo


class Owner(NamedTuple):
    """What an address in a slab belongs to."""

    cache: Cache
    slab_addr: int  #: struct slab *
    object_addr: int  #: 0 for an address between objects
    offset: int  #: of the address in the object
    is_allocated: bool


class _Slabs(NamedTuple):
    # Of one kind each, by the same index: struct slab *, kmem_cache.freelist, slab.objects.
    addrs: list[int]
    freelists: list[int]
    objects: list[int]


def slab_struct() -> str:
    return "struct slab" if compat.has("struct slab.slab_cache") else "struct page"


_caches: tuple[lowlevel.Kernel, list[Cache]] | None = None
_slabs: tuple[lowlevel.Kernel, dict[int, _Slabs]] | None = None


def caches() -> list[Cache]:
    """All slab caches, in the order of the kernel's list; read once a dump."""
    global _caches
    if _caches is None or _caches[0] is not lowlevel.kernel():
        _caches = (lowlevel.kernel(), _read_caches())
    return _caches[1]


def cache_named(name: str) -> Cache:
    """The cache of this name; raises PykdumpError."""
    found = next((cache for cache in caches() if cache.name == name), None)
    if found is None:
        raise PykdumpError(
            f"there is no slab cache {name}; it may be merged with another of its size"
        )
    return found


def _read_caches() -> list[Cache]:
    if not compat.has("struct kmem_cache.cpu_slab"):
        raise PykdumpError("this kernel has no SLUB allocator: its slab caches cannot be read")
    walk = walk_list(lowlevel.symbol_address("slab_caches"), limit=_MAX_CACHES)
    at = lowlevel.member("struct kmem_cache", "list").offset
    if walk.end != "complete":
        pylog.warning(
            f"slab_caches is broken after {len(walk.nodes)} caches ({walk.end} at "
            f"{walk.stopped_at:#x}): caches are missing"
        )
    found = []
    for node, row in zip(walk.nodes, _CACHE.read_many(walk, offset=at)):
        if row is None or not 0 < row.size < 1 << 26:
            pylog.warning(f"struct kmem_cache {node - at:#x} cannot be read or is damaged, skipped")
            continue
        name = "?" if row.name is None else row.name.decode("utf-8", "backslashreplace")
        order, objects = row.oo_x >> _OO_SHIFT, row.oo_x & (1 << _OO_SHIFT) - 1
        found.append(
            Cache(node - at, name, row.object_size, row.size, objects, 1 << min(order, 16))
        )
    return found


# --- slabs


def _slabs_by_cache() -> dict[int, _Slabs]:
    # Full slabs are on no list: all struct pages are looked through, once a dump.
    global _slabs
    if _slabs is None or _slabs[0] is not lowlevel.kernel():
        _slabs = (lowlevel.kernel(), _find_slabs())
    return _slabs[1]


def _find_slabs() -> dict[int, _Slabs]:
    layout = Layout(slab_struct(), "slab_cache", "freelist", "objects")
    addrs = list(pages.select([pages.type_test("slab")]))
    columns = layout.read_columns(addrs)
    found: dict[int, _Slabs] = {cache.addr: _Slabs([], [], []) for cache in caches()}
    strange = []
    for addr, cache, *rest in zip(
        addrs, columns.slab_cache.tolist(), columns.freelist.tolist(), columns.objects.tolist()
    ):
        slabs = found.get(cache)
        if slabs is None:
            strange.append(addr)
            continue
        for column, value in zip(slabs, (addr, *rest)):
            column.append(value)
    if strange:
        pylog.warning(
            f"{len(strange)} slabs belong to no known cache, the first struct page is "
            f"{strange[0]:#x}: passed over"
        )
    return found


def _cpu_lists(cache: int, cpu_slab: int) -> dict[int, list[int]]:
    # What CPUs took off the list of their slab: slab -> first free objects.
    cpus = [percpu.per_cpu_ptr(cpu_slab, cpu) for cpu in range(len(percpu.per_cpu_offsets()))]
    lists: dict[int, list[int]] = {}
    for addr, row in zip(cpus, _CPU.read_many(cpus)):
        if row is None:
            pylog.warning(
                f"struct kmem_cache_cpu {addr:#x} of cache {cache:#x} cannot be read: objects that "
                "are free there pass for allocated"
            )
        elif row.Slab and row.freelist:
            lists.setdefault(row.Slab, []).append(row.freelist)
    return lists


def cpu_lists(cache: Cache) -> dict[int, list[int]]:
    """By ``struct slab *``, the free objects that begin a CPU's own list in it."""
    row = _CACHE.read(cache.addr)
    return {} if row is None else _cpu_lists(cache.addr, row.cpu_slab)


def slabs_of(cache: Cache) -> list[int]:
    """``struct slab *`` of all slabs of a cache."""
    return list(_slabs_by_cache().get(cache.addr, _Slabs([], [], [])).addrs)


def objects_of_slab(
    cache: Cache, slab: int, freelist: int, objects: int, *, with_cpus: bool = True
) -> SlabObjects:
    """Objects of one slab.

    :param slab: ``struct slab *`` with its list of free objects and their number.
    :param with_cpus: whether what is free on a CPU's own list counts as free.
    """
    return _objects(cache, _Slabs([slab], [freelist], [objects]), with_cpus=with_cpus)


def objects_of(cache: Cache) -> SlabObjects:
    """Every object of a cache: allocated ones and free ones.

    A list of free objects that is broken is told in a warning; what lies behind passes for
    allocated.
    """
    slabs = _slabs_by_cache().get(cache.addr, _Slabs([], [], []))
    return _objects(cache, slabs)


def _objects(cache: Cache, slabs: _Slabs, *, with_cpus: bool = True) -> SlabObjects:
    row = _CACHE.read(cache.addr)
    if row is None:
        raise ReadError(f"struct kmem_cache {cache.addr:#x} ({cache.name}) cannot be read")
    on_cpus = _cpu_lists(cache.addr, row.cpu_slab) if with_cpus else {}
    sources: list[SlabSource] = [
        (pages.address_of(pages.pfn_of(addr)), objects, [freelist, *on_cpus.get(addr, ())])
        for addr, freelist, objects in zip(*slabs)
    ]
    found = min(
        (slab_objects(sources, shape) for shape in _shapes(cache, row)),
        key=lambda objects: len(objects.broken),
    )
    if found.broken:
        index, where = found.broken[0]
        pylog.warning(
            f"{len(found.broken)} lists of free objects of cache {cache.name} are broken, "
            f"the first at {where:#x} (struct slab {slabs.addrs[index]:#x}): free objects behind "
            "pass for allocated"
        )
    return found


def _shapes(cache: Cache, row: object) -> list[SlabShape]:
    # How the pointer to the next free object may be stored. That v5.7 1ad53d9fa3f6 ("slub: improve
    # bit diffusion for freelist ptr obfuscation") reverses the bytes of the address no debug info
    # shows: the way by which fewer lists are broken is the kernel's.
    first, next_at = getattr(row, "red_left_pad", 0), getattr(row, "offset", 0)
    if not compat.has("struct kmem_cache.random"):
        return [SlabShape(cache.size, first, next_at)]
    secret = _SECRET.read(cache.addr).random
    return [
        SlabShape(cache.size, first, next_at, secret, mixes_address=True, mixes_swapped=swapped)
        for swapped in (True, False)
    ]


def stats(cache: Cache) -> CacheStats:
    """How much a cache holds."""
    slabs = _slabs_by_cache().get(cache.addr, _Slabs([], [], []))
    found = _objects(cache, slabs)
    allocated, free = len(found.allocated), len(found.free)
    return CacheStats(len(slabs.addrs), allocated + free, allocated, free, _partial_free(cache))


def _partial_free(cache: Cache) -> int:
    struct = slab_struct()
    nodes = lowlevel.member("struct kmem_cache", "node")
    partial = lowlevel.member("struct kmem_cache_node", "partial").offset
    count = min(int(nodes.type.sizeof) // 8, pages.node_count())
    heads = []
    for node in range(count):
        pointer = lowlevel.read_pointer(cache.addr + nodes.offset + 8 * node)
        if pointer:
            heads.append(pointer + partial)
    link = "slab_list" if compat.has(f"{struct}.slab_list") else "lru"
    at = lowlevel.member(struct, link).offset
    layout, free = Layout(struct, "objects", "inuse"), 0
    for walk in walk_lists(heads):
        rows = layout.read_many(walk, offset=at)
        free += sum(row.objects - row.inuse for row in rows if row is not None)
    return free


# --- addresses


def owner_of(addr: int, page: int) -> Owner | None:
    """Cache and object of an address; None when it is in no slab, raises ReadError.

    :param addr: in the direct map.
    :param page: its ``struct page *``.
    """
    head = pages.head_of(page)
    if not pages.is_of_type(head, "slab"):
        return None
    row = Layout(slab_struct(), "slab_cache", "freelist", "objects").read(head)
    cache = next((cache for cache in caches() if row and cache.addr == row.slab_cache), None)
    if cache is None:
        return None
    base = pages.address_of(pages.pfn_of(head))
    first = _CACHE.read(cache.addr).red_left_pad
    index, offset = divmod(addr - base - first, cache.size)
    if not 0 <= index < row.objects:
        return Owner(cache, head, 0, addr - base, False)
    found = _objects(cache, _Slabs([head], [row.freelist], [row.objects]))
    start = base + first + index * cache.size
    return Owner(cache, head, start, offset, start in set(found.allocated))


def summarize(names: Sequence[str] = ()) -> list[tuple[Cache, CacheStats]]:
    """Caches (of these names, else all) with what they hold."""
    chosen = [cache_named(name) for name in names] if names else caches()
    return [(cache, stats(cache)) for cache in chosen]


# --- classic names


def get_slab_addrs(name: str) -> tuple[list[int], list[int]]:
    """Addresses of the allocated and of the free objects of a cache; KeyError for no such cache."""
    cache = next((cache for cache in caches() if cache.name == name), None)
    if cache is None:
        raise KeyError(name)
    found = objects_of(cache)
    return list(found.allocated), list(found.free)


__getattr__ = with_api(globals())
