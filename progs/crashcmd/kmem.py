# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory: how it is used, slab caches, vmalloc areas, zones, and what an address is.

With an ADDRESS (or a symbol, or a page frame's physical address) it tells what lies there: a slab
object, a vmalloc area, a task, and the struct page. A single option chooses what is shown; -s and
-S take names of caches or an ADDRESS.

Columns of -s and -S: CACHE (struct kmem_cache), OBJSIZE in bytes, ALLOCATED and TOTAL objects,
SLABS, SSIZE of a slab, NAME. In -S [ADDRESS] is an allocated object, ADDRESS alone a free one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crashcmd import kmem_address, kmem_slab, kmem_system, kmem_zones, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import Slab

_FORMS: dict[str, tuple[str, Callable[[Given], Iterator[str]]]] = {
    "-i": ("how memory is used", kmem_system.usage),
    "-V": ("the counters of memory management", kmem_system.counters),
    "-n": ("nodes and their zones", kmem_zones.nodes),
    "-z": ("zones and their counters", kmem_zones.zones),
    "-f": ("free blocks by zone and size", kmem_zones.free),
    "-g": ("flags of pages, or those that are set in FLAGS", kmem_system.page_flags),
    "-o": ("offsets of the CPUs' per-CPU areas", kmem_system.per_cpu_offsets),
    "-h": ("huge pages", kmem_system.huge_pages),
    "-v": ("vmalloc areas", kmem_address.areas),
    "-s": ("slab caches", kmem_slab.caches),
    "-S": ("slab caches with their slabs and objects", kmem_slab.slabs),
    "-p": ("all struct pages", kmem_system.all_pages),
}


def collect(given: Given) -> Text:
    for flag, (_, make) in _FORMS.items():
        if flag in given:
            return text(make(given))
    if not given.words:
        raise given.error("an option or an address is needed; see: crash help kmem")
    return text(line for word in given.words for line in kmem_address.about(word))


def _complete(beginning: str) -> list[str]:
    return values.matching([cache.name for cache in Slab.caches()], beginning)


COMMANDS = (
    Command(
        "kmem",
        "[CACHE ... | ADDRESS ... | FLAGS]",
        collect,
        options=(
            *(Option(flag, help_text) for flag, (help_text, _) in _FORMS.items()),
            Option("-I", "without these caches, for -s and -S", "CACHES"),
        ),
        completes=_complete,
    ),
)
