# SPDX-License-Identifier: GPL-2.0-or-later
"""Page frames: struct pages, their flags and types, free lists (include/linux/page-flags.h)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.bulk import PfnRange, Test, count_values, ram_ranges, select_structs
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

PAGE_SIZE = 4096
_MAX_NODES = 1024  # MAX_NUMNODES
_MAX_ORDER = 10
_MAX_COMPOUND = 20

# arch/x86/include/asm/page_64_types.h and pgtable_64_types.h: without CONFIG_RANDOMIZE_MEMORY
_PAGE_OFFSET = {4: 0xFFFF_8880_0000_0000, 5: 0xFF11_0000_0000_0000}
_VMEMMAP = {4: 0xFFFF_EA00_0000_0000, 5: 0xFFD4_0000_0000_0000}

# 7.3 has a structure of them, memdesc_flags_t; 6.12 a number.
compat.member("struct page", "Flags", "flags.f", "flags")
# 7.3 has the newer name.
compat.member("struct page", "Compound", "compound_info", "compound_head")
# 7.3 has the newer name, 6.12 the older.
compat.member("struct page", "Index", "__folio_index", "index")

_TYPE_SHIFT = 24  # PGTY_* lie in the top byte of page_type
_TYPE_BASE = 0x8000_0000  # before them: types were bits that are clear, below this one
# v4.18 6e292b9be7f4 ("mm: split page_type out from _mapcount"); PG_* macros of page_type
_TYPE_BITS = {"buddy": 0x80, "table": 0x200}
_LEAST_MASK = 0xFFFF_FFFF_0000_0000
_TABLE_WITH_KMEMCG = 0x400
_NOT_FLAGS = ("__NR_PAGEFLAGS",)


_bases: tuple[lowlevel.Kernel, dict[str, int]] | None = None


def page_offset() -> int:
    """Where the direct map of all RAM begins."""
    return _base("page_offset_base", _PAGE_OFFSET)


def vmemmap() -> int:
    """Where the array of all struct pages begins."""
    return _base("vmemmap_base", _VMEMMAP)


def _base(name: str, constants: dict[int, int]) -> int:
    global _bases
    if _bases is None or _bases[0] is not lowlevel.kernel():
        _bases = (lowlevel.kernel(), {})
    if name not in _bases[1]:
        where = lowlevel.find_symbol(name)
        fixed = constants[lowlevel.dump().levels]
        _bases[1][name] = fixed if where is None else lowlevel.read_pointer(where)
    return _bases[1][name]


def page_of(pfn: int) -> int:
    """``struct page *`` of a page frame."""
    return vmemmap() + pfn * lowlevel.sizeof("struct page")


def pfn_of(page: int) -> int:
    """Page frame of a ``struct page *``."""
    return (page - vmemmap()) // lowlevel.sizeof("struct page")


def address_of(pfn: int) -> int:
    """Where the direct map has a page frame."""
    return page_offset() + pfn * PAGE_SIZE


def addresses_of(struct_pages: Iterable[int]) -> list[int]:
    """Where the direct map has the page frames of many ``struct page *``."""
    first, size, base = vmemmap(), lowlevel.sizeof("struct page"), page_offset()
    return [base + (page - first) // size * PAGE_SIZE for page in struct_pages]


def is_ram(pfn: int) -> bool:
    """Whether the machine had RAM there."""
    return any(first <= pfn < end for first, end in ram_ranges())


# --- all pages at once


def select(tests: list[Test]) -> Iterator[int]:
    """``struct page *`` of all pages that pass these tests; unreadable ones are counted away."""
    size, base, lost = lowlevel.sizeof("struct page"), vmemmap(), 0
    for first, end in ram_ranges():
        found, unreadable = select_structs("struct page", base + first * size, end - first, tests)
        # Of frames that are no RAM to the kernel (a PC's ROM) there are no struct pages at all.
        page = base + first * size
        if unreadable < end - first or lowlevel.why_unreadable(page) != "not mapped":
            lost += unreadable
        yield from found
    if lost:
        pylog.warning(f"struct page of {lost} page frames is not in the dump: frames passed over")


def flag_histogram() -> dict[int, int]:
    """How many pages have which flags (the bits of ``enum pageflags``)."""
    size, base = lowlevel.sizeof("struct page"), vmemmap()
    mask = (1 << _bits()["__NR_PAGEFLAGS"]) - 1
    total: dict[int, int] = {}
    for first, end in ram_ranges():
        counts, _ = count_values("struct page", base + first * size, end - first, "flags", mask)
        for flags, count in counts.items():
            total[flags] = total.get(flags, 0) + count
    return total


def _bits() -> dict[str, int]:
    return lowlevel.enumerators("enum pageflags")


def flag_names(flags: int) -> list[str]:
    """Names of the bits that are set in ``page.flags``, without PG_; a bit's first name."""
    names: dict[int, str] = {}
    for name, bit in _bits().items():
        if name not in _NOT_FLAGS and name.startswith("PG_"):
            names.setdefault(bit, name[3:])
    return [name for bit, name in sorted(names.items()) if flags >> bit & 1]


