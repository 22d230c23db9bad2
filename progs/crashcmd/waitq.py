# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait on a wait queue.

WHAT is a wait_queue_head: an address or a symbol, or STRUCT.MEMBER and the address of a STRUCT.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import context
from crashcmd import list as lists
from crashcmd import values
from crashcmd.command import Command, Given
from LinuxDump import wait_queues
from LinuxDump.task_records import task_table
from LinuxDump.wait_queues import WaitEntry
from pykdump import lowlevel
from pykdump.logging import pylog


@dataclass(frozen=True)
class WaitQueue:
    """A wait queue and who waits there."""

    addr: int
    entries: tuple[WaitEntry, ...]
    is_whole: bool  #: False for one that is broken behind these


def collect(given: Given) -> WaitQueue:
    words = list(given.words)
    offset = lists.offset_in(words.pop(0)) if len(words) == 2 else 0
    if len(words) != 1:
        raise given.error("a wait queue is needed")
    addr = values.kernel_address(words[0]) + offset
    lowlevel.dump().read(addr, 8)
    with pylog.kept() as problems:
        entries = tuple(wait_queues.wait_queue(addr))
    for problem in problems:
        pylog.warning(problem)
    return WaitQueue(addr, entries, not problems)


def render(record: WaitQueue, given: Given) -> Iterator[str]:
    if not record.entries and record.is_whole:
        yield f"wait queue {record.addr:x} is empty"
    for entry in record.entries:
        task = task_table().by_addr.get(entry.task_addr)
        if task is not None:
            yield context.header(task)
        else:
            yield f"wait_queue_entry {entry.addr:x}: {values.symbol(entry.func_addr) or 'no task'}"


COMMANDS = (Command("waitq", "WHAT [ADDRESS]", collect, render),)
