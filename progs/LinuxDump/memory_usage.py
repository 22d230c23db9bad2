# SPDX-License-Identifier: GPL-2.0-or-later
"""How the memory of the machine was used, as /proc/meminfo would tell (mm/vmstat.c)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import percpu
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog

_PAGE_KB = 4
_HSTATE = Layout("struct hstate", "order", "nr_huge_pages", "free_huge_pages")
_MAX_HSTATES = 16


@dataclass(frozen=True)
class HugePages:
    """Huge pages of a size."""

    size_kb: int
    total: int
    free: int


@dataclass(frozen=True)
class MemoryUsage:
    """In kB; 0 where a counter is not in the dump."""

    total_kb: int
    free_kb: int
    file_kb: int  #: page cache with that of devices, without swap cache
    shmem_kb: int
    anon_kb: int
    slab_kb: int
    dirty_kb: int
    writeback_kb: int
    swap_total_kb: int
    swap_free_kb: int
    committed_kb: int | None  #: None where CPUs' parts of it are not in the dump
    commit_limit_kb: int
    huge_pages: tuple[HugePages, ...]
    dirty_ratio: int  #: vm.dirty_ratio in percent

    @property
    def used_kb(self) -> int:
        return self.total_kb - self.free_kb

    @property
    def huge_kb(self) -> int:
        return sum(huge.size_kb * huge.total for huge in self.huge_pages)


def memory_usage() -> MemoryUsage:
    """The counters of the whole machine."""
    zone = _counters("vm_zone_stat", "enum zone_stat_item")
    node = _counters("vm_node_stat", "enum node_stat_item")

    def kb(*names: str) -> int:
        # The counters of CPUs are added later: a sum may be below 0 for a while.
        return max(0, sum(node.get(name, zone.get(name, 0)) for name in names)) * _PAGE_KB

    # v4.20 ca79b0c211af ("mm: convert totalram_pages and totalhigh_pages variables to atomic")
    total = _long("_totalram_pages", "totalram_pages") * _PAGE_KB
    huge = _huge_pages()
    swap_total = _long("total_swap_pages") * _PAGE_KB
    reserved = sum(each.size_kb * each.total for each in huge)
    ratio, kbytes = _int("sysctl_overcommit_ratio"), _long("sysctl_overcommit_kbytes")
    return MemoryUsage(
        total_kb=total,
        free_kb=kb("NR_FREE_PAGES"),
        file_kb=max(0, kb("NR_FILE_PAGES") - kb("NR_SWAPCACHE")),
        shmem_kb=kb("NR_SHMEM"),
        anon_kb=kb("NR_ANON_MAPPED"),
        slab_kb=kb(
            *("NR_SLAB_RECLAIMABLE", "NR_SLAB_UNRECLAIMABLE"),
            *("NR_SLAB_RECLAIMABLE_B", "NR_SLAB_UNRECLAIMABLE_B"),
        ),
        dirty_kb=kb("NR_FILE_DIRTY"),
        writeback_kb=kb("NR_WRITEBACK"),
        swap_total_kb=swap_total,
        swap_free_kb=max(0, _long("nr_swap_pages")) * _PAGE_KB,
        committed_kb=_committed_kb(),
        commit_limit_kb=(kbytes or (total - reserved) // _PAGE_KB * ratio // 100 * _PAGE_KB)
        + swap_total,
        huge_pages=tuple(huge),
        dirty_ratio=_int("vm_dirty_ratio"),
    )


def _counters(symbol: str, enum: str) -> dict[str, int]:
    addr = lowlevel.find_symbol(symbol)
    if addr is None or not lowlevel.has_type(enum):
        return {}
    names = lowlevel.enumerators(enum)
    count = max(names.values()) + 1
    try:
        raw = lowlevel.dump().read(addr, 8 * count)
    except PykdumpError:
        return {}
    return {
        name: int.from_bytes(raw[8 * at : 8 * at + 8], "little", signed=True)
        for name, at in names.items()
        if 8 * at + 8 <= len(raw)
    }


def _long(*names: str) -> int:
    return _number(8, names)


def _int(*names: str) -> int:
    return _number(4, names)


def _number(size: int, names: tuple[str, ...]) -> int:
    for name in names:
        addr = lowlevel.find_symbol(name)
        try:
            if addr is not None:
                return lowlevel.read_int(addr, size)
        except PykdumpError:
            return 0
    return 0


def _committed_kb() -> int | None:
    addr = lowlevel.find_symbol("vm_committed_as")
    if addr is None:
        return 0
    # What the CPUs hold beside the counter may be most of it.
    (row,) = percpu.COUNTER.read_many([addr])
    parts = [] if row is None else percpu.unreadable([row.counters], 4)
    if row is None or parts:
        where = f"CPU {parts[0][0]}'s part at {parts[0][1]:#x}" if parts else f"at {addr:#x}"
        pylog.warning(f"what is committed is not known: vm_committed_as: {where} cannot be read")
        return None
    return max(0, percpu.counter_sums([addr])[0] or 0) * _PAGE_KB


def _huge_pages() -> list[HugePages]:
    addr, count = lowlevel.find_symbol("hstates"), _int("hugetlb_max_hstate")
    if addr is None or not compat.has("struct hstate.nr_huge_pages"):
        return []
    size = lowlevel.sizeof("struct hstate")
    rows = _HSTATE.read_many([addr + size * at for at in range(min(count, _MAX_HSTATES))])
    return [
        HugePages(_PAGE_KB << row.order, row.nr_huge_pages, row.free_huge_pages)
        for row in rows
        if row is not None and row.order < 32
    ]
