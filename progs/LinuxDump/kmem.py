# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: free memory by order, from the text of ``kmem -f``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pykdump import API
from pykdump.logging import pylog

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = ["check_kmemf", "parse_kmemf", "print_Zone", *API.__all__]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


@dataclass(frozen=True)
class Area:
    """Free blocks of one size."""

    order: int
    size_kb: int
    blocks: int
    pages: int


@dataclass(frozen=True)
class Zone:
    """A zone of a node."""

    node: int
    name: str
    size: int  #: pages
    free: int  #: pages
    areas: list[Area] = field(default_factory=list)


def parse_kmemf(text: str) -> dict[int, list[Zone]]:
    """Zones by node of the tables that ``kmem -f`` prints; other lines are passed over."""
    nodes: dict[int, list[Zone]] = {}
    table, node = "", 0
    for line in text.splitlines():
        words = line.split()
        if not words:
            table = ""
        elif words[0] in ("NODE", "ZONE", "AREA"):
            table = words[0]
        elif not words[0].isdigit():
            continue
        elif table == "NODE":
            node = int(words[0])
        elif table == "ZONE" and len(words) >= 4:
            zone = Zone(node, words[1], int(words[2]), int(words[3]))
            nodes.setdefault(node, []).append(zone)
        elif table == "AREA" and len(words) >= 5 and nodes.get(node):
            size = int(words[1].rstrip("kK"))
            nodes[node][-1].areas.append(Area(int(words[0]), size, int(words[3]), int(words[4])))
    return nodes


def print_Zone(zone: Zone) -> None:
    """Print a zone's free blocks by size."""
    print(f"  Node {zone.node} Zone {zone.name}: {zone.free} of {zone.size} pages are free")
    for area in zone.areas:
        print(
            f"    {area.order:2d} {area.size_kb:7d}k {area.blocks:9d} blocks {area.pages:9d} pages"
        )


def check_kmemf(nodes: dict[int, list[Zone]]) -> bool:
    """Warn of, and print, nodes with less than two free blocks of 8 or of 32 kB; whether there are.

    Larger blocks count: they can be split.
    """
    fragmented = []
    for node, zones in nodes.items():
        areas = [area for zone in zones for area in zone.areas]
        for wanted in (8, 32):
            blocks = sum(area.blocks for area in areas if area.size_kb >= wanted)
            if areas and blocks < 2:
                pylog.warning(
                    f"fragmented memory: node {node} has {blocks} free {wanted} kB blocks"
                )
                fragmented += [zone for zone in zones if zone not in fragmented]
    for zone in fragmented:
        print_Zone(zone)
    return bool(fragmented)
