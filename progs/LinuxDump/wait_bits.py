# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for a bit, a page or a variable: the kernel's shared, hashed wait queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.wait_queues import WaitEntry, wait_queues
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# kernel/sched/wait_bit.c; mm/filemap.c, where pages became folios
_TABLES = ("bit_wait_table", "folio_wait_table", "page_wait_table")
_WAKERS = ("wake_bit_function", "var_wake_function", "wake_page_function")

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (*_TABLES, *_WAKERS)

# v5.16 df4d4f127394 ("mm/filemap: Convert page wait queues to be folios")
compat.member("struct wait_page_queue", "Page", "folio", "page")

_BIT = Layout("struct wait_bit_queue_entry", "key.flags", "key.bit_nr")
_PAGE = Layout("struct wait_page_queue", "Page", "bit_nr")


@dataclass(frozen=True)
class BitWaiter:
    """A task that waits until a bit is cleared, or a variable is announced to have changed."""

    task_addr: int  #: struct task_struct *
    kind: str  #: "bit", "variable" or "page"
    word_addr: int  #: of the word or variable, or struct folio * (struct page * in older kernels)
    bit: int | None  #: number of the bit, for a page of enum pageflags; None for a variable


def bit_waiters() -> list[BitWaiter]:
    """All tasks that wait for a bit, a variable or a page.

    Entries that other code put on these queues are not among them.
    """
    lowlevel.prefetch_symbols(SYMBOLS)
    wakers = {lowlevel.find_symbol(name): name for name in _WAKERS}
    wakers.pop(None, None)
    found: list[BitWaiter] = []
    for queue in wait_queues([head for table in _TABLES for head in _heads(table)]):
        for entry in queue:
            waker = wakers.get(entry.func_addr)
            if waker and entry.task_addr:
                found.extend(_waiter(entry, waker))
    return found


def _heads(table: str) -> list[int]:
    start = lowlevel.find_symbol(table)
    if start is None:
        return []
    stride = lowlevel.sizeof("struct wait_queue_head")
    count = lowlevel.variable_size(table) // stride
    return [start + stride * i for i in range(count)]


def _waiter(entry: WaitEntry, waker: str) -> Iterator[BitWaiter]:
    if waker == "wake_page_function":
        at = entry.addr - lowlevel.member("struct wait_page_queue", "wait").offset
        row, kind = _PAGE.read(at), "page"
    else:
        at = entry.addr - lowlevel.member("struct wait_bit_queue_entry", "wq_entry").offset
        row, kind = _BIT.read(at), "bit" if waker == "wake_bit_function" else "variable"
    if row is None:
        pylog.warning(f"what the wait entry at {entry.addr:#x} waits for cannot be read")
    else:
        yield BitWaiter(entry.task_addr, kind, row[0], None if kind == "variable" else row[1])
