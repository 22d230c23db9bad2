# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory: how it is used, slab caches, vmalloc areas, zones, and what an address is.

With an ADDRESS (or a symbol, or a page frame's physical address) it tells what lies there: a slab
object, a vmalloc area, a task, and the struct page. A single option chooses what is shown; -s and
-S take names of caches or an ADDRESS.

Columns of -s and -S: CACHE (struct kmem_cache), OBJSIZE in bytes, ALLOCATED and TOTAL objects,
SLABS, SSIZE of a slab, NAME; the word list in place of caches tells their names and addresses. -S
goes on with what CPUs keep (KMEM_CACHE_CPU, SLUB_PERCPU_SHEAVES), a node's BARN of sheaves, and
what nodes have (KMEM_CACHE_NODE with its SLABS, and which are PARTIAL, FULL or PER-CPU): of slabs
SLAB (struct slab), MEMORY, NODE, TOTAL, ALLOCATED and FREE objects, of sheaves SHEAF (struct
slab_sheaf), ROLE and FREE. [ADDRESS] is an allocated object, ADDRESS alone a free one, in ( ) who
keeps it.

Columns of the others:
  -i  PAGES, TOTAL of that, PERCENTAGE of all memory, SWAP or the limit
  -v  VMAP_AREA (struct vmap_area), VM_STRUCT, ADDRESS RANGE, SIZE
  -p  PAGE (struct page), PHYSICAL, MAPPING, INDEX, CNT (users), FLAGS
  -f  ZONE, NAME, SIZE and FREE in pages, MEM_MAP (first struct page), START_PADDR, START_MAPNR
      (first page frame); AREA (order), SIZE, FREE_AREA_STRUCT, BLOCKS, PAGES
  -n  NODE, SIZE, PGLIST_DATA, BOOTMEM_DATA, NODE_ZONES; zones as in -f; sections: NR, SECTION,
      CODED_MEM_MAP, MEM_MAP, STATE, first PFN; MEM_BLOCK (struct memory_block), NAME, PHYSICAL
      RANGE, NODE, STATE, START_SECTION_NO
  -z  VM_STAT and the counters by the kernel's names, as -V
  -h  HSTATE (struct hstate), SIZE, FREE and TOTAL pages, NAME
  -g  PAGE-FLAG, BIT, VALUE
  -o  OFFSET VALUES by CPU
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import Slab

# What an option shows, and the function that makes its lines: many models are behind them, which
# are not all imported for one.
_FORMS = {
    "-i": ("how memory is used", "kmem_system.usage"),
    "-V": ("the counters of memory management", "kmem_system.counters"),
    "-n": ("nodes, their zones, sections and blocks of memory", "kmem_zones.nodes"),
    "-z": ("zones and their counters", "kmem_zones.zones"),
    "-f": ("free blocks by zone and size", "kmem_zones.free"),
    "-F": ("the same with the struct page of each free block", "kmem_zones.free"),
    "-g": ("flags of pages, or those that are set in FLAGS", "kmem_system.page_flags"),
    "-o": ("offsets of the CPUs' per-CPU areas", "kmem_system.per_cpu_offsets"),
    "-h": ("huge pages", "kmem_system.huge_pages"),
    "-v": ("vmalloc areas", "kmem_address.areas"),
    "-s": ("slab caches", "kmem_slab.caches"),
    "-S": (
        "slab caches with their slabs and objects; -S=0,2 only what those CPUs keep",
        "kmem_slab.slabs",
    ),
    "-p": ("all struct pages, or those of ADDRESS", "kmem_system.all_pages"),
}


def collect(given: Given) -> Text:
    if "-m" in given:
        return text(_lines("kmem_system.all_pages", given))
    for flag, (_, function) in _FORMS.items():
        if flag in given:
            return text(_lines(function, given))
    if not given.words:
        raise given.error("an option or an address is needed; see: crash help kmem")
    return text(_lines("kmem_address.lines", given))


def _lines(function: str, given: Given) -> Iterator[str]:
    module, _, name = function.partition(".")
    found: Iterator[str] = getattr(importlib.import_module(f"crashcmd.{module}"), name)(given)
    return found


def _complete(beginning: str) -> list[str]:
    return values.matching([cache.name for cache in Slab.caches()], beginning)


COMMANDS = (
    Command(
        "kmem",
        "[CACHE ... | ADDRESS ... | FLAGS]",
        collect,
        options=(
            *(
                Option(
                    flag,
                    help_text,
                    extra="CPUS" if flag == "-S" else "",
                    alone=flag in ("-i", "-V", "-n", "-z", "-o", "-h"),
                )
                for flag, (help_text, _) in _FORMS.items()
            ),
            Option("-P", "ADDRESS is physical, as all are that are not the kernel's"),
            Option("-m", "members of struct page in place of the columns of -p", "MEMBERS"),
            Option("-I", "without these caches, for -s and -S", "CACHES"),
        ),
        completes=_complete,
        absent=(
            ("-c -C", "the table of the page cache that they walk is gone since Linux 2.6"),
            ("-r", "the list of root caches is gone since Linux 5.9; -s lists all caches"),
        ),
    ),
)
