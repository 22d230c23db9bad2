# SPDX-License-Identifier: GPL-2.0-or-later
"""percpu_rw_semaphores (kernel/locking/percpu-rwsem.c), among them those of frozen file systems."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import percpu
from LinuxDump.lock_waiters import Waiter, is_task
from LinuxDump.locks import read_rwsem
from LinuxDump.wait_queues import wait_queue
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_STRUCT = "struct percpu_rw_semaphore"

# v5.7 7f26482a872c ("locking/percpu-rwsem: Remove the embedded rwsem"): a wait queue of readers and
# writers instead of a rw_semaphore that writers took and waiting readers tried.
compat.member(_STRUCT, "Block", "block.counter", "readers_block")
# include/linux/wait.h: WQ_FLAG_CUSTOM was 8, and 4 the flag of bookmarks, until these were removed
# and it became 4. A bookmark is no waiter, so either means a reader here.
_READER_FLAGS = 4 | 8

_SEM = Layout(_STRUCT, "read_count", "Block", "writer.task")


@dataclass(frozen=True)
class PercpuRwsem:
    """A ``struct percpu_rw_semaphore``."""

    addr: int
    is_blocked: bool  #: readers wait: a writer has it, or is about to
    readers: int  #: how many hold it for reading
    writer_addr: int  #: struct task_struct * that has it, where the kernel notes that (up to 5.6)
    draining_addr: int  #: of the writer that waits for the readers that were before it, or 0
    waiters: tuple[Waiter, ...]  #: in the order of the queue


def read_percpu_rwsem(addr: int) -> PercpuRwsem:
    """The semaphore at this address; raises ReadError.

    :param addr: ``struct percpu_rw_semaphore *``.
    """
    row = _SEM.read(addr)
    if row is None:
        raise ReadError(f"{_STRUCT} at {addr:#x} cannot be read: it is not in the dump")
    draining = row.writer_task if is_task(row.writer_task) else 0
    readers = _sum(addr, row.read_count)
    if compat.has(f"{_STRUCT}.rw_sem"):
        inner = read_rwsem(addr + lowlevel.member(_STRUCT, "rw_sem").offset)
        writer = inner.state.writer_addr
        return PercpuRwsem(addr, bool(row.Block), readers, writer, draining, inner.waiters)
    queue = wait_queue(addr + lowlevel.member(_STRUCT, "waiters").offset)
    waiters = tuple(
        Waiter(entry.addr, entry.task_addr, "read" if entry.flags & _READER_FLAGS else "write")
        for entry in queue
        if entry.task_addr
    )
    return PercpuRwsem(addr, bool(row.Block), readers, 0, draining, waiters)


def _sum(addr: int, counters: int) -> int:
    # A reader may leave on another CPU than it came on: only the sum means anything.
    total = 0
    for cpu in range(len(percpu.per_cpu_offsets())):
        try:
            total += lowlevel.read_uint(percpu.per_cpu_ptr(counters, cpu), 4)
        except ReadError as error:
            pylog.warning(f"{_STRUCT} {addr:#x}: readers of CPU {cpu} are not counted: {error}")
    total &= 0xFFFF_FFFF
    return total - (1 << 32) if total >> 31 else total
