# SPDX-License-Identifier: GPL-2.0-or-later
"""Show slab caches and what they hold, or every object of one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import Slab
from pykdump.bulk import SlabObjects
from pykdump.errors import Interrupted
from pykdump.logging import pylog
from pykdump.tool import Tool


@dataclass(frozen=True)
class CacheUse:
    """A cache and what it holds."""

    cache: Slab.Cache
    stats: Slab.CacheStats

    @property
    def size_kib(self) -> int:
        return self.stats.slabs * self.cache.pages_per_slab * 4


@dataclass(frozen=True)
class Report:
    """Caches, the largest first, and the objects of those that were asked for."""

    caches: tuple[CacheUse, ...]
    allocated_addrs: tuple[int, ...]
    free_addrs: tuple[int, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="CACHE", help="only these caches")
    parser.add_argument(
        "-o", "--objects", action="store_true", help="the address of each object, too"
    )


def collect(options: argparse.Namespace) -> Report:
    named = [Slab.cache_named(name) for name in options.names]
    chosen = named if named else Slab.caches()
    uses: list[CacheUse] = []
    objects: list[SlabObjects] = []
    try:
        for cache in chosen:
            uses.append(CacheUse(cache, Slab.stats(cache)))
        uses.sort(key=lambda use: -use.size_kib)
        for use in uses if options.objects else ():
            objects.append(Slab.objects_of(use.cache))
    except (KeyboardInterrupt, Interrupted):
        listed = f", objects of {len(objects)}" if options.objects else ""
        pylog.warning(f"interrupted after {len(uses)} of {len(chosen)} caches{listed}")
    return Report(
        tuple(uses),
        tuple(addr for found in objects for addr in found.allocated),
        tuple(addr for found in objects for addr in found.free),
    )


def render(report: Report, options: argparse.Namespace) -> Iterator[str]:
    yield "CACHE            OBJSIZE  ALLOCATED      TOTAL    SLABS      KIB  NAME"
    for use in report.caches:
        cache, stats = use.cache, use.stats
        yield (
            f"{cache.addr:016x} {cache.object_size:7} {stats.allocated:10} {stats.objects:10} "
            f"{stats.slabs:8} {use.size_kib:8}  {cache.name}"
        )
    yield from (f"  {addr:#018x}  allocated" for addr in report.allocated_addrs)
    yield from (f"  {addr:#018x}  free" for addr in report.free_addrs)


TOOL = Tool(add_arguments, collect, render)
