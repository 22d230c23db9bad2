# SPDX-License-Identifier: GPL-2.0-or-later
"""What the words of locks say: owners with flags in their low bits, counts with biases.

Pure decoding: integers as read from memory in, records out.
"""

from __future__ import annotations

from typing import NamedTuple

_LOW_32 = 0xFFFF_FFFF
_LOW_64 = 0xFFFF_FFFF_FFFF_FFFF

# kernel/locking/mutex.c
_MUTEX_FLAGS = {"waiters": 1, "handoff": 2, "pickup": 4}
_MUTEX_FLAGS_MASK = 7

# kernel/locking/rtmutex_common.h
_RT_MUTEX_HAS_WAITERS = 1

# kernel/locking/rwsem.c
_RWSEM_WRITER_LOCKED = 1
_RWSEM_FLAG_HANDOFF = 4
_RWSEM_FLAG_READFAIL = 1 << 63
_RWSEM_READER_SHIFT = 8
_RWSEM_READER_OWNED = 1
# v5.3 7d43f1ce9dd0 ("locking/rwsem: Enable time-based spinning on reader-owned rwsem") took a third
# bit, v5.11 617f3ef95177 ("locking/rwsem: Remove reader optimistic spinning") gave it back; a task
# is aligned to more than that.
_RWSEM_OWNER_FLAGS_MASK = 7

# include/linux/rwbase_rt.h
_RWBASE_READER_BIAS = 1 << 31
_RWBASE_WRITER_BIAS = 1 << 30

# include/asm-generic/qspinlock_types.h
_Q_PENDING = 1 << 8
_MANY_CPUS = 1 << 14


class MutexWord(NamedTuple):
    """``mutex.owner`` taken apart."""

    owner_addr: int  #: struct task_struct *, 0 when it is free
    flags: tuple[str, ...]  #: "waiters", "handoff", "pickup": the owner did not take it yet


class RwsemState(NamedTuple):
    """Who holds an rw_semaphore."""

    held_for: str  #: "read", "write" or "" when it is free
    readers: int  #: how many hold it for reading; before 5.3 with those that just try to
    writer_addr: int  #: struct task_struct * of the one that writes, 0 when not known
    last_reader_addr: int  #: of the last that got it for reading, holding it or not; 0: not known
    has_handoff: bool  #: the next is the first waiter


class Qspinlock(NamedTuple):
    """A queued spinlock."""

    is_locked: bool
    is_pending: bool  #: one CPU spins on the word itself
    tail_cpu: int | None  #: last CPU of the queue, None without one
    tail_index: int  #: nesting of that CPU: task, softirq, hardirq, NMI


def decode_mutex_owner(word: int) -> MutexWord:
    """The owner and flags in ``mutex.owner`` (4.10 and newer)."""
    flags = tuple(name for name, bit in _MUTEX_FLAGS.items() if word & bit)
    return MutexWord(word & _LOW_64 & ~_MUTEX_FLAGS_MASK, flags)


def decode_rt_mutex_owner(word: int) -> int:
    """``struct task_struct *`` in ``rt_mutex_base.owner``, 0 when it is free."""
    return word & _LOW_64 & ~_RT_MUTEX_HAS_WAITERS


def decode_rwsem(count: int, owner: int) -> RwsemState:
    """State of an rw_semaphore of 5.3 and newer.

    v5.3 64489e78004c ("locking/rwsem: Implement a new locking scheme"): one bit for a writer, three
    for flags, readers from bit 8 on.
    """
    count &= _LOW_64
    readers = (count & ~_RWSEM_FLAG_READFAIL) >> _RWSEM_READER_SHIFT
    has_writer = bool(count & _RWSEM_WRITER_LOCKED)
    # A reader that finds a writer takes its count back at once.
    held = "write" if has_writer else "read" if readers else ""
    task = owner & _LOW_64 & ~_RWSEM_OWNER_FLAGS_MASK
    by_reader = bool(owner & _RWSEM_READER_OWNED)
    return RwsemState(
        held,
        0 if has_writer else readers,
        task if has_writer and not by_reader else 0,
        task if by_reader else 0,
        bool(count & _RWSEM_FLAG_HANDOFF),
    )


def decode_biased_rwsem(count: int, owner: int, has_waiters: bool) -> RwsemState:
    """State of an rw_semaphore before 5.3.

    The lower half counts those that hold it or try to; the upper goes down by one for a writer and
    by one for a queue that is not empty, which alone tells the two apart.

    :param has_waiters: whether its list of waiters has any.
    """
    active = count & _LOW_32
    biases = -((count & _LOW_64) >> 32) & _LOW_32
    # In 4.18 bit 0 alone meant readers, without saying which. v4.20 925b9cd1b89a ("locking/rwsem:
    # Make owner store task pointer of last owning reader") added the task, and gave bit 1 to owners
    # that are not known.
    task = owner & _LOW_64 & ~_RWSEM_OWNER_FLAGS_MASK
    by_reader = bool(owner & _RWSEM_READER_OWNED)
    has_writer = biases > has_waiters
    held = "write" if has_writer else "read" if active else ""
    return RwsemState(
        held,
        0 if has_writer else active,
        task if has_writer and not by_reader else 0,
        task if by_reader else 0,
        False,
    )


def decode_rwbase(readers: int, owner_word: int) -> RwsemState:
    """State of a reader-writer lock of PREEMPT_RT.

    READER_BIAS is there unless a writer came; it takes it away, waits for the readers with the
    rt_mutex in its hands, then sets WRITER_BIAS.

    :param owner_word: owner of its rt_mutex.
    """
    readers &= _LOW_32
    if readers == _RWBASE_WRITER_BIAS:
        return RwsemState("write", 0, decode_rt_mutex_owner(owner_word), 0, False)
    count = readers & ~_RWBASE_READER_BIAS & ~_RWBASE_WRITER_BIAS
    return RwsemState("read" if count else "", count, 0, 0, not readers & _RWBASE_READER_BIAS)


def decode_qspinlock(value: int, nr_cpus: int) -> Qspinlock:
    """State of a queued spinlock.

    :param nr_cpus: CONFIG_NR_CPUS, which decides where the tail begins.
    """
    tail = (value & _LOW_32) >> (16 if nr_cpus < _MANY_CPUS else 9)
    cpu = (tail >> 2) - 1 if tail else None
    return Qspinlock(bool(value & 0xFF), bool(value & _Q_PENDING), cpu, tail & 3)


# include/linux/hung_task.h, from 6.16 on: the lock with its kind in the lowest two bits
_BLOCKER_KINDS = ("mutex", "semaphore", "rwsem, to read", "rwsem, to write")


def decode_blocker(word: int) -> tuple[str, int] | None:
    """Kind and address of the lock in ``task_struct.blocker``; None without one."""
    return (_BLOCKER_KINDS[word & 3], word & _LOW_64 & ~3) if word else None
