# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab caches: what they hold, and what an address in them is (mm/slub.c, mm/slab.c)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from LinuxDump import pages, slab_arrays, slab_slub
from LinuxDump.slab_caches import Cache as Cache
from LinuxDump.slab_caches import Slabs, cache_at
from LinuxDump.slab_caches import cache_named as cache_named
from LinuxDump.slab_caches import caches as caches
from LinuxDump.slab_caches import is_slub
from LinuxDump.slab_caches import slab_struct as slab_struct
from pykdump import lowlevel
from pykdump.bulk import SlabObjects
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.star import with_api


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


_slabs: tuple[lowlevel.Kernel, dict[int, Slabs]] | None = None


def _model() -> Any:
    # The module that knows the allocator's slabs.
    return slab_slub if is_slub() else slab_arrays


def _slabs_by_cache() -> dict[int, Slabs]:
    # Full slabs are on no list: all struct pages are looked through, once a dump.
    global _slabs
    if _slabs is None or _slabs[0] is not lowlevel.kernel():
        _slabs = (lowlevel.kernel(), _find_slabs())
    return _slabs[1]


def _slabs_in(cache: Cache) -> Slabs:
    return _slabs_by_cache().get(cache.addr) or Slabs([], tuple([] for _ in _model().MEMBERS))


def _find_slabs() -> dict[int, Slabs]:
    members = _model().MEMBERS
    addrs = list(pages.select([pages.type_test("slab")]))
    read = Layout(slab_struct(), "slab_cache", *members).read_columns(addrs)
    columns = [getattr(read, name).tolist() for name in ("slab_cache", *members)]
    rows: dict[int, list[Any]] = {cache.addr: [] for cache in caches()}
    strange = []
    for row in zip(addrs, *columns):
        known = rows.get(row[1])
        strange.append(row[0]) if known is None else known.append(row)
    if strange:
        pylog.warning(
            f"{len(strange)} slabs belong to no known cache, the first struct page is "
            f"{strange[0]:#x}: passed over"
        )
    found = {}
    for cache, its in rows.items():
        if its:
            slabs, _, *rest = (list(column) for column in zip(*its))
            found[cache] = Slabs(slabs, tuple(rest))
    return found


def cpu_lists(cache: Cache) -> dict[int, list[int]]:
    """By ``struct slab *``, the free objects that begin a CPU's own list in it."""
    lists: dict[int, list[int]] = _model().cpu_lists(cache)
    return lists


def slabs_of(cache: Cache) -> list[int]:
    """``struct slab *`` of all slabs of a cache."""
    return list(_slabs_in(cache).addrs)


@functools.cache
def _slab_layout(struct: str, members: tuple[str, ...]) -> Layout:
    return Layout(struct, *members)


def objects_of_slab(cache: Cache, slab: int, *, with_cpus: bool = True) -> SlabObjects:
    """Objects of one slab; raises ReadError.

    :param slab: ``struct slab *``.
    :param with_cpus: whether what is free on a CPU's own list counts as free.
    """
    row = _slab_layout(slab_struct(), _model().MEMBERS).read(slab)
    if row is None:
        raise ReadError(f"cache {cache.name}: slab {slab:#x} cannot be read")
    return _objects(cache, Slabs([slab], tuple([value] for value in row)), with_cpus=with_cpus)


def objects_of(cache: Cache) -> SlabObjects:
    """Every object of a cache: allocated ones and free ones.

    A list of free objects that is broken is told in a warning; what lies behind passes for
    allocated.
    """
    return _objects(cache, _slabs_in(cache))


@dataclass(frozen=True)
class Damage:
    """A slab whose list of free objects leads astray."""

    cache: str
    slab_addr: int  #: struct slab *
    at_addr: int  #: where the list cannot be followed


def damaged_slabs() -> list[Damage]:
    """The slabs of all caches that are corrupted; those with pages not in the dump are not."""
    global _damaged
    if _damaged is None or _damaged[0] is not lowlevel.kernel():
        _damaged = (lowlevel.kernel(), _find_damaged())
    return _damaged[1]


_damaged: tuple[lowlevel.Kernel, list[Damage]] | None = None


def _find_damaged() -> list[Damage]:
    found = []
    for cache in caches():
        slabs = _slabs_in(cache)
        try:
            broken = _model().objects(cache, slabs, with_cpus=True).broken
        except ReadError as error:
            pylog.warning(str(error))
            continue
        for index, where in broken:
            # A page that was left out of the dump is no damage.
            if not lowlevel.why_unreadable(where).startswith(("page", "its page table")):
                found.append(Damage(cache.name, slabs.addrs[index], where))
    return found


def _objects(cache: Cache, slabs: Slabs, *, with_cpus: bool = True) -> SlabObjects:
    found: SlabObjects = _model().objects(cache, slabs, with_cpus=with_cpus)
    if found.broken:
        index, where = found.broken[0]
        pylog.warning(
            f"{len(found.broken)} lists of free objects of cache {cache.name} are broken, "
            f"the first at {where:#x} (struct slab {slabs.addrs[index]:#x}): free objects behind "
            "pass for allocated"
        )
    return found


def stats(cache: Cache) -> CacheStats:
    """How much a cache holds."""
    slabs = _slabs_in(cache)
    found = _objects(cache, slabs)
    allocated, free = len(found.allocated), len(found.free)
    partial_free = _model().partial_free(cache, slab_arrays.node_addrs(cache))
    return CacheStats(len(slabs.addrs), allocated + free, allocated, free, partial_free)


# --- addresses


def cache_of(page: int) -> Cache | None:
    """The cache of a ``struct page *``; None when it is of no slab, raises ReadError."""
    head = pages.head_of(page)
    if not pages.is_of_type(head, "slab"):
        return None
    return cache_at(
        lowlevel.read_pointer(head + lowlevel.member(slab_struct(), "slab_cache").offset)
    )


def owner_of(addr: int, page: int) -> Owner | None:
    """Cache and object of an address; None when it is in no slab, raises ReadError.

    :param addr: in the direct map.
    :param page: its ``struct page *``.
    """
    head = pages.head_of(page)
    if not pages.is_of_type(head, "slab"):
        return None
    row = Layout(slab_struct(), "slab_cache", *_model().MEMBERS).read(head)
    cache = cache_at(row.slab_cache) if row else None
    if cache is None:
        return None
    first, count = _model().place_of(cache, head, row[1:])
    index, offset = divmod(addr - first, cache.size)
    if not 0 <= index < count:
        base = pages.address_of(pages.pfn_of(head))
        return Owner(cache, head, 0, addr - base, False)
    found = _objects(cache, Slabs([head], tuple([value] for value in row[1:])))
    start = first + index * cache.size
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
