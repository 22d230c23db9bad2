# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual memory of tasks: their mappings.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Columns: MM (struct mm_struct), PGD, RSS and TOTAL_VM; then VMA (struct vm_area_struct), START, END,
FLAGS and FILE; of -p VIRTUAL and PHYSICAL of each page, of one that is not in memory where it is in
the FILE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from crashcmd import context, struct, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import open_files, page_tables, task_memory, vm_areas
from LinuxDump.task_records import Task, task_table
from LinuxDump.vm_areas import Mapping
from pykdump.errors import CrashError
from pykdump.layout import Layout

_FLAGS = (
    *((0x1, "READ"), (0x2, "WRITE"), (0x4, "EXEC"), (0x8, "SHARED"), (0x10, "MAYREAD")),
    *((0x20, "MAYWRITE"), (0x40, "MAYEXEC"), (0x80, "MAYSHARE"), (0x100, "GROWSDOWN")),
    *((0x400, "PFNMAP"), (0x2000, "LOCKED"), (0x4000, "IO"), (0x20000, "DONTCOPY")),
    *((0x40000, "DONTEXPAND"), (0x100000, "ACCOUNT"), (0x200000, "NORESERVE")),
    *((0x400000, "HUGETLB"), (0x4000000, "DONTDUMP"), (0x10000000, "MIXEDMAP")),
)
_PAGE = 4096
_TABLE = 512 * _PAGE
_MM = Layout("struct mm_struct", "pgd")
_AT_ONCE = 1024


@dataclass(frozen=True)
class TaskMappings:
    """Mappings of a task; mm_addr is 0 for one without user memory."""

    task_addr: int
    mm_addr: int
    pgd_addr: int
    rss_kb: int
    total_kb: int
    mappings: tuple[Mapping, ...]


def collect(given: Given) -> Any:
    flags = given.value("-f")
    if flags is not None:
        number = values.hex_number(flags)
        return text([f"{number:x}: ({_flag_names(number)})"])
    tasks = context.named(given.words)
    if "-M" in given:
        found = [_of_mm(tasks[0], given)]
    else:
        memories = task_memory.memory([task.addr for task in tasks])
        found = [_record(task, memory) for task, memory in zip(tasks, memories)]
    refers = _refers if "-R" in given else _is_at
    reference = given.value("-R") or given.value("-P")
    if reference is None:
        return tuple(found)
    kept = [
        replace(each, mappings=tuple(m for m in each.mappings if refers(m, reference)))
        for each in found
    ]
    if "-P" in given and not any(each.mappings for each in kept):
        raise CrashError(f"vm: {reference} is no mapping of the chosen tasks")
    return tuple(each for each in kept if each.mappings)


def _flag_names(flags: int) -> str:
    return "|".join(name for bit, name in _FLAGS if flags & bit)


def _refers(mapping: Mapping, reference: str) -> bool:
    return _is_at(mapping, reference) or reference in mapping.path


def _is_at(mapping: Mapping, reference: str) -> bool:
    # The address of the vm_area_struct, or one in the mapping.
    addr = values.find_address(reference) if values.is_hex(reference) else None
    return addr is not None and (addr == mapping.addr or mapping.start <= addr < mapping.end)


def _of_mm(task: Task, given: Given) -> TaskMappings:
    # An exiting task has given up its mm_struct, which may be there still.
    mm = values.kernel_address(given.value("-M") or "")
    memory, row = task_memory.memory_of(mm), _MM.read(mm)
    if memory is None or row is None:
        raise given.error(f"mm_struct {mm:x} cannot be read")
    return _record(task._replace(pgd_addr=row.pgd), memory)


def _record(task: Task, memory: task_memory.Memory | None) -> TaskMappings:
    if memory is None:
        return TaskMappings(task.addr, 0, 0, 0, 0, ())
    found = vm_areas.mappings(memory.mm_addr, open_files.root_of(task.addr))
    return TaskMappings(
        task.addr, memory.mm_addr, task.pgd_addr, memory.rss_kb, memory.vsz_kb, tuple(found)
    )


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    for number, found in enumerate(record):
        if number:
            yield ""
        yield context.header(task_table().by_addr[found.task_addr])
        if not found.mm_addr:
            has_table = not {"-m", "-v"} & set(given.flags())
            yield from _table(found, given) if has_table else ["(no user memory)"]
        elif "-m" in given:
            yield from struct.shown("struct mm_struct", [], found.mm_addr, given)
        elif "-v" in given:
            for area in found.mappings:
                yield from struct.shown("struct vm_area_struct", [], area.addr, given)
        else:
            yield from _table(found, given)


def _table(found: TaskMappings, given: Given) -> Iterator[str]:
    yield "       MM               PGD          RSS    TOTAL_VM"
    rss, total = f"{found.rss_kb}k", f"{found.total_kb}k"
    if not found.mm_addr:
        yield f"{0:8}{0:18}{rss:>14}{total:>9}   "
        return
    yield f"{found.mm_addr:16x}  {found.pgd_addr:16x}  {rss:>6}  {total:>7} "
    heading = "      VMA           START       END     FLAGS FILE"
    shows_pages = "-p" in given or "-P" in given
    if not shows_pages:
        yield heading
    for area in found.mappings:
        if shows_pages:
            yield heading
        yield (
            f"{area.addr:16x} {area.start:>10x} {area.end:>10x} {area.flags:7x} {area.path}"
        ).rstrip()
        if shows_pages:
            yield from _pages(area, found.pgd_addr)


def _pages(area: Mapping, pgd: int) -> Iterator[str]:
    lines = [f"{'VIRTUAL':16}  PHYSICAL"]
    for addr, size, phys, problem in page_tables.pieces(pgd, area.start, area.end):
        if phys is not None:
            lines.append(f"{addr:<16x}  {phys:x}")
        elif problem != "not mapped":
            lines.append(f"{addr:<16x}  ({problem})")
        else:
            end = min((addr + size) & -size, area.end)
            lines += _missing(area, addr, end)
        if len(lines) >= _AT_ONCE:
            yield "\n".join(lines)
            lines.clear()
    yield "\n".join([*lines, ""])


def _missing(area: Mapping, addr: int, end: int) -> Iterator[str]:
    # Many pages in a row, for which there is no table, are told of in one line.
    if end - addr > _TABLE:
        yield f"{addr:<16x}  (not mapped, up to {end:x})"
        return
    for at in range(addr, end, _PAGE):
        if area.path:
            where = area.offset_bytes + at - area.start
            yield f"{at:<16x}  FILE: {area.path}  OFFSET: {where:x}"
        else:
            yield f"{at:<16x}  (not mapped)"


COMMANDS = (
    Command(
        "vm",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-p", "the pages of each mapping"),
            Option("-P", "the pages of this mapping", "VMA"),
            Option("-M", "as if this were the task's mm_struct, of an exiting one", "MM"),
            Option("-R", "only mappings with this address, or text in their path", "REFERENCE"),
            Option("-f", "names of the flags in a number", "FLAGS"),
            Option("-m", "the mm_struct"),
            Option("-v", "the vm_area_structs"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
    ),
)
