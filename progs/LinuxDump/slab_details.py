# SPDX-License-Identifier: GPL-2.0-or-later
"""Slabs of a cache one by one: where they are listed, and which of their objects are in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump import Slab, pages, percpu
from LinuxDump.slab_caches import node_pointers
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

_CACHE = Layout("struct kmem_cache", "cpu_slab")
_MAX_PARTIAL = 100_000


@dataclass(frozen=True)
class SlabState:
    """A slab and its objects."""

    addr: int  #: struct slab *
    memory_addr: int
    allocated: frozenset[int]
    free: frozenset[int]
    cpu_free: frozenset[int]  #: of the free ones, those on a CPU's own list
    node: int

    @property
    def objects(self) -> list[int]:
        """All objects in order."""
        return sorted(self.allocated | self.free)


@dataclass(frozen=True)
class CpuSlabs:
    """What a CPU keeps for itself."""

    cpu: int
    addr: int  #: struct kmem_cache_cpu *
    slab_addr: int  #: struct slab *, 0 for none
    partial: tuple[int, ...]  #: struct slab *


@dataclass(frozen=True)
class NodeSlabs:
    """What a node has."""

    node: int
    addr: int  #: struct kmem_cache_node *
    slabs: int
    partial: tuple[int, ...]  #: struct slab *


def cpu_slabs(cache: Slab.Cache) -> list[CpuSlabs]:
    """What each CPU keeps of a cache."""
    if not compat.has("struct kmem_cache.cpu_slab"):
        return []
    row = _CACHE.read(cache.addr)
    if row is None or not row.cpu_slab:
        return []
    struct = "struct kmem_cache_cpu"
    member = "slab" if compat.has(f"{struct}.slab") else "page"
    has_partial = compat.has(f"{struct}.partial")
    layout = Layout(struct, member, *(("partial",) if has_partial else ()))
    cpus = range(len(percpu.per_cpu_offsets()))
    addrs = [percpu.per_cpu_ptr(row.cpu_slab, cpu) for cpu in cpus]
    found = []
    for cpu, addr, state in zip(cpus, addrs, layout.read_many(addrs)):
        if state is None:
            pylog.warning(f"CPU {cpu}: struct kmem_cache_cpu {addr:x} cannot be read")
            continue
        partial = _chain(state.partial) if has_partial else []
        found.append(CpuSlabs(cpu, addr, getattr(state, member), tuple(partial)))
    return found


def _chain(slab: int) -> list[int]:
    found: list[int] = []
    at = lowlevel.member(Slab.slab_struct(), "next").offset
    while slab and len(found) < _MAX_PARTIAL:
        if slab in found:
            pylog.warning(f"a CPU's list of partial slabs repeats at {slab:x}")
            break
        found.append(slab)
        try:
            slab = lowlevel.read_pointer(slab + at)
        except PykdumpError as error:
            pylog.warning(f"a CPU's list of partial slabs is cut: {error}")
            break
    return found


def node_slabs(cache: Slab.Cache) -> list[NodeSlabs]:
    """What each node has of a cache."""
    struct = Slab.slab_struct()
    link = "slab_list" if compat.has(f"{struct}.slab_list") else "lru"
    at = lowlevel.member(struct, link).offset
    partial = lowlevel.member("struct kmem_cache_node", "partial").offset
    found = []
    for node, addr in enumerate(node_pointers(cache, pages.node_count())):
        if not addr:
            continue
        walk = walk_list(addr + partial)
        if walk.end != "complete":
            pylog.warning(f"node {node}: the list of partial slabs at {addr + partial:x} is broken")
        slabs = 0
        if compat.has("struct kmem_cache_node.nr_slabs"):
            where = lowlevel.member("struct kmem_cache_node", "nr_slabs").offset
            slabs = lowlevel.read_uint(addr + where, 8)
        found.append(NodeSlabs(node, addr, slabs, tuple(n - at for n in walk.nodes)))
    return found


def states(cache: Slab.Cache, slabs: Sequence[int]) -> list[SlabState]:
    """Objects of these slabs of a cache; one that cannot be read is left out with a warning.

    :param slabs: ``struct slab *``.
    """
    on_cpus = Slab.cpu_lists(cache)
    found = []
    for addr, node in zip(slabs, pages.nodes_of(slabs)):
        try:
            own = Slab.objects_of_slab(cache, addr)
        except ReadError as error:
            pylog.warning(str(error))
            continue
        shared = set(own.free)
        if on_cpus.get(addr):  # what is free only with the lists of CPUs is theirs
            shared = set(Slab.objects_of_slab(cache, addr, with_cpus=False).free)
        found.append(
            SlabState(
                addr,
                pages.address_of(pages.pfn_of(addr)),
                frozenset(own.allocated),
                frozenset(own.free),
                frozenset(set(own.free) - shared),
                node,
            )
        )
    return found
