# SPDX-License-Identifier: GPL-2.0-or-later
"""Spinlocks: whether they are taken, and who queues for them."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.lock_words import decode_qspinlock, decode_rt_mutex_owner
from pykdump import compat, lowlevel
from pykdump.layout import Layout

# PREEMPT_RT: a spinlock_t is a rt_mutex, in mainline since 5.15 and in the patches before.
compat.member("struct spinlock", "Owner", "lock.owner")
_RT = Layout("struct spinlock", "Owner")
_QUEUED = Layout("arch_spinlock_t", "val.counter")
# Other architectures: a pair of tickets
_TICKET = Layout("arch_spinlock_t", "owner", "next")


@dataclass(frozen=True)
class SpinLock:
    """A ``spinlock_t`` or ``raw_spinlock_t``."""

    addr: int
    is_locked: bool
    has_waiters: bool  #: some CPU spins for it
    owner_addr: int = 0  #: struct task_struct *, on PREEMPT_RT
    tail_cpu: int | None = None  #: the last CPU in its queue


def read_raw_spinlock(addr: int) -> SpinLock | None:
    """The state of a spinlock that spins; None when it is not in the dump.

    :param addr: ``raw_spinlock_t *``; without PREEMPT_RT also ``spinlock_t *``.
    """
    if compat.has("arch_spinlock_t.val.counter"):
        row = _QUEUED.read(addr)
        if row is None:
            return None
        nr_cpus = lowlevel.variable_size("__per_cpu_offset") // 8
        lock = decode_qspinlock(row.val_counter, nr_cpus)
        waits = lock.is_pending or lock.tail_cpu is not None
        return SpinLock(addr, lock.is_locked, waits, 0, lock.tail_cpu)
    if compat.has("arch_spinlock_t.owner") and compat.has("arch_spinlock_t.next"):
        row = _TICKET.read(addr)
        waiting = 0 if row is None else (row.next - row.owner) & 0xFFFF
        return None if row is None else SpinLock(addr, waiting > 0, waiting > 1)
    word = lowlevel.read_uint(addr, min(4, lowlevel.sizeof("arch_spinlock_t")))
    return SpinLock(addr, word != 0, False)


def read_spinlock(addr: int) -> SpinLock | None:
    """The state of a spinlock; None when it is not in the dump.

    :param addr: ``spinlock_t *``.
    """
    if compat.has("struct spinlock.Owner"):
        row = _RT.read(addr)
        if row is None:
            return None
        owner = decode_rt_mutex_owner(row.Owner)
        return SpinLock(addr, owner != 0, bool(row.Owner & 1), owner)
    return read_raw_spinlock(addr)
