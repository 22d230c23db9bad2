# SPDX-License-Identifier: GPL-2.0-or-later
"""kmem of the whole machine: usage, counters, flags, per-CPU offsets."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import kmem_address, page_rows, values
from crashcmd.command import Given
from LinuxDump import pages, percpu, vm_counters
from LinuxDump.memory_usage import memory_usage
from pykdump import compat, lowlevel
from pykdump.bulk import count_values, ram_ranges
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_HSTATE = Layout("struct hstate", "order", "nr_huge_pages", "free_huge_pages", "name")
_PAGE_KB = 4


def usage(given: Given) -> Iterator[str]:
    """Lines of kmem -i."""
    memory = memory_usage()
    total, buffers = memory.total_kb, _buffers_kb()
    cached = None if buffers is None else max(0, memory.file_kb - buffers)
    used_swap = memory.swap_total_kb - memory.swap_free_kb
    yield "                 PAGES        TOTAL      PERCENTAGE"
    yield _row("TOTAL MEM", total)
    yield _row("FREE", memory.free_kb, total, "TOTAL MEM")
    yield _row("USED", memory.used_kb, total, "TOTAL MEM")
    yield _row("SHARED", _shared_kb(), total, "TOTAL MEM")
    yield _row("BUFFERS", buffers, total, "TOTAL MEM")
    yield _row("CACHED", cached, total, "TOTAL MEM")
    yield _row("SLAB", memory.slab_kb, total, "TOTAL MEM")
    yield ""
    huge_free = sum(huge.size_kb * huge.free for huge in memory.huge_pages)
    yield _row("TOTAL HUGE", memory.huge_kb)
    yield _row("HUGE FREE", huge_free, memory.huge_kb, "TOTAL HUGE")
    yield ""
    yield _row("TOTAL SWAP", memory.swap_total_kb)
    yield _row("SWAP USED", used_swap, memory.swap_total_kb, "TOTAL SWAP")
    yield _row("SWAP FREE", memory.swap_free_kb, memory.swap_total_kb, "TOTAL SWAP")
    yield ""
    yield _row("COMMIT LIMIT", memory.commit_limit_kb)
    yield _row("COMMITTED", memory.committed_kb, memory.commit_limit_kb, "TOTAL LIMIT")


def _row(name: str, kb: int | None, whole: int = 0, what: str = "") -> str:
    if kb is None:
        return f"{name:>13}{'(unknown)':>22}"
    size = values.size_of(kb * 1024) if kb else "0"
    start = f"{name:>13}{kb // _PAGE_KB:9}{size:>13}"
    if not what:
        return f"{start}         ----"
    return f"{start}{100 * kb // whole if whole else 0:5}% of {what}"


def _buffers_kb() -> int | None:
    # nr_blockdev_pages(): the page caches of all block devices.
    try:
        return sum(_blockdev_pages()) * _PAGE_KB
    except PykdumpError as error:
        pylog.warning(f"what the buffers take is not known: {error}")
        return None


def _blockdev_pages() -> Iterator[int]:
    where = lowlevel.find_symbol("blockdev_superblock")
    if where is None:
        return
    superblock = lowlevel.read_pointer(where)
    head = superblock + lowlevel.member("struct super_block", "s_inodes").offset
    layout = Layout("struct inode", "i_mapping.nrpages")
    rows, walk = layout.read_list(head, "i_sb_list")
    if walk.end != "complete":
        raise PykdumpError(
            f"the list of block devices' inodes is broken ({walk.end} at {walk.stopped_at:#x})"
        )
    lost = sum(row is None or row.i_mapping_nrpages is None for row in rows)
    if lost:
        raise PykdumpError(f"{lost} of {len(rows)} block devices' inodes cannot be read")
    yield from (row.i_mapping_nrpages for row in rows)


def _shared_kb() -> int | None:
    # Pages that have more than one user.
    size, base, total, lost = lowlevel.sizeof("struct page"), pages.vmemmap(), 0, 0
    member = compat.spelling("struct page", "Refs")
    for first, end in ram_ranges():
        counts, unread = count_values(
            "struct page", base + first * size, end - first, member, 0xFFFFFFFF
        )
        total += sum(n for value, n in counts.items() if 1 < value < 1 << 31)
        lost += unread and _missing(first, end, unread)
    if lost:
        pylog.warning(f"what is shared is not known: {lost} struct pages cannot be read")
        return None
    return total * _PAGE_KB


def _missing(first: int, end: int, unread: int) -> int:
    # How many of the struct pages that could not be read the kernel had: a frame of the machine
    # that it does not use, most often at the end of a range, has none.
    step = pages.PAGE_SIZE // lowlevel.sizeof("struct page")
    for pfn in range(end - 1, first - 1, -step):
        if not unread:
            break
        try:
            lowlevel.read_uint(pages.page_of(pfn), 8)
        except ReadError as error:
            if not str(error).endswith(": not mapped"):
                return unread
            unread = max(0, unread - step)
    return 0


def counters(given: Given) -> Iterator[str]:
    """Lines of kmem -V."""
    parts = (
        ("VM_ZONE_STAT", vm_counters.zone_counters),
        ("VM_NODE_STAT", vm_counters.node_counters),
        ("VM_NUMA_STAT", vm_counters.numa_counters),
        ("VM_EVENT_STATES", vm_counters.event_counters),
    )
    for place, (title, read) in enumerate(parts):
        found: dict[str, int] | None
        try:
            found = read()
        except PykdumpError as error:
            pylog.warning(f"{title} is not known: {error}")
            found = None
        if found == {}:
            continue
        if place:
            yield ""
        yield f"  {title}:"
        if found is None:
            yield f"{'(unknown)':>26}"
            continue
        width = 29 if title == "VM_EVENT_STATES" else 26
        for name, value in found.items():
            yield f"{name:>{width}}: {value}"
    yield ""


def page_flags(given: Given) -> Iterator[str]:
    """Lines of kmem -g."""
    flags = lowlevel.enumerators("enum pageflags")
    if given.words:
        value = values.hex_number(given.words[0])
        yield f"FLAGS: {value:x}"
    margin = "  " if given.words else ""
    width = 1 + max(len(name) for name in flags if name.startswith("PG_"))
    yield f"{margin}{'PAGE-FLAG':{width}}BIT  VALUE"
    for name, bit in flags.items():
        if name.startswith("PG_") and (not given.words or value >> bit & 1):
            yield f"{margin}{name:{width}}{bit:3}  {1 << bit:07x}"


def per_cpu_offsets(given: Given) -> Iterator[str]:
    """Lines of kmem -o."""
    yield "PER-CPU OFFSET VALUES:"
    for cpu, offset in enumerate(percpu.per_cpu_offsets()):
        yield f"  CPU {cpu}: {offset:x}"


def huge_pages(given: Given) -> Iterator[str]:
    """Lines of kmem -h."""
    table, count = lowlevel.find_symbol("hstates"), lowlevel.find_symbol("hugetlb_max_hstate")
    if table is None or count is None:
        raise given.error("this kernel has no huge pages: CONFIG_HUGETLB_PAGE is off")
    size = lowlevel.sizeof("struct hstate")
    yield "     HSTATE        SIZE    FREE   TOTAL  NAME"
    for number in range(min(lowlevel.read_uint(count, 4), 16)):
        addr = table + number * size
        row = _HSTATE.read(addr)
        if row is None:
            yield f"{addr:16x}  (not in the dump)"
            continue
        name = row.name.decode("ascii", "replace")
        shown = values.size_of(4096 << min(row.order, 30)).replace(" ", "")
        yield (f"{addr:16x} {shown:>6} {row.free_huge_pages:7} {row.nr_huge_pages:7}  {name}")


def all_pages(given: Given) -> Iterator[str]:
    """Lines of kmem -p; of -m with these members in place of the usual columns."""
    members = [name for word in given.all("-m") for name in word.split(",")]
    if given.words:
        addrs = [kmem_address.page_of(word) for word in given.words]
        if members:
            yield from page_rows.members(addrs, members)
            return
        for addr in addrs:
            yield from page_rows.one(addr)
        return
    size, heading = lowlevel.sizeof("struct page"), True
    for first, end in ram_ranges():
        every = range(pages.page_of(first), pages.page_of(end), size)
        lines = page_rows.members(every, members) if members else page_rows.rows(every)
        first_line = next(lines)
        if heading:
            yield first_line
        heading = False
        yield from lines
