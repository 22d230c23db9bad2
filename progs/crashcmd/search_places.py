# SPDX-License-Identifier: GPL-2.0-or-later
"""Where search looks, when not in all memory, and what lies around what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from crashcmd import context, memories, rd, values
from crashcmd.command import Given
from LinuxDump import pages, stack_areas, vm_areas, whatis
from LinuxDump.task_memory import memory
from LinuxDump.task_records import task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.logging import pylog

_PAGE = 4096
_MOST_AROUND = 1024
#: Bytes of a range that is read as a whole.
MOST = 16 << 20


class Place(NamedTuple):
    """A piece of memory with its bytes."""

    start: int
    data: bytes
    task_addr: int = 0


def address_of(phys: int) -> int:
    """By which address the kernel uses a physical one."""
    return whatis.address_of(phys)


def unmapped_address_of(phys: int) -> int:
    """The same without what vmalloc mapped: by its address in the image, else the direct map."""
    start, end = lowlevel.symbol_address("_text"), lowlevel.symbol_address("_end")
    in_image = phys - lowlevel.dump().translate(start) + start
    return in_image if start <= in_image < end else pages.page_offset() + phys


def physical(phys: int) -> bytes:
    """The bytes at a physical address, up to the end of the page."""
    try:
        return lowlevel.dump().read_physical(phys, _PAGE - phys % _PAGE)
    except ReadError:
        return b""


def stacks(running_only: bool) -> Iterator[Place]:
    """The stack of each task."""
    for task in sorted(task_table().tasks, key=lambda task: (task.pid, task.cpu)):
        area = stack_areas.task_stack(task)
        if area is None or (running_only and not task.is_running):
            continue
        try:
            data = lowlevel.dump().read(area.start, area.end - area.start)
        except ReadError as error:
            pylog.warning(f"the stack of pid {task.pid}: {error}")
            continue
        yield Place(area.start, data, task.addr)


def of_task(start: int, end: int) -> Iterator[Place]:
    """What the selected task has in memory."""
    task, read = context.current(), memories.of_task()
    (found,) = memory([task.addr])
    if found is None:
        return
    for area in vm_areas.mappings(found.mm_addr):
        yield from _readable(max(start, area.start), min(end, area.end), read)


def of_kernel(start: int, end: int) -> Iterator[Place]:
    """What is in memory of a piece of the kernel's."""
    yield from _readable((start + 7) & ~7, end, lowlevel.dump().read)


def _readable(first: int, last: int, read: memories.Reader) -> Iterator[Place]:
    data, at = bytearray(), first
    for page in range(first & -_PAGE, last, _PAGE):
        low, high = max(page, first), min(page + _PAGE, last)
        try:
            more = read(low, high - low)
        except PykdumpError:
            more = b""
        if more:
            at = at if data else low
            data += more
        elif data:
            yield Place(at, bytes(data))
            data = bytearray()
    if data:
        yield Place(at, bytes(data))


def around(addr: int, phys: int, given: Given) -> Iterator[str]:
    """Lines of ``search -x``: what lies before, the number itself, and what lies behind."""
    count = min(values.number(given.value("-x") or "1"), _MOST_AROUND)
    unit = 4 if "-w" in given else 2 if "-h" in given else 8
    plain = Given("rd", "")
    read: memories.Reader = lowlevel.dump().read
    if "-u" in given:
        read = memories.of_task()
    elif "-p" in given:
        read, addr = lowlevel.dump().read_physical, phys
    for first, last in (
        (addr - count * unit, addr),
        (addr, addr + unit),
        (addr + unit, addr + (count + 1) * unit),
    ):
        try:
            for at in range(first, last, 16):
                line = rd.row(at, read(at, min(16, last - at)), unit, plain)
                yield line if first != addr else f"{line[: 19 + 2 * unit]} "
        except ReadError as error:
            yield f"search: {error}"
    yield ""
