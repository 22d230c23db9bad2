# SPDX-License-Identifier: GPL-2.0-or-later
"""Physical addresses of virtual ones, with the page tables on the way.

ADDRESS is the kernel's, or a user address of the selected task (-c chooses another).

Columns: VIRTUAL and PHYSICAL; the entries of the page tables (PGD, P4D, PUD, PMD, PTE), PTE with
PHYSICAL and FLAGS; of user addresses the mapping (VMA, START, END, FLAGS, FILE); PAGE (struct
page), PHYSICAL, MAPPING, INDEX, CNT (users) and FLAGS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import context, page_rows, pte, values
from crashcmd.command import Command, Given, Option
from LinuxDump import page_tables, pages
from LinuxDump.page_tables import Walk
from pykdump.errors import CrashError


@dataclass(frozen=True)
class Translation:
    """A virtual address and the way to its page."""

    addr: int
    pgd_addr: int
    walk: Walk


def collect(given: Given) -> tuple[Translation, ...]:
    if not given.words:
        raise given.error("an address is needed")
    return tuple(_translation(values.address(word), given) for word in given.words)


def _translation(addr: int, given: Given) -> Translation:
    if "-k" in given or (addr >> 63 and "-u" not in given):
        pgd = page_tables.kernel_pgd()
    else:
        word = given.value("-c")
        task = context.named([word])[0] if word is not None else context.current()
        pgd = task.pgd_addr
        if not pgd:
            raise CrashError(f"vtop: pid {task.pid} has no user memory")
    return Translation(addr, pgd, page_tables.walk(pgd, addr))


def render(record: tuple[Translation, ...], given: Given) -> Iterator[str]:
    for number, found in enumerate(record):
        if number:
            yield ""
        physical = found.walk.phys_addr
        shown = "(not mapped)" if physical is None else f"{physical:x}"
        yield f"{'VIRTUAL':16}  {'PHYSICAL':16}"
        yield f"{found.addr:<16x}  {shown:16}"
        yield ""
        yield from _tables(found)
        if physical is None:
            if found.walk.problem != "not mapped":
                raise CrashError(f"vtop: {found.walk.problem}")
            continue
        yield ""
        yield from pte.lines(found.walk.entries[-1].value)
        yield ""
        if pages.is_ram(physical >> 12):
            yield from page_rows.one(pages.page_of(physical >> 12))


def _tables(found: Translation) -> Iterator[str]:
    yield f"PGD DIRECTORY: {found.pgd_addr:x}"
    for entry in found.walk.entries:
        if entry.level == "PGD" and found.addr >> 63:
            yield f"PAGE DIRECTORY: {entry.value:x}"
        else:
            yield f"   {entry.level}: {entry.addr:x} => {entry.value:x}"
    if found.walk.page_addr is not None:
        size = {1 << 21: "  (2MB)", 1 << 30: "  (1GB)"}.get(found.walk.size_bytes, "")
        yield f"  PAGE: {found.walk.page_addr:x}{size}"


COMMANDS = (
    Command(
        "vtop",
        "ADDRESS ...",
        collect,
        render,
        (
            Option("-c", "user addresses are this task's", "PID|TASK"),
            Option("-k", "the addresses are the kernel's"),
            Option("-u", "the addresses are the task's"),
        ),
    ),
)
