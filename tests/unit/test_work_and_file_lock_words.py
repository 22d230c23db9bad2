# SPDX-License-Identifier: GPL-2.0-or-later
"""work_struct.data and flags of file locks are taken apart as the kernel puts them together."""

from __future__ import annotations

import pytest

from LinuxDump.file_locks import FileLock, flattened, lock_kind, lock_type
from LinuxDump.work_items import WorkData, decode_work_data

PWQ = 0xFFFF_8880_0412_3600


@pytest.mark.parametrize(
    ("data", "alignment", "told"),
    [
        (0x0F_FFFF_FFE0, 256, WorkData(False, False, False, 0)),  # WORK_STRUCT_NO_POOL
        (PWQ | 0x5, 256, WorkData(True, False, False, PWQ)),  # pending
        (PWQ - (1 << 64) | 0x37, 256, WorkData(True, True, False, PWQ)),  # inactive, colour 3
        (PWQ | 0xFD, 256, WorkData(True, False, True, PWQ)),  # linked, colour 15
        (PWQ | 0x1E5, 512, WorkData(True, False, False, PWQ)),  # with CONFIG_DEBUG_OBJECTS_WORK
    ],
)
def test_work_data_is_flags_and_a_pool_workqueue(data: int, alignment: int, told: WorkData) -> None:
    assert decode_work_data(data, alignment) == told


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (1, "POSIX"),
        (1 | 128, "POSIX"),  # FL_SLEEP
        (1 | 8, "ACCESS"),
        (1 | 1024, "OFDLCK"),
        (2, "FLOCK"),
        (32, "LEASE"),
        (4, "DELEG"),
        (2048, "LEASE"),  # FL_LAYOUT
        (0, "UNKNOWN"),
    ],
)
def test_kind_of_lock_is_that_of_proc_locks(flags: int, kind: str) -> None:
    assert lock_kind(flags) == kind


@pytest.mark.parametrize(
    ("flags", "number", "name"),
    [
        (1, 0, "READ"),
        (1, 1, "WRITE"),
        (1, 2, "UNLCK"),
        (32 | 512, 1, "UNLCK"),  # FL_UNLOCK_PENDING
        (32 | 256, 1, "READ"),  # FL_DOWNGRADE_PENDING
        (1, 77, "?"),
    ],
)
def test_type_of_a_lease_being_broken_is_what_it_becomes(
    flags: int, number: int, name: str
) -> None:
    assert lock_type(flags, number) == name


def test_each_lock_is_followed_by_what_it_blocks() -> None:
    def lock(addr: int, *blocked: FileLock) -> FileLock:
        return FileLock(addr, 1, "WRITE", 1, 0, 0, 0, 0, 0, 0, None, blocked)

    locks = [lock(1, lock(2, lock(3)), lock(4)), lock(5)]
    told = [(level, each.addr) for level, each in flattened(locks)]
    assert told == [(0, 1), (1, 2), (2, 3), (1, 4), (0, 5)]
