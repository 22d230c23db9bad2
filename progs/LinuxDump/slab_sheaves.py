# SPDX-License-Identifier: GPL-2.0-or-later
"""Sheaves (mm/slub.c): arrays of free objects that CPUs and nodes keep of a slab cache."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Sheaf:
    """Free objects that a CPU or a node keeps."""

    addr: int  #: struct slab_sheaf *
    owner: str  #: "cpu 0" or "node 0"
    role: str  #: of a CPU's main, spare or rcu_free, of a node's full
    objects: tuple[int, ...]


def free_objects(cache: Cache) -> list[int]:
    """Objects in the sheaves of a cache; none where the kernel has no sheaves.

    Those in a sheaf that waits for an RCU grace period are not found.
    """
    return [addr for sheaf in sheaves(cache) for addr in sheaf.objects]


def sheaves(cache: Cache) -> list[Sheaf]:
    """The sheaves of a cache with objects in them, and the empty ones of CPUs.

    What is broken is said, and left out.
    """
    if not compat.has("struct kmem_cache.cpu_sheaves"):
        return []
    try:
        known = list(dict.fromkeys([*_of_cpus(cache), *_of_nodes(cache)]))
        objects_at = lowlevel.member("struct slab_sheaf", "objects").offset
    except PykdumpError as error:
        pylog.warning(f"sheaves of cache {cache.name}: {error}; what is free there passes for used")
        return []
    found = []
    rows = _SHEAF.read_many([addr for addr, _, _ in known])
    for (sheaf, owner, role), row in zip(known, rows):
        try:
            size = -1 if row is None else row.size
            if not 0 <= size <= _MAX_OBJECTS:
                what = "its size is lost" if row is None else f"it claims {size} objects"
                raise PykdumpError(what)
            raw = lowlevel.dump().read(sheaf + objects_at, 8 * size) if size else b""
        except PykdumpError as error:
            pylog.warning(
                f"sheaf {sheaf:#x} of cache {cache.name}: {error}; what is free there passes for "
                "used"
            )
            continue
        found.append(Sheaf(sheaf, owner, role, struct.unpack(f"<{size}Q", raw)))
    return found


def cpu_sheaves(cache: Cache) -> dict[int, int]:
    """``struct slub_percpu_sheaves *`` by CPU."""
    row = _CACHE.read(cache.addr) if compat.has("struct kmem_cache.cpu_sheaves") else None
    if row is None or not row.cpu_sheaves:
        return {}
    cpus = range(len(percpu.per_cpu_offsets()))
    return {cpu: percpu.per_cpu_ptr(row.cpu_sheaves, cpu) for cpu in cpus}


def _of_cpus(cache: Cache) -> Iterator[tuple[int, str, str]]:
    found = cpu_sheaves(cache)
    for (cpu, addr), own in zip(found.items(), _CPU.read_many(list(found.values()))):
        if own is None:
            pylog.warning(
                f"struct slub_percpu_sheaves {addr:#x} of cache {cache.name} cannot be read: "
                "objects that are free there pass for allocated"
            )
            continue
        for role, sheaf in own._asdict().items():
            if sheaf:
                yield sheaf, f"cpu {cpu}", role


def _of_nodes(cache: Cache) -> Iterator[tuple[int, str, str]]:
    full = lowlevel.member("struct node_barn", "sheaves_full").offset
    link = lowlevel.member("struct slab_sheaf", "barn_list").offset
    for node, barn in enumerate(_barns(cache)):
        if not barn:
            continue
        walk = walk_list(barn + full)
        if walk.end != "complete":
            pylog.warning(f"the list of sheaves at {barn + full:#x} is broken ({walk.end})")
        for addr in walk.nodes:
            yield addr - link, f"node {node}", "full"


def _barns(cache: Cache) -> list[int]:
    count = pages.node_count()
    if compat.has("struct kmem_cache.per_node"):
        return node_pointers(cache, count, "barn")
    barn = lowlevel.member("struct kmem_cache_node", "barn").offset
    return [lowlevel.read_pointer(node + barn) for node in node_pointers(cache, count) if node]