def type_test(name: str) -> Test:
    """What tells pages of a type (``slab``, ``buddy``, ``table``); raises PykdumpError."""
    flags = _bits()
    if f"PG_{name}" in flags:
        bit = 1 << flags[f"PG_{name}"]
        return Test("flags", bit, bit)
    # v6.11 4ffca5a96678 ("mm: support only one page_type per page"): numbers, not bits
    types = lowlevel.enumerators("enum pagetype") if compat.has("enum pagetype") else {}
    if f"PGTY_{name}" in types:
        return Test("page_type", 0xFF << _TYPE_SHIFT, types[f"PGTY_{name}"] << _TYPE_SHIFT)
    bit = types.get(f"PG_{name}", _TYPE_BITS.get(name, 0))
    # v5.11 took away PG_kmemcg, and with page.mem_cgroup what it told of; PG_table has its bit.
    if name == "table" and compat.has("struct page.mem_cgroup"):
        bit = _TABLE_WITH_KMEMCG
    if not bit:
        raise PykdumpError(f"how this kernel marks {name} pages is not known")
    # v4.18 on: PAGE_TYPE_BASE 0xf0000000, of which the top bit is always set
    return Test("page_type", _TYPE_BASE | bit, _TYPE_BASE)


def is_of_type(page: int, name: str) -> bool:
    """Whether a ``struct page *`` is of a type; raises ReadError."""
    test = type_test(name)
    member = lowlevel.member("struct page", test.member)
    value = lowlevel.read_uint(page + member.offset, member.size)
    return value & test.mask == test.value


def of_type(struct_pages: Iterable[int], name: str) -> list[int]:
    """Those of many ``struct page *`` that are of a type; unreadable ones are not."""
    test, every = type_test(name), list(struct_pages)
    values = getattr(Layout("struct page", test.member).read_columns(every), test.member).tolist()
    return [
        page
        for page, value in zip(every, values)
        if value is not None and value & test.mask == test.value
    ]


# --- free pages


@dataclass(frozen=True)
class FreeBlocks:
    """Free blocks of a zone, by order (2^order pages): what the lists hold and what is counted."""

    node: int
    zone: str
    linked: tuple[int, ...]  #: blocks on the free lists
    counted: tuple[int, ...]  #: zone.free_area[order].nr_free


def free_blocks() -> list[FreeBlocks]:
    """The buddy allocator's free lists of all zones that have pages."""
    area, lists = lowlevel.sizeof("struct free_area"), lowlevel.sizeof("struct list_head")
    kinds = lowlevel.member("struct free_area", "free_list").size // lists
    areas = lowlevel.member("struct zone", "free_area")
    orders = areas.size // area
    counts = Layout("struct free_area", "nr_free")
    found = []
    for node, zone, name in zones():
        first = zone + areas.offset
        heads = [first + i * area + kind * lists for i in range(orders) for kind in range(kinds)]
        walks = walk_lists(heads)
        for head, walk in zip(heads, walks):
            if walk.end != "complete":
                pylog.warning(
                    f"free list {head:#x} of zone {name} is broken ({walk.end} at "
                    f"{walk.stopped_at:#x}): blocks behind are not counted"
                )
        linked = [
            sum(len(walk.nodes) for walk in walks[i * kinds : (i + 1) * kinds])
            for i in range(orders)
        ]
        rows = counts.read_many([first + i * area for i in range(orders)])
        counted = tuple(0 if row is None else row.nr_free for row in rows)
        found.append(FreeBlocks(node, name, tuple(linked), counted))
    return found


def zones() -> Iterator[tuple[int, int, str]]:
    """Node, ``struct zone *`` and name of all zones that have pages."""
    layout, size = Layout("struct zone", "present_pages", "name"), lowlevel.sizeof("struct zone")
    at = lowlevel.member("struct pglist_data", "node_zones")
    count = at.size // size
    for node, data in nodes():
        addrs = [data + at.offset + i * size for i in range(count)]
        for addr, row in zip(addrs, layout.read_many(addrs)):
            if row is not None and row.present_pages:
                yield node, addr, lowlevel.read_string(row.name).decode("ascii", "replace")


def node_count() -> int:
    """Numbers of NUMA nodes are below this."""
    where = lowlevel.find_symbol("nr_node_ids")
    return 1 if where is None else min(max(1, lowlevel.read_uint(where, 4)), _MAX_NODES)


