# SPDX-License-Identifier: GPL-2.0-or-later
"""kmem of an address: what lies there."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import kmem_slab, page_rows, set, slab_names, values
from crashcmd.command import Given
from LinuxDump import pages, stack_areas, vmalloc
from LinuxDump.task_records import Task, task_table
from pykdump import frames, lowlevel
from pykdump.errors import CrashError, PykdumpError

_AREA_HEADING = "   VMAP_AREA         VM_STRUCT                 ADDRESS RANGE                SIZE"


def lines(given: Given) -> Iterator[str]:
    """Lines of kmem ADDRESS."""
    for word in given.words:
        yield from about(word)


def areas(given: Given) -> Iterator[str]:
    """Lines of kmem -v; with addresses only the areas that they are in."""
    chosen = None
    if given.words:
        found = [(word, vmalloc.area_at(values.address(word))) for word in given.words]
        missing = [word for word, area in found if area is None]
        if missing:
            raise given.error(f"{', '.join(missing)}: in no vmalloc area")
        chosen = [area for _, area in found if area is not None]
    yield _AREA_HEADING
    for area in vmalloc.areas() if chosen is None else chosen:
        yield _area_line(area)


def _area_line(area: vmalloc.Area) -> str:
    return (
        f"{area.area_addr:16x}  {area.vm_addr:16x}  {area.addr:16x} - {area.end_addr:16x}  "
        f"{area.end_addr - area.addr:7}"
    )


def about(word: str) -> Iterator[str]:
    """What lies at an address."""
    addr = values.find_address(word)
    if addr is None:
        raise CrashError(f"{word} is no address and no symbol")
    is_physical = addr >> 63 == 0
    if is_physical:
        addr = pages.page_offset() + addr
    if pages.vmemmap() <= addr < pages.vmemmap() + _size_of_map():
        addr = pages.address_of(pages.pfn_of(addr))
    found = [*_symbol(addr), *_vmalloc(addr), *_slab(addr), *_task(addr), *_page(addr)]
    if not found:
        raise CrashError(f"{word} is neither in the kernel's memory nor a physical address")
    yield from found[:-1] if not found[-1] else found


def page_of(word: str) -> int:
    """``struct page *`` of an address, virtual or physical, or of a struct page's own."""
    addr = values.find_address(word)
    if addr is None:
        raise CrashError(f"{word} is no address and no symbol")
    if pages.vmemmap() <= addr < pages.vmemmap() + _size_of_map():
        size = lowlevel.sizeof("struct page")
        return addr - (addr - pages.vmemmap()) % size
    frame = (addr if addr >> 63 == 0 else lowlevel.dump().translate(addr)) // pages.PAGE_SIZE
    if not pages.is_ram(frame):
        raise CrashError(f"{word} is no page of memory")
    return pages.page_of(frame)


def _size_of_map() -> int:
    frames = max((end for _, end in lowlevel.dump().ram_ranges()), default=0)
    return frames * lowlevel.sizeof("struct page")


def _symbol(addr: int) -> Iterator[str]:
    start, end = lowlevel.symbol_address("_stext"), lowlevel.symbol_address("_end")
    if start <= addr < end and values.symbol(addr):
        line = frames.source_line(addr) if addr < lowlevel.symbol_address("_etext") else None
        where = f" {line}" if line else ""
        yield f"{addr:x} {values.symbol(addr)}{where}"
        yield ""


def _vmalloc(addr: int) -> Iterator[str]:
    area = vmalloc.area_at(addr)
    if area is not None:
        yield _AREA_HEADING
        yield _area_line(area)
        yield ""


def _slab(addr: int) -> Iterator[str]:
    owner = slab_names.owner_of(addr)
    if owner is not None:
        yield from kmem_slab.object_lines(owner)
        yield ""


def _task(addr: int) -> Iterator[str]:
    task = _task_at(addr)
    if task is not None:
        yield from set.lines_of(task)
        yield ""


def _task_at(addr: int) -> Task | None:
    # Objects may be smaller than the struct, whose end is of a size that the processor decides on.
    before = (task for task in task_table().tasks if task.addr <= addr)
    nearest = max(before, key=lambda task: task.addr, default=None)
    if nearest is not None and addr < nearest.addr + lowlevel.sizeof("struct task_struct"):
        return nearest
    if vmalloc.area_at(addr) is None:
        return None
    for task in task_table().tasks:
        area = stack_areas.task_stack(task)
        if area is not None and area.start <= addr < area.end:
            return task
    return None


def _page(addr: int) -> Iterator[str]:
    try:
        frame = lowlevel.dump().translate(addr) // pages.PAGE_SIZE
    except PykdumpError:
        return
    if pages.is_ram(frame):
        yield from page_rows.one(pages.page_of(frame))
