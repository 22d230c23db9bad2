# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of locks are taken apart as kernel/locking/ puts them together."""

from __future__ import annotations

import pytest

from LinuxDump.lock_words import (
    MutexWord,
    Qspinlock,
    RwsemState,
    decode_biased_rwsem,
    decode_blocker,
    decode_mutex_owner,
    decode_qspinlock,
    decode_rt_mutex_owner,
    decode_rwbase,
    decode_rwsem,
)

TASK = 0xFFFF_8880_0412_3480
#: What Layout makes of it where the kernel's type is signed.
SIGNED_TASK = TASK - (1 << 64)

FREE = RwsemState("", 0, 0, 0, False)
WRITTEN = RwsemState("write", 0, TASK, 0, False)


@pytest.mark.parametrize(
    ("word", "owner", "flags"),
    [
        (0, 0, ()),
        (TASK, TASK, ()),
        (SIGNED_TASK, TASK, ()),
        (TASK | 1, TASK, ("waiters",)),
        (TASK | 3, TASK, ("waiters", "handoff")),
        (TASK | 5, TASK, ("waiters", "pickup")),  # handed over, not picked up yet
        (1, 0, ("waiters",)),  # unlocked, the first waiter was woken
    ],
)
def test_mutex_owner_has_flags_in_its_low_bits(
    word: int, owner: int, flags: tuple[str, ...]
) -> None:
    assert decode_mutex_owner(word) == MutexWord(owner, flags)


def test_rt_mutex_owner_has_one_flag() -> None:
    assert decode_rt_mutex_owner(TASK | 1) == TASK
    assert decode_rt_mutex_owner(1) == 0


@pytest.mark.parametrize(
    ("count", "owner", "state"),
    [
        (0, 0, FREE),
        (0x1, TASK, WRITTEN),  # RWSEM_WRITER_LOCKED
        (0x3, SIGNED_TASK, WRITTEN),  # and RWSEM_FLAG_WAITERS
        (0x7, TASK, WRITTEN._replace(has_handoff=True)),
        (0x100, TASK | 1, RwsemState("read", 1, 0, TASK, False)),  # RWSEM_READER_BIAS
        (0x302, TASK | 3, RwsemState("read", 3, 0, TASK, False)),  # and RWSEM_NONSPINNABLE
        (0x100, 0x7, RwsemState("read", 1, 0, 0, False)),  # 5.3 to 5.10: two of these
        (0x0, TASK | 1, RwsemState("", 0, 0, TASK, False)),  # what the last reader left
        (0x2, 0, FREE),  # released, the first waiter was woken
        (0x101, TASK, WRITTEN),  # a reader tries, and will take its bias back
        (-(1 << 63) + 0x200, 1, RwsemState("read", 2, 0, 0, False)),  # RWSEM_FLAG_READFAIL
    ],
)
def test_rwsem_counts_readers_above_its_flags(count: int, owner: int, state: RwsemState) -> None:
    assert decode_rwsem(count, owner) == state


@pytest.mark.parametrize(
    ("count", "owner", "has_waiters", "state"),
    [
        (0x0, 0, False, FREE),
        (0x3, 1, False, RwsemState("read", 3, 0, 0, False)),
        (0x3, TASK | 3, False, RwsemState("read", 3, 0, TASK, False)),  # 4.20 to 5.2
        # RWSEM_ACTIVE_WRITE_BIAS, and the same number for a reader with a writer behind it
        (0xFFFF_FFFF_0000_0001, TASK, False, WRITTEN),
        (-0xFFFF_FFFF, TASK, False, WRITTEN),
        (0xFFFF_FFFF_0000_0001, 1, True, RwsemState("read", 1, 0, 0, False)),
        # the bias of a writer and that of the queue
        (0xFFFF_FFFE_0000_0001, TASK, True, WRITTEN),
        # RWSEM_WAITING_BIAS: released, the first waiter was woken
        (0xFFFF_FFFF_0000_0000, 0, True, FREE),
    ],
)
def test_rwsem_before_5_3_tells_its_biases_apart_by_the_queue(
    count: int, owner: int, has_waiters: bool, state: RwsemState
) -> None:
    assert decode_biased_rwsem(count, owner, has_waiters) == state


@pytest.mark.parametrize(
    ("readers", "owner", "state"),
    [
        (0x8000_0000, 0, FREE),
        (-0x8000_0000, 0, FREE),
        (0x8000_0002, 0, RwsemState("read", 2, 0, 0, False)),
        (0x2, TASK, RwsemState("read", 2, 0, 0, True)),  # a writer waits for them to leave
        (0x4000_0000, TASK | 1, WRITTEN),
    ],
)
def test_rwbase_of_preempt_rt(readers: int, owner: int, state: RwsemState) -> None:
    assert decode_rwbase(readers, owner) == state


@pytest.mark.parametrize(
    ("value", "nr_cpus", "lock"),
    [
        (0, 64, Qspinlock(False, False, None, 0)),
        (0x1, 64, Qspinlock(True, False, None, 0)),
        (0x101, 64, Qspinlock(True, True, None, 0)),
        (0x0004_0001, 64, Qspinlock(True, False, 0, 0)),  # tail: CPU + 1 from bit 18 on
        (0x0016_0001, 8192, Qspinlock(True, False, 4, 2)),
        (0x0000_0801, 1 << 14, Qspinlock(True, False, 0, 0)),  # from bit 11 on
    ],
)
def test_qspinlock_has_its_queues_tail_in_the_upper_bits(
    value: int, nr_cpus: int, lock: Qspinlock
) -> None:
    assert decode_qspinlock(value, nr_cpus) == lock


def test_blocker_tells_the_kind_of_lock() -> None:
    assert decode_blocker(0) is None
    assert decode_blocker(TASK) == ("mutex", TASK)
    assert decode_blocker(TASK | 1) == ("semaphore", TASK)
    assert decode_blocker(TASK | 3) == ("rwsem, to write", TASK)
