# SPDX-License-Identifier: GPL-2.0-or-later
"""Work items (include/linux/workqueue.h): queued ones, barriers of flushes, delayed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from LinuxDump import timers
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (
    *timers.SYMBOLS,
    *("wq_barrier_func", "mayday_cursor_func", "delayed_work_timer_fn"),
)

# include/linux/workqueue.h
_WORK_STRUCT_PENDING = 1
_WORK_STRUCT_INACTIVE = 2  # WORK_STRUCT_DELAYED before 5.15
_WORK_STRUCT_PWQ = 4
_WORK_STRUCT_LINKED = 8

_WORK = Layout("struct work_struct", "data.counter", "func")
_BARRIER = Layout("struct wq_barrier", "task")
_DELAYED = Layout("struct delayed_work", "wq", "cpu", "work.func")


class WorkData(NamedTuple):
    """``work_struct.data`` taken apart."""

    is_pending: bool
    is_inactive: bool  #: max_active is reached; or a barrier behind such work
    is_linked: bool  #: the next one in the list belongs to it
    pwq_addr: int  #: struct pool_workqueue * that it is queued on, 0 for none


@dataclass(frozen=True)
class Work:
    """A ``struct work_struct`` that is queued."""

    addr: int
    func_addr: int
    data: WorkData
    flusher_addr: int = 0  #: struct task_struct * that waits in flush_work(), of a barrier


@dataclass(frozen=True)
class DelayedWork:
    """A ``struct delayed_work`` whose timer runs; then its work will be queued."""

    addr: int
    func_addr: int
    workqueue_addr: int  #: struct workqueue_struct *
    cpu: int  #: asked for; not below the number of CPUs: any
    expires_jiffies: int


def decode_work_data(data: int, alignment: int) -> WorkData:
    """What ``work_struct.data`` says.

    :param alignment: of a ``struct pool_workqueue``: flags take the bits below.
    """
    data &= 0xFFFF_FFFF_FFFF_FFFF
    pwq = data & ~(alignment - 1) if data & _WORK_STRUCT_PWQ else 0
    return WorkData(
        bool(data & _WORK_STRUCT_PENDING),
        bool(data & _WORK_STRUCT_INACTIVE),
        bool(data & _WORK_STRUCT_LINKED),
        pwq,
    )


def read_works(addrs: Sequence[int]) -> list[Work]:
    """The works at these addresses; unreadable ones are skipped with a warning.

    :param addrs: ``struct work_struct *``.
    """
    barrier_func = lowlevel.find_symbol("wq_barrier_func")
    cursor_func = lowlevel.find_symbol("mayday_cursor_func")
    alignment = lowlevel.alignof("struct pool_workqueue")
    found = []
    for addr, row in zip(addrs, _WORK.read_many(addrs)):
        if row is None:
            pylog.warning(f"work_struct {addr:#x}: page is not in the dump, work skipped")
            continue
        if row.func == cursor_func:  # no work: how far a rescuer came
            continue
        flusher = 0
        if row.func == barrier_func:
            barrier = _BARRIER.read(addr - lowlevel.member("struct wq_barrier", "work").offset)
            flusher = 0 if barrier is None else barrier.task
        found.append(Work(addr, row.func, decode_work_data(row.data_counter, alignment), flusher))
    return found


def delayed_works() -> list[DelayedWork]:
    """All works that wait for their timer, by CPU and expiry."""
    lowlevel.prefetch_symbols(SYMBOLS)
    func = lowlevel.find_symbol("delayed_work_timer_fn")
    timer_at = lowlevel.member("struct delayed_work", "timer").offset
    pending = [timer for timer in timers.pending_timers() if timer.func_addr == func]
    addrs = [timer.addr - timer_at for timer in pending]
    return [
        DelayedWork(addr, row.work_func, row.wq, row.cpu, timer.expires_jiffies)
        for addr, timer, row in zip(addrs, pending, _DELAYED.read_many(addrs))
        if row is not None
    ]
