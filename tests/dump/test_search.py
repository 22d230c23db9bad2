# SPDX-License-Identifier: GPL-2.0-or-later
"""Searches of all memory: numbers, ranges, patterns across pages; limits and holes."""

from __future__ import annotations

from pathlib import Path

import pytest
from writer.diskdump import write_diskdump
from writer.elf import write_elf
from writer.machine import PAGE
from writer.mini import Mini, mini_machine

from accel import _accel, open_dump

MAGIC = 0x5EED_F00D_1234_5678


@pytest.fixture
def planted(mini_elf: Path) -> tuple[Mini, int]:
    """A machine with three pages of ours, one behind the other, and where they lie."""
    mini = mini_machine(mini_elf)
    at = mini.machine.alloc(3 * PAGE)
    mini.machine.write(at, bytes(3 * PAGE))
    for offset in (0, 8, PAGE + 4088):
        mini.machine.write_u64(at + offset, MAGIC)
    mini.machine.write(at + PAGE - 5, b"across a page")
    mini.machine.write(at + 2 * PAGE + 17, b"across a page")
    return mini, at


@pytest.mark.parametrize("elf", [False, True])
def test_numbers_and_patterns_are_found_everywhere(
    planted: tuple[Mini, int], elf: bool, tmp_path: Path
) -> None:
    mini, at = planted
    write_elf(mini.machine, tmp_path / "dump") if elf else write_diskdump(
        mini.machine, tmp_path / "dump"
    )
    dump = open_dump(tmp_path / "dump")
    hits, pages, cut, interrupted = _accel.find_numbers(dump, MAGIC, MAGIC)
    assert list(hits) == [at, at + 8, at + PAGE + 4088]
    assert pages == dump.pages_present and not cut and not interrupted
    assert list(_accel.find_pattern(dump, b"across a page")[0]) == [
        at + PAGE - 5,
        at + 2 * PAGE + 17,
    ]
    near = _accel.find_numbers(dump, MAGIC - 5, MAGIC + 5)[0]
    half = _accel.find_numbers(dump, MAGIC >> 32, MAGIC >> 32, size=4)[0]
    masked = _accel.find_numbers(dump, MAGIC & ~0xFF, MAGIC & ~0xFF, mask=~0xFF & (1 << 64) - 1)[0]
    assert list(near) == list(masked) == list(hits)
    assert list(half) == [addr + 4 for addr in hits]


def test_ranges_of_pages_and_limits_are_kept_to(planted: tuple[Mini, int], tmp_path: Path) -> None:
    mini, at = planted
    write_diskdump(mini.machine, tmp_path / "dump")
    dump, pfn = open_dump(tmp_path / "dump"), at // PAGE
    hits, pages, *_ = _accel.find_numbers(dump, MAGIC, MAGIC, pages=[(pfn + 1, pfn + 3)])
    assert (list(hits), pages) == ([at + PAGE + 4088], 2)
    hits, _, cut, _ = _accel.find_numbers(dump, MAGIC, MAGIC, limit=2)
    assert (len(hits), cut) == (2, True)


@pytest.mark.parametrize("elf", [False, True])
def test_page_that_is_not_there_is_passed_over(
    planted: tuple[Mini, int], elf: bool, tmp_path: Path
) -> None:
    mini, at = planted
    mini.machine.exclude(at + PAGE)
    write_elf(mini.machine, tmp_path / "dump") if elf else write_diskdump(
        mini.machine, tmp_path / "dump"
    )
    dump = open_dump(tmp_path / "dump")
    assert list(_accel.find_numbers(dump, MAGIC, MAGIC)[0]) == [at, at + 8]
    assert list(_accel.find_pattern(dump, b"across a page")[0]) == [at + 2 * PAGE + 17]


def test_what_cannot_be_sought_is_refused(planted: tuple[Mini, int], tmp_path: Path) -> None:
    write_diskdump(planted[0].machine, tmp_path / "dump")
    dump = open_dump(tmp_path / "dump")
    with pytest.raises(ValueError, match="empty"):
        _accel.find_pattern(dump, b"")
    with pytest.raises(_accel.Error, match="too long"):
        _accel.find_pattern(dump, bytes(5000))
    with pytest.raises(_accel.Error, match="cannot be sought"):
        _accel.find_numbers(dump, 2, 1)
