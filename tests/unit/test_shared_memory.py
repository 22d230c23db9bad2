# SPDX-License-Identifier: GPL-2.0-or-later
"""System V shared memory that tasks have attached."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from LinuxDump import ipc_shm, task_reports

#: Address of each ``struct vm_area_struct`` here, and of the file that it maps.
FILES = {
    **{0x1000: 0xF1, 0x2000: 0xF2, 0x3000: 0xF3, 0x4000: 0, 0x5000: 0xF1, 0x6000: 0xF4},
    **{0x7000: 0xF5, 0x8000: 0xF6},
}
SHM_OPS, HUGE_OPS, EXT4_OPS = 0x51, 0x52, 0x53

#: By address of the file: its operations and its struct shm_file_data.
OPENED = {
    0xF1: (SHM_OPS, 0xA1),
    0xF2: (HUGE_OPS, 0xA2),
    0xF3: (EXT4_OPS, 0xA1),
    0xF4: (SHM_OPS, 0xA4),
    0xF5: (SHM_OPS, 0xA5),
    0xF6: (SHM_OPS, 0xA6),
}
HOST, CONTAINER = 0x10, 0x20  # namespaces

#: The id of the segment, and the namespace in which it is one. That at 0xA6 cannot be read.
ATTACHED = {0xA1: (7, HOST), 0xA2: (9, HOST), 0xA4: (8, HOST), 0xA5: (7, CONTAINER)}


def segment(key: int, shmid: int, size: int) -> ipc_shm.Segment:
    return ipc_shm.Segment(0x100 * shmid, key, shmid, 0, 0o600, size, 1)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attached segments, one of huge pages, one of a container's, and an ordinary file; id 8 was
    removed since."""
    names = {"shm_file_operations": SHM_OPS, "shm_file_operations_huge": HUGE_OPS}

    def opened(addr: int) -> SimpleNamespace:
        return SimpleNamespace(f_op=OPENED[addr][0], private_data=OPENED[addr][1])

    def attached(addr: int) -> SimpleNamespace | None:
        found = ATTACHED.get(addr)
        return SimpleNamespace(id=found[0], ns=found[1]) if found else None

    patched = {
        "lowlevel": SimpleNamespace(
            read_pointer=FILES.__getitem__,
            member=lambda struct, name: SimpleNamespace(offset=0),
            find_symbol=names.get,
        ),
        "_FILE": SimpleNamespace(read=opened),
        "_ATTACHED": SimpleNamespace(read=attached),
        "_vmas": lambda task: list(FILES),
    }
    for name, fake in patched.items():
        monkeypatch.setattr(task_reports, name, fake)
    segments = {
        HOST: [segment(0x5EED, 7, 4096), segment(0, 9, 2 << 20)],
        CONTAINER: [segment(0xC0DE, 7, 8192)],
    }
    monkeypatch.setattr(ipc_shm, "segments", segments.__getitem__)


def test_a_mapping_of_a_segment_is_known_by_its_key_and_id() -> None:
    assert task_reports.vma2sysv(0x1000) == (0x5EED, 7)
    assert task_reports.vma2sysv(0x2000) == (0, 9)


def test_an_id_is_that_of_the_namespace_in_which_the_segment_was_attached() -> None:
    assert task_reports.vma2sysv(0x7000) == (0xC0DE, 7)


def test_other_mappings_and_removed_segments_are_none() -> None:
    assert [task_reports.vma2sysv(vma) for vma in (0x3000, 0x4000, 0x6000, 0x8000)] == [None] * 4


def test_a_segment_counts_once_however_often_it_is_attached() -> None:
    assert task_reports.get_task_shm_usage(0xAA) == 4096 + (2 << 20) + 8192
