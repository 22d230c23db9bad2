# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections of sparse memory, and the blocks of them that can be taken off (kmem -n)."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import pages
from pykdump import lowlevel
from pykdump.bulk import ram_ranges
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

_SECTION = Layout("struct mem_section", "section_mem_map")
_BLOCK = Layout("struct memory_block", "start_section_nr", "state", "nid")
_NAME = Layout("struct memory_block", CString("dev.kobj.name"))

_SECTION_BITS = 27  # arch/x86/include/asm/sparsemem.h, x86-64
# include/linux/mmzone.h: present, has a map, online, early
_STATES = ((1, "P"), (2, "M"), (4, "O"), (8, "E"))
_FLAGS = 0x3F
# include/linux/memory.h, before it was an enum; MEM_GOING_OFFLINE and others only pass by
_BLOCK_STATES = {1: "ONLINE", 2: "GOING_OFFLINE", 4: "OFFLINE"}


def lines() -> Iterator[str]:
    """Lines behind the nodes and zones; none where memory is not sparse."""
    found = list(_sections())
    if found:
        yield "NR      SECTION        CODED_MEM_MAP        MEM_MAP       STATE PFN"
    for number, addr, value in found:
        coded = value & ~_FLAGS
        first = number << (_SECTION_BITS - 12)
        page = coded + first * lowlevel.sizeof("struct page")
        state = "".join(letter for bit, letter in _STATES if value & bit)
        yield f"{number:2}  {addr:16x}  {coded:16x}  {page:16x}  {state:4}  {first:<16}"
    blocks = list(_blocks())
    if blocks:
        yield ""
        yield "   MEM_BLOCK        NAME        PHYSICAL RANGE     NODE  STATE   START_SECTION_NO"
    yield from blocks


def _sections() -> Iterator[tuple[int, int, int]]:
    # Number, struct mem_section * and section_mem_map of the sections that are present.
    where = lowlevel.find_symbol("mem_section")
    if where is None:
        return
    size = lowlevel.sizeof("struct mem_section")
    # With CONFIG_SPARSEMEM_EXTREME a table of pages of them, which may be allocated itself.
    kind = lowlevel.variable_type_name("mem_section")
    root = lowlevel.read_pointer(where) if kind.count("*") == 2 else where
    per_root = pages.PAGE_SIZE // size if "*" in kind else 1
    last = max((end for _, end in ram_ranges()), default=0) - 1
    for number in range((last >> (_SECTION_BITS - 12)) + 1):
        try:
            first = lowlevel.read_pointer(root + number // per_root * 8) if "*" in kind else root
        except ReadError as error:
            pylog.warning(f"memory section {number}: {error}")
            return
        at = number % per_root if "*" in kind else number
        row = _SECTION.read(first + at * size) if first else None
        if row is not None and row.section_mem_map & 1:
            yield number, first + at * size, row.section_mem_map


def _blocks() -> Iterator[str]:
    subsystem = lowlevel.find_symbol("memory_subsys")
    if subsystem is None or not lowlevel.has_type("struct memory_block"):
        return
    try:
        addrs = _block_addrs(subsystem)
    except PykdumpError as error:
        pylog.warning(f"blocks of memory cannot be listed: {error}")
        return
    size, states = _block_size(), _block_states()
    for addr, row, name in zip(addrs, _BLOCK.read_many(addrs), _NAME.read_many(addrs)):
        if row is None:
            pylog.warning(f"struct memory_block {addr:x} cannot be read")
            continue
        shown = "?" if name is None or name[0] is None else name[0].decode("utf-8", "replace")
        start = row.start_section_nr << _SECTION_BITS
        state = states.get(row.state, str(row.state))
        yield (
            f" {addr:x}   {shown:8} {start:10x} - {start + size - 1:8x}  {row.nid:<3}  {state:7} "
            f"{row.start_section_nr:<10}"
        )


def _block_states() -> dict[int, str]:
    name = "enum memory_block_state"
    if not lowlevel.has_type(name):
        return _BLOCK_STATES
    return {value: word.removeprefix("MEM_") for word, value in lowlevel.enumerators(name).items()}


def _block_addrs(subsystem: int) -> list[int]:
    private = _subsystem_private(subsystem)
    klist = private + lowlevel.member("struct subsys_private", "klist_devices").offset
    walk = walk_list(klist + lowlevel.member("struct klist", "k_list").offset)
    if walk.end != "complete":
        pylog.warning(f"memory_subsys: its list of devices is broken at {walk.stopped_at:x}")
    node = lowlevel.member("struct klist_node", "n_node").offset
    in_private = lowlevel.member("struct device_private", "knode_bus").offset
    device = lowlevel.member("struct device_private", "device").offset
    at = lowlevel.member("struct memory_block", "dev").offset
    return [lowlevel.read_pointer(n - node - in_private + device) - at for n in walk.nodes]


def _subsystem_private(subsystem: int) -> int:
    # v6.4 d2bf38c088e0 ("driver core: remove private pointer from struct bus_type")
    pointer = lowlevel.find_member("struct bus_type", "p")
    if pointer is not None:
        return lowlevel.read_pointer(subsystem + pointer.offset)
    buses = lowlevel.read_pointer(lowlevel.symbol_address("bus_kset"))
    walk = walk_list(buses + lowlevel.member("struct kset", "list").offset)
    entry = lowlevel.member("struct subsys_private", "subsys.kobj.entry").offset
    bus = lowlevel.member("struct subsys_private", "bus").offset
    for node in walk.nodes:
        if lowlevel.read_pointer(node - entry + bus) == subsystem:
            return node - entry
    raise PykdumpError("memory_subsys is not in the list of bus_kset")


def _block_size() -> int:
    where = lowlevel.find_symbol("sections_per_block")
    count = 1 if where is None else max(1, lowlevel.read_uint(where, 4))
    return count << _SECTION_BITS