def nodes_of(pages: Sequence[int]) -> list[int]:
    """The NUMA node of each ``struct page *``: the topmost bits of its flags say it."""
    if lowlevel.find_symbol("contig_page_data") is not None:
        return [0] * len(pages)
    # page_to_nid() where sections are not in the flags, as with vmemmap: MAX_NUMNODES is the length
    # of this array.
    most = lowlevel.variable_size("node_data") // 8
    shift, known = 64 - (most.bit_length() - 1), {node for node, _ in nodes()}
    rows = Layout("struct page", "flags").read_many(pages)
    found = [0 if row is None or most < 2 else row.flags >> shift for row in rows]
    return [node if node in known else 0 for node in found]


def nodes() -> Iterator[tuple[int, int]]:
    """Number and ``struct pglist_data *`` of all nodes."""
    alone = lowlevel.find_symbol("contig_page_data")  # without CONFIG_NUMA
    if alone is not None:
        yield 0, alone
        return
    table = lowlevel.symbol_address("node_data")
    for node in range(node_count()):
        try:
            data = lowlevel.read_pointer(table + 8 * node)
        except ReadError:
            return
        if data:
            yield node, data


#: Classes of pages that `class_ranges` knows.
CLASSES = ("slab", "free", "table", "anon", "file", "reserved")


def class_ranges(name: str) -> list[PfnRange]:
    """Page frames of one of CLASSES, in ascending order; for searches.

    ``anon`` and ``file`` are the pages of processes and of files; ``table`` are page tables.
    """
    heads = list(select(_class_tests(name)))
    if name == "free":
        rows = Layout("struct page", "private").read_many(heads)
        sizes = [1 << min(row.private, _MAX_ORDER) if row else 1 for row in rows]
    else:
        sizes = _compound_sizes(heads)
    first, size = vmemmap(), lowlevel.sizeof("struct page")
    ranges: list[PfnRange] = []
    for head, count in zip(heads, sizes):
        pfn = (head - first) // size
        if ranges and ranges[-1][1] == pfn:
            ranges[-1] = (ranges[-1][0], pfn + count)
        else:
            ranges.append((pfn, pfn + count))
    return ranges


def _class_tests(name: str) -> list[Test]:
    # include/linux/page-flags.h: the low bits of page.mapping tell anonymous pages (1)
    kinds, kernel_half = 3, 1 << 63
    if name == "anon":
        return [type_test("swapbacked"), Test("mapping", kernel_half | kinds, kernel_half | 1)]
    if name == "file":
        return [type_test("lru"), Test("mapping", kernel_half | kinds, kernel_half)]
    return [type_test({"free": "buddy"}.get(name, name))]


def compound_pages(page: int) -> int:
    """Of how many page frames the compound page of this head is; 1 for a plain page."""
    return _compound_sizes([page])[0]


def _compound_sizes(heads: Sequence[int]) -> list[int]:
    flag, size = _bits()["PG_head"], lowlevel.sizeof("struct page")
    # v6.6 ebc1baf5c9b4 ("mm: free up a word in the first tail page"): in its flags
    member = "compound_order" if compat.has("struct page.compound_order") else "Flags"
    flags = Layout("struct page", "Flags").read_columns(heads).Flags.tolist()
    compound = [head for head, its in zip(heads, flags) if its is not None and its >> flag & 1]
    orders = Layout("struct page", member).read_columns([head + size for head in compound])
    order_of = dict(zip(compound, getattr(orders, member).tolist()))
    return [1 << min((order_of.get(head) or 0) & 0xFF, _MAX_COMPOUND) for head in heads]


def _offset(name: str) -> int:
    return lowlevel.member("struct page", name).offset


def head_of(page: int) -> int:
    """The head of the compound page that a ``struct page *`` belongs to, else itself."""
    return _head(
        page, lowlevel.read_pointer(page + _offset(compat.spelling("struct page", "Compound")))
    )


def heads_of(struct_pages: Sequence[int]) -> list[int | None]:
    """The same of many; None for one that cannot be read."""
    infos = Layout("struct page", "Compound").read_columns(struct_pages).Compound.tolist()
    return [None if info is None else _head(page, info) for page, info in zip(struct_pages, infos)]


def _head(page: int, info: int) -> int:
    if not info & 1:
        return page
    # Newer kernels may have a mask there, which no address of a struct page is as high as.
    return page & info - 1 if info >= _LEAST_MASK else info - 1


def free_order_of(pfn: int) -> int | None:
    """Order of the free block that a page frame lies in; None when it is not free."""
    # A free block of order n begins at a multiple of 2^n; only its first page is marked.
    orders = Layout("struct page", "private")
    for order in range(_MAX_ORDER + 1):
        first = pfn & -(1 << order)
        row = orders.read(page_of(first))
        if row is None or not is_of_type(page_of(first), "buddy"):
            continue
        if first + (1 << min(row.private, _MAX_ORDER)) > pfn:
            return int(row.private)
    return None
