# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks that tasks sleep on: mutexes, rw_semaphores, rt_mutexes and semaphores, each as a record.

``read_*`` raise ReadError where the lock itself is not in the dump. Waiters that cannot be read are
skipped with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LinuxDump import lock_words
from LinuxDump.lock_waiters import Waiter, WaiterKind, waiters_in_list, waiters_in_tree
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout

# Kernels to come have first_waiter, no list head.
compat.member("struct mutex", "Waiters", "wait_list", "first_waiter")
compat.member("struct rw_semaphore", "Waiters", "wait_list", "first_waiter")
compat.member("struct semaphore", "Waiters", "wait_list", "first_waiter")
# PREEMPT_RT. v5.15 bb630f9f7a7d ("locking/rtmutex: Add mutex variant for RT") and 42254105dfe8
# ("locking/rwsem: Add rtmutex based R/W semaphore implementation"); before, as its patches had it.
compat.member("struct mutex", "Rt_mutex", "rtmutex", "lock")
compat.member("struct rw_semaphore", "Rt_mutex", "rwbase.rtmutex", "rtmutex")
compat.member("struct rw_semaphore", "Readers", "rwbase.readers.counter", "readers.counter")
# v5.15 830e6acc8a1c ("locking/rtmutex: Split out the inner parts of 'struct rtmutex'")
compat.member("struct rt_mutex", "Owner", "rtmutex.owner", "owner")
compat.member("struct rt_mutex", "Waiters", "rtmutex.waiters", "waiters")
# v5.3 94a9717b3c40 ("locking/rwsem: Make rwsem->owner an atomic_long_t")
compat.member("struct rw_semaphore", "Owner", "owner.counter", "owner")

_MUTEX = Layout("struct mutex", "owner.counter")
_RWSEM = Layout("struct rw_semaphore", "count.counter", "Owner")
_RWSEM_WITHOUT_OWNER = Layout("struct rw_semaphore", "count.counter")
_RT_RWSEM = Layout("struct rw_semaphore", "Readers")
_SEMAPHORE = Layout("struct semaphore", "count")
_LAST_HOLDER = Layout("struct semaphore", "last_holder")

_MUTEX_WAITERS = WaiterKind(
    "struct mutex_waiter", "list", Layout("struct mutex_waiter", "task", "ww_ctx")
)
_RWSEM_WAITERS = WaiterKind(
    "struct rwsem_waiter", "list", Layout("struct rwsem_waiter", "task", "type")
)
_SEMAPHORE_WAITERS = WaiterKind(
    "struct semaphore_waiter", "list", Layout("struct semaphore_waiter", "task")
)


@dataclass(frozen=True)
class Mutex:
    """A ``struct mutex`` or ``struct rt_mutex``."""

    addr: int
    owner_addr: int  #: struct task_struct *, 0 when it is free
    flags: tuple[str, ...]  #: of a mutex that is no rt_mutex: "waiters", "handoff", "pickup"
    waiters: tuple[Waiter, ...]  #: in the order of the queue


@dataclass(frozen=True)
class RwSemaphore:
    """A ``struct rw_semaphore``."""

    addr: int
    state: lock_words.RwsemState
    waiters: tuple[Waiter, ...]  #: in the order of the queue; on PREEMPT_RT all want the "lock"


@dataclass(frozen=True)
class Semaphore:
    """A ``struct semaphore``; nobody owns one."""

    addr: int
    count: int  #: how many can still take it
    last_holder_addr: int  #: struct task_struct * of the last that took it, 0: not known
    waiters: tuple[Waiter, ...]  #: in the order of the queue


def read_mutex(addr: int) -> Mutex:
    """The mutex at this address.

    :param addr: ``struct mutex *``.
    """
    if compat.has("struct mutex.Rt_mutex"):
        return read_rt_mutex(addr + _offset("struct mutex", "Rt_mutex"))
    row = _read(_MUTEX, addr)
    owner, flags = lock_words.decode_mutex_owner(row.owner_counter)
    entries = waiters_in_list(addr, "struct mutex", _MUTEX_WAITERS)
    return Mutex(addr, owner, flags, tuple(Waiter(at, task, "lock") for at, task, _ in entries))


def read_rt_mutex(addr: int) -> Mutex:
    """The rt_mutex at this address.

    :param addr: ``struct rt_mutex *`` or ``struct rt_mutex_base *``, which is its first member.
    """
    owner = lowlevel.read_pointer(addr + _offset("struct rt_mutex", "Owner"))
    waiters = waiters_in_tree(addr + _offset("struct rt_mutex", "Waiters"))
    return Mutex(addr, lock_words.decode_rt_mutex_owner(owner), (), tuple(waiters))


def read_rwsem(addr: int) -> RwSemaphore:
    """The rw_semaphore at this address.

    :param addr: ``struct rw_semaphore *``.
    """
    if compat.has("struct rw_semaphore.Rt_mutex"):
        rt_mutex = addr + _offset("struct rw_semaphore", "Rt_mutex")
        owner = lowlevel.read_pointer(rt_mutex + _offset("struct rt_mutex", "Owner"))
        state = lock_words.decode_rwbase(_read(_RT_RWSEM, addr).Readers, owner)
        return RwSemaphore(addr, state, read_rt_mutex(rt_mutex).waiters)

    has_owner = compat.has("struct rw_semaphore.Owner")
    row = _read(_RWSEM if has_owner else _RWSEM_WITHOUT_OWNER, addr)
    waiters = tuple(
        Waiter(at, task, _rwsem_wants(found))
        for at, task, found in waiters_in_list(addr, "struct rw_semaphore", _RWSEM_WAITERS)
    )
    owner = row.Owner if has_owner else 0
    if compat.has("struct rw_semaphore.owner.counter"):
        state = lock_words.decode_rwsem(row.count_counter, owner)
    else:
        state = lock_words.decode_biased_rwsem(row.count_counter, owner, bool(waiters))
    return RwSemaphore(addr, state, waiters)


def _rwsem_wants(row: Any) -> str:
    names = lowlevel.enumerators("enum rwsem_waiter_type")
    return "read" if row.type == names["RWSEM_WAITING_FOR_READ"] else "write"


def read_semaphore(addr: int) -> Semaphore:
    """The semaphore at this address.

    :param addr: ``struct semaphore *``.
    """
    count = _read(_SEMAPHORE, addr).count
    # v6.16 ("hung_task: Show the blocker task if the task is hung on semaphore")
    has_holder = compat.has("struct semaphore.last_holder")
    holder = _read(_LAST_HOLDER, addr).last_holder if has_holder else 0
    entries = waiters_in_list(addr, "struct semaphore", _SEMAPHORE_WAITERS)
    waiters = tuple(Waiter(at, task, "lock") for at, task, _ in entries)
    return Semaphore(addr, count, holder, waiters)


def _read(layout: Layout, addr: int) -> Any:
    row = layout.read(addr)
    if row is None:
        raise ReadError(f"{layout.struct} at {addr:#x} cannot be read: it is not in the dump")
    return row


def _offset(struct: str, name: str) -> int:
    return lowlevel.member(struct, compat.spelling(struct, name)).offset
