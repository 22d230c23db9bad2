# SPDX-License-Identifier: GPL-2.0-or-later
"""Sheaves (mm/slub.c): arrays of free objects that CPUs and nodes keep of a slab cache."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from LinuxDump import pages, percpu
from LinuxDump.slab_caches import Cache, node_pointers
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

# v6.18 ("slab: add opt-in caching layer of percpu sheaves") has a barn in kmem_cache_node.
_CACHE = Layout("struct kmem_cache", "cpu_sheaves")
_CPU = Layout("struct slub_percpu_sheaves", "main", "spare", "rcu_free")
_SHEAF = Layout("struct slab_sheaf", "size")

_MAX_OBJECTS = 1 << 16  # of a sheaf


def free_objects(cache: Cache) -> list[int]:
    """Objects in the sheaves of a cache; none where the kernel has no sheaves.

    Those in a sheaf that waits for an RCU grace period are not found.
    """
    if not compat.has("struct kmem_cache.cpu_sheaves"):
        return []
    found: list[int] = []
    try:
        sheaves = list(dict.fromkeys([*_of_cpus(cache), *_of_nodes(cache)]))
        objects_at = lowlevel.member("struct slab_sheaf", "objects").offset
    except PykdumpError as error:
        pylog.warning(f"sheaves of cache {cache.name}: {error}; what is free there passes for used")
        return []
    for sheaf, row in zip(sheaves, _SHEAF.read_many(sheaves)):
        try:
            size = -1 if row is None else row.size
            if not 0 <= size <= _MAX_OBJECTS:
                what = "its size is lost" if row is None else f"it claims {size} objects"
                raise PykdumpError(what)
            found += struct.unpack(f"<{size}Q", lowlevel.dump().read(sheaf + objects_at, 8 * size))
        except PykdumpError as error:
            pylog.warning(
                f"sheaf {sheaf:#x} of cache {cache.name}: {error}; what is free there passes for "
                "used"
            )
    return found


def _of_cpus(cache: Cache) -> Iterator[int]:
    row = _CACHE.read(cache.addr)
    if row is None or not row.cpu_sheaves:
        return
    cpus = range(len(percpu.per_cpu_offsets()))
    addrs = [percpu.per_cpu_ptr(row.cpu_sheaves, cpu) for cpu in cpus]
    for addr, own in zip(addrs, _CPU.read_many(addrs)):
        if own is None:
            pylog.warning(
                f"struct slub_percpu_sheaves {addr:#x} of cache {cache.name} cannot be read: "
                "objects that are free there pass for allocated"
            )
        else:
            yield from filter(None, own)


def _of_nodes(cache: Cache) -> Iterator[int]:
    full = lowlevel.member("struct node_barn", "sheaves_full").offset
    link = lowlevel.member("struct slab_sheaf", "barn_list").offset
    for barn in filter(None, _barns(cache)):
        walk = walk_list(barn + full)
        if walk.end != "complete":
            pylog.warning(f"the list of sheaves at {barn + full:#x} is broken ({walk.end})")
        yield from (node - link for node in walk.nodes)


def _barns(cache: Cache) -> list[int]:
    count = pages.node_count()
    if compat.has("struct kmem_cache.per_node"):
        return node_pointers(cache, count, "barn")
    barn = lowlevel.member("struct kmem_cache_node", "barn").offset
    return [lowlevel.read_pointer(node + barn) for node in node_pointers(cache, count) if node]
