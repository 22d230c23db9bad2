# SPDX-License-Identifier: GPL-2.0-or-later
"""kmem of nodes and zones: their sizes, counters and free blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import kmem_address, memory_sections
from crashcmd.command import Given
from LinuxDump import pages, vm_counters
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

compat.member("struct zone", "Watermarks", "_watermark", "watermark")

_ZONE = Layout(
    "struct zone",
    *("zone_start_pfn", "spanned_pages", "present_pages", "name", "Watermarks"),
)
_NODE = Layout("struct pglist_data", "node_start_pfn", "node_spanned_pages")


@dataclass(frozen=True)
class Zone:
    """A zone, populated or not."""

    number: int
    addr: int  #: struct zone *
    name: str
    start_pfn: int
    spanned: int
    present: int
    watermarks: tuple[int, int, int]  #: min, low, high


def _zones(data: int) -> list[Zone]:
    size, at = lowlevel.sizeof("struct zone"), lowlevel.member("struct pglist_data", "node_zones")
    count = at.size // size
    addrs = [data + at.offset + i * size for i in range(count)]
    found = []
    for number, (addr, row) in enumerate(zip(addrs, _ZONE.read_many(addrs))):
        if row is None:
            pylog.warning(f"struct zone {addr:x} is not in the dump")
            continue
        marks = memoryview(row.Watermarks).cast("Q")
        name = lowlevel.read_string(row.name).decode("ascii", "replace") if row.name else "?"
        found.append(
            Zone(
                number,
                addr,
                name,
                row.zone_start_pfn,
                row.spanned_pages,
                row.present_pages,
                (marks[0], marks[1], marks[2]),
            )
        )
    return found


def _map(pfn: int, is_there: int) -> tuple[str, str]:
    if not is_there:
        return "0", "0"
    return f"{pages.page_of(pfn):x}", f"{pfn * pages.PAGE_SIZE:x}"


def nodes(given: Given) -> Iterator[str]:
    """Lines of kmem -n."""
    for node, data in pages.nodes():
        row, found = _NODE.read(data), _zones(data)
        if row is None:
            pylog.warning(f"struct pglist_data {data:x} is not in the dump")
            continue
        yield "NODE    SIZE      PGLIST_DATA       BOOTMEM_DATA       NODE_ZONES   "
        for place, zone in enumerate(found):
            head = f"{node:3}  {row.node_spanned_pages:8}   {data:16x}        ----        "
            yield f"{head if not place else ' ' * 52}{zone.addr:16x}"
        page, physical = _map(row.node_start_pfn, row.node_spanned_pages)
        yield "    MEM_MAP          START_PADDR    START_MAPNR"
        yield f"{page:>16}  {physical:>10}  {row.node_start_pfn:12}     "
        yield ""
        yield "ZONE  NAME         SIZE       MEM_MAP      START_PADDR  START_MAPNR"
        for zone in found:
            page, physical = _map(zone.start_pfn, zone.spanned)
            start = zone.start_pfn if zone.spanned else 0
            yield (
                f"{zone.number:3}   {zone.name:9}{zone.spanned:8}  {page:>16}{physical:>13}"
                f"{start:13}"
            )
        yield ""
        yield "-" * 67
        yield ""
    yield from memory_sections.lines()


def zones(given: Given) -> Iterator[str]:
    """Lines of kmem -z."""
    for node, data in pages.nodes():
        for zone in _zones(data):
            yield f'NODE: {node}  ZONE: {zone.number}  ADDR: {zone.addr:x}  NAME: "{zone.name}"'
            if not zone.present:
                yield "  [unpopulated]"
                yield ""
                continue
            low, middle, high = zone.watermarks
            present = f"  PRESENT: {zone.present}" if zone.present != zone.spanned else ""
            yield f"  SIZE: {zone.spanned}{present}  MIN/LOW/HIGH: {low}/{middle}/{high}"
            yield "  VM_STAT:"
            for name, value in vm_counters.counters_of_zone(zone.addr).items():
                yield f"{name:>21}: {value}"
            yield ""
            yield ""


_ZONE_HEADING = "ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR"


def _zone_row(zone: Zone, free_pages: str, page: str, physical: str, start: int) -> str:
    return (
        f"{zone.number:3}   {zone.name:9} {zone.spanned:6} {free_pages:>7}  "
        f"{page.center(16)}  {physical.center(11)}  {str(start).center(11)}"
    )


def free(given: Given) -> Iterator[str]:
    """Lines of kmem -f and -F; of -f with addresses only the free blocks that they are in."""
    if given.words and "-F" in given:
        raise given.error(f"-F takes no words: {' '.join(given.words)}")
    if given.words:
        yield from _free_blocks_of([kmem_address.page_of(word) for word in given.words], given)
        return
    total = 0
    whole = "-F" in given
    for node, data in pages.nodes():
        if pages.node_count() > 1:
            yield "NODE"
            yield f"  {node}"
        row = _NODE.read(data)
        node_start = 0 if row is None else row.node_start_pfn
        for zone in _zones(data):
            page, physical = _map(zone.start_pfn, zone.spanned)
            areas = list(_areas(zone)) if zone.present else []
            in_lists = sum(len(blocks) << order for order, _, blocks in areas)
            start = zone.start_pfn - node_start if zone.spanned else 0
            yield _ZONE_HEADING
            yield _zone_row(zone, str(in_lists), page, physical, start)
            if areas and not whole:
                yield "AREA    SIZE  FREE_AREA_STRUCT  BLOCKS  PAGES"
            for order, addr, blocks in areas:
                size = f"{4 << order}k"
                if whole:
                    yield "AREA    SIZE  FREE_AREA_STRUCT"
                    yield f"{order:3}  {size:>7}  {addr:16x}  "
                    yield from (f"{block:x}" for block in blocks)
                    continue
                yield f"{order:3}  {size:>7}  {addr:16x} {len(blocks):7} {len(blocks) << order:6}"
            yield ""
            total += in_lists
    counted = vm_counters.zone_counters().get("NR_FREE_PAGES")
    same = "(verified)" if counted == total else f"(found {total})"
    yield f"nr_free_pages: {counted}  {same}"


def _free_blocks_of(wanted: list[int], given: Given) -> Iterator[str]:
    # The free list and the block of each of these struct pages.
    size, left = lowlevel.sizeof("struct page"), dict(zip(wanted, given.words))
    for _, data in pages.nodes():
        node = _NODE.read(data)
        for zone in _zones(data):
            areas = list(_areas(zone)) if zone.present else []
            in_lists = sum(len(blocks) << order for order, _, blocks in areas)
            for order, addr, blocks in areas:
                for block in blocks:
                    inside = [page for page in left if 0 <= page - block < size << order]
                    if not inside:
                        continue
                    start = 0 if node is None else zone.start_pfn - node.node_start_pfn
                    page, physical = _map(zone.start_pfn, zone.spanned)
                    yield _ZONE_HEADING
                    yield _zone_row(zone, str(in_lists), page, physical, start)
                    yield "AREA    SIZE  FREE_AREA_STRUCT"
                    yield f"{order:3}  {f'{4 << order}k':>7}  {addr:16x}  "
                    for one in inside:
                        nth = f"{_ordinal((one - block) // size + 1)} of {1 << order} pages"
                        yield f"{block:x}" + (f"  ({left.pop(one):} is {nth})")
    if left:
        raise given.error(f"{', '.join(left.values())}: in no free list")


def _ordinal(number: int) -> str:
    # 1st 2nd 3rd 4th, but 11th 12th 13th
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{'thstndrd'[2 * last : 2 * last + 2] if last < 4 else 'th'}"


def _areas(zone: Zone) -> Iterator[tuple[int, int, list[int]]]:
    # Order, address and blocks (struct page *) of each free list.
    at = lowlevel.member("struct page", "lru").offset
    area, head = lowlevel.sizeof("struct free_area"), lowlevel.sizeof("struct list_head")
    kinds = lowlevel.member("struct free_area", "free_list").size // head
    member = lowlevel.member("struct zone", "free_area")
    places = [
        (order, zone.addr + member.offset + order * area + kind * head)
        for order in range(member.size // area)
        for kind in range(kinds)
    ]
    for (order, addr), walk in zip(places, walk_lists([addr for _, addr in places])):
        if walk.end != "complete":
            pylog.warning(
                f"zone {zone.name}: free list {addr:x} is broken: {walk.end} at {walk.stopped_at:x}"
            )
        yield order, addr, [node - at for node in walk.nodes]
