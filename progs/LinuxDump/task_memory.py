# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory processes have (include/linux/mm_types.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import percpu
from pykdump import compat, lowlevel
from pykdump.layout import Layout

_TASK = Layout("struct task_struct", "mm")
_MM = Layout(
    "struct mm_struct",
    *("total_vm", "locked_vm", "data_vm", "exec_vm", "stack_vm", "map_count", "rss_stat"),
)

# include/linux/mm_types_task.h, since 4.5
_MM_FILEPAGES, _MM_ANONPAGES, _MM_SWAPENTS, _MM_SHMEMPAGES = range(4)

_COUNTERS = 4

_LOCAL = Layout("atomic_t", "counter")  # an int, as each CPU has
_PAGE_KB = 4
_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True)
class Memory:
    """Of a process, as /proc/PID/status shows it."""

    mm_addr: int  #: struct mm_struct *
    vsz_kb: int
    anon_kb: int
    file_kb: int
    shmem_kb: int
    swap_kb: int
    locked_kb: int
    data_kb: int
    stack_kb: int
    map_count: int  #: of mappings

    @property
    def rss_kb(self) -> int:
        return self.anon_kb + self.file_kb + self.shmem_kb


def memory(tasks: Sequence[int]) -> list[Memory | None]:
    """Memory of each task; None for those without: kernel threads and the dead.

    :param tasks: ``struct task_struct *``.
    """
    mms = [0 if row is None else row.mm for row in _TASK.read_many(tasks)]
    known = list({mm for mm in mms if mm})
    rows = {mm: row for mm, row in zip(known, _MM.read_many(known)) if row is not None}
    pages = _counters([row.rss_stat for row in rows.values()])
    records = {mm: _record(mm, row, counts) for (mm, row), counts in zip(rows.items(), pages)}
    return [records.get(mm) for mm in mms]


def memory_of(mm: int) -> Memory | None:
    """Of a ``struct mm_struct``; None when it cannot be read."""
    row = _MM.read(mm)
    return None if row is None else _record(mm, row, _counters([row.rss_stat])[0])


def _record(mm: int, row: Any, pages: Sequence[int]) -> Memory:
    return Memory(
        mm_addr=mm,
        vsz_kb=row.total_vm * _PAGE_KB,
        anon_kb=pages[_MM_ANONPAGES] * _PAGE_KB,
        file_kb=pages[_MM_FILEPAGES] * _PAGE_KB,
        shmem_kb=pages[_MM_SHMEMPAGES] * _PAGE_KB,
        swap_kb=pages[_MM_SWAPENTS] * _PAGE_KB,
        locked_kb=row.locked_vm * _PAGE_KB,
        data_kb=row.data_vm * _PAGE_KB,
        stack_kb=row.stack_vm * _PAGE_KB,
        map_count=row.map_count,
    )


def _counters(raws: Sequence[bytes]) -> list[list[int]]:
    # v6.2 f1a7941243c1 ("mm: convert mm's rss stats into percpu_counter") made an array of
    # percpu_counter of what was a struct with an array of atomic_long_t.
    if compat.has("struct mm_rss_stat"):
        found = [[_long(raw, 8 * number) for number in range(_COUNTERS)] for raw in raws]
    else:
        found = _sums(raws)
    # A counter may be behind what it counts: the kernel takes less than nothing for nothing.
    return [[max(0, pages) for pages in counts] for counts in found]


def _sums(raws: Sequence[bytes]) -> list[list[int]]:
    # What all CPUs have, and what each has not yet added to that.
    step = lowlevel.sizeof("struct percpu_counter")
    common = lowlevel.member("struct percpu_counter", "count").offset
    local = lowlevel.member("struct percpu_counter", "counters").offset
    places = [number * step for number in range(_COUNTERS)]
    sums = [_long(raw, at + common) for raw in raws for at in places]
    pointers = [_long(raw, at + local) & _U64 for raw in raws for at in places]
    for offset in percpu.per_cpu_offsets():
        rows = _LOCAL.read_many([(pointer + offset) & _U64 for pointer in pointers])
        sums = [pages + (row.counter if row else 0) for pages, row in zip(sums, rows)]
    return [sums[at : at + _COUNTERS] for at in range(0, len(sums), _COUNTERS)]


def _long(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 8], "little", signed=True)
