# SPDX-License-Identifier: GPL-2.0-or-later
"""kmem of slab caches: what they hold, slab by slab."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from crashcmd import percpu_words, slab_names, values
from crashcmd.command import Given
from LinuxDump import Slab, pages, slab_details, slab_sheaves
from LinuxDump.slab_details import SlabState
from pykdump.errors import Interrupted, PykdumpError
from pykdump.logging import pylog

HEADING = "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME"
_SLAB_HEADING = "  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE"


def cache_line(cache: Slab.Cache) -> str:
    """The row of a cache."""
    found = Slab.stats(cache)
    size = f"{cache.pages_per_slab * 4}k"
    return (
        f"{cache.addr:16x} {cache.object_size:8}  {found.allocated:9}  {found.objects:8}  "
        f"{found.slabs:5}  {size:>5}  {cache.name}"
    )


def _chosen(given: Given) -> tuple[list[Slab.Cache], list[Slab.Owner]]:
    # Caches by name or address, and objects by address.
    if not given.words:
        return list(Slab.caches()), []
    caches, objects, missing = [], [], []
    for word in given.words:
        by_name = [cache for cache in Slab.caches() if cache.name == word]
        addr = None if by_name else values.find_address(word)
        by_addr = [cache for cache in Slab.caches() if cache.addr == addr]
        owner = slab_names.owner_of(addr) if addr is not None and not by_addr else None
        caches += by_name or by_addr
        if owner is not None:
            objects.append(owner)
        elif not by_name and not by_addr:
            missing.append(f"{word} is no slab cache, and no address of a slab object")
    if not caches and not objects:
        raise given.error("; ".join(missing))
    for message in missing:
        pylog.warning(message)
    return caches, objects


def caches(given: Given) -> Iterator[str]:
    """Lines of kmem -s."""
    if given.words == ["list"]:
        yield from (f"{cache.addr:16x} {cache.name}" for cache in Slab.caches())
        return
    chosen, objects = _chosen(given)
    if chosen:
        yield HEADING
    left_out = _left_out(given)
    for cache in chosen:
        if cache.name in left_out:
            yield f"{cache.addr:16x} [IGNORED]{'':36}{cache.name}"
        else:
            yield from _guarded(cache)
    for owner in objects:
        yield from object_lines(owner)


def _left_out(given: Given) -> set[str]:
    return set((given.value("-I") or "").split(","))


def _guarded(cache: Slab.Cache) -> Iterator[str]:
    try:
        yield cache_line(cache)
    except PykdumpError as error:
        if isinstance(error, Interrupted):
            raise
        pylog.warning(f"{cache.name}: {error}")


def object_lines(owner: Slab.Owner) -> Iterator[str]:
    """A cache, and the slab and object that an address lies in."""
    yield HEADING
    yield from _guarded(owner.cache)
    yield _SLAB_HEADING
    mark = ""
    for state in slab_details.states(owner.cache, [owner.slab_addr]):
        yield _slab_line(state)
        mark = _mark_of(owner, state)
    yield "  FREE / [ALLOCATED]"
    if owner.object_addr:
        addr = f"{owner.object_addr:x}"
        yield f"  [{addr}]" if owner.is_allocated else f"   {addr}{mark}"


def _mark_of(owner: Slab.Owner, state: SlabState) -> str:
    # Where a free object waits, as -S tells it.
    mark = "" if owner.is_allocated else _marks(owner.cache).get(owner.object_addr or 0, "")
    if owner.object_addr in state.cpu_free:
        for cpu in slab_details.cpu_slabs(owner.cache):
            if owner.slab_addr in (cpu.slab_addr, *cpu.partial):
                mark = f"cpu {cpu.cpu} cache"
    return f"  ({mark})" if mark else ""


def _slab_line(state: SlabState) -> str:
    total = len(state.allocated) + len(state.free)
    return (
        f"  {state.addr:16x}  {state.memory_addr:16x}  {state.node:4}  {total:5}  "
        f"{len(state.allocated):9}  {len(state.free):4}"
    )


def slabs(given: Given) -> Iterator[str]:
    """Lines of kmem -S."""
    chosen, objects = _chosen(given)
    word = given.value("-S")
    cpus = percpu_words.cpus(word) if word else None
    left_out = _left_out(given)
    for cache in chosen:
        if cache.name in left_out:
            continue
        yield HEADING
        yield from _guarded(cache)
        yield from _cache_slabs(cache, cpus)
        yield ""
    for owner in objects:
        yield from object_lines(owner)


def _cache_slabs(cache: Slab.Cache, chosen: Sequence[int] | None) -> Iterator[str]:
    told: set[int] = set()
    marks = _marks(cache)
    on_cpus = slab_details.cpu_slabs(cache)
    for cpu in on_cpus:
        told |= {cpu.slab_addr, *cpu.partial}
        if chosen is not None and cpu.cpu not in chosen:
            continue
        yield f"CPU {cpu.cpu} KMEM_CACHE_CPU:"
        yield f"  {cpu.addr:x}"
        yield f"CPU {cpu.cpu} SLAB:"
        slabs = [cpu.slab_addr] if cpu.slab_addr else []
        yield from _listed(cache, slabs, marks, f"cpu {cpu.cpu} cache")
        yield f"CPU {cpu.cpu} PARTIAL:"
        yield from _listed(cache, cpu.partial, marks, f"cpu {cpu.cpu} cache")
    yield from _sheaves(cache, chosen)
    if chosen is not None:
        return
    per_cpu = sum(cpu.slab_addr != 0 for cpu in on_cpus)
    for node in slab_details.node_slabs(cache):
        yield "KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU"
        yield f"{node.addr:16x}  {node.node:4}  {node.slabs:5}  {len(node.partial):7}  {per_cpu:7}"
        yield f"NODE {node.node} PARTIAL:"
        yield from _listed(cache, node.partial, marks)
        told |= set(node.partial)
        # The kernel keeps no list of full slabs: they are found by their struct pages.
        every = Slab.slabs_of(cache)
        full = [s for s, n in zip(every, pages.nodes_of(every)) if n == node.node and s not in told]
        yield f"NODE {node.node} FULL:"
        yield from _listed(cache, full, marks)


def _sheaves(cache: Slab.Cache, chosen: Sequence[int] | None) -> Iterator[str]:
    found = slab_sheaves.sheaves(cache)
    for cpu, addr in slab_sheaves.cpu_sheaves(cache).items():
        if chosen is not None and cpu not in chosen:
            continue
        yield f"CPU {cpu} SLUB_PERCPU_SHEAVES:"
        yield f"  {addr:x}"
        yield from _sheaf_lines(sheaf for sheaf in found if sheaf.owner == f"cpu {cpu}")
    for node in range(pages.node_count()) if found and chosen is None else ():
        yield f"NODE {node} BARN:"
        yield from _sheaf_lines(sheaf for sheaf in found if sheaf.owner == f"node {node}")


def _sheaf_lines(found: Iterable[slab_sheaves.Sheaf]) -> Iterator[str]:
    rows = [f"  {sheaf.addr:16x}  {sheaf.role:8}  {len(sheaf.objects):4}" for sheaf in found]
    yield from ["  SHEAF             ROLE      FREE", *rows] if rows else ["  (empty)"]


def _marks(cache: Slab.Cache) -> dict[int, str]:
    # Free objects that lie in a sheaf, and in whose.
    return {
        a: f"{sheaf.owner} sheaf" for sheaf in slab_sheaves.sheaves(cache) for a in sheaf.objects
    }


def _listed(
    cache: Slab.Cache, slabs: Sequence[int], marks: Mapping[int, str], own: str = ""
) -> Iterator[str]:
    if not slabs:
        yield "  (empty)"
    for state in slab_details.states(cache, slabs):
        yield "\n".join(_state_lines(state, marks, own))


def _state_lines(state: SlabState, marks: Mapping[int, str], own: str) -> Iterator[str]:
    yield _SLAB_HEADING
    yield _slab_line(state)
    yield "  FREE / [ALLOCATED]"
    for addr in state.objects:
        if addr in state.allocated:
            yield f"  [{addr:x}]"
        else:
            mark = own if own and addr in state.cpu_free else marks.get(addr, "")
            yield f"   {addr:x}" + (f"  ({mark})" if mark else "")
