# SPDX-License-Identifier: GPL-2.0-or-later
"""Lengths that damaged memory may tell: an answer or a sentence, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from writer.elf import write_elf
from writer.mini import Mini, mini_machine

from accel import _accel, in_child, open_dump

HUGE = 1 << 60
WORD = [("word", [], 0, 8, "u")]
SHAPE = {"size": 64, "first": 0, "next": 0, "secret": 0, "most": HUGE}
SHAPE |= {"mixes_address": False, "mixes_swapped": False}


@pytest.fixture(scope="module")
def place(mini_elf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A dump, and the address of zeros in it."""
    mini: Mini = mini_machine(mini_elf)
    at = mini.machine.alloc(4096)
    mini.machine.write(at, bytes(4096))
    path = tmp_path_factory.mktemp("lengths") / "vmcore"
    return write_elf(mini.machine, path), mini.kernel.direct_map + at


def ends(walk: Any) -> str:
    return str(walk.end)


CALLS: dict[str, tuple[Callable[[Any, int], object], str]] = {
    "hash table": (lambda d, a: ends(_accel.walk_hash_table(d, a, HUGE)), "unreadable"),
    "hash table of huge buckets": (
        lambda d, a: ends(_accel.walk_hash_table(d, a, HUGE, stride=HUGE)),
        "unreadable",
    ),
    "hash table in the middle of nowhere": (
        lambda d, a: ends(_accel.walk_hash_table(d, 0xFFFF_F000_0000_0000, HUGE)),
        "unreadable",
    ),
    "structs": (
        lambda d, a: _accel.Layout(WORD).read_many(d, range(HUGE)),
        "more than 134217728 structs",
    ),
    "more structs than Python counts": (
        lambda d, a: _accel.Layout(WORD).read_columns(d, range(1 << 63)),
        "more than 134217728 structs",
    ),
    "field": (lambda d, a: _accel.Layout([("f", [], 0, 1 << 31, "b")]), "a size of 2147483648"),
    "offset": (lambda d, a: _accel.Layout([("f", [], HUGE, 8, "u")]).read_many(d, [a]), "[None]"),
    "read": (lambda d, a: d.read(a, HUGE), ""),
    "physical read": (lambda d, a: d.read_physical(0x100000, HUGE), ""),
    "array": (lambda d, a: _accel.select_structs(d, a, 64, HUGE, []), "none that a kernel has"),
    "array of huge structs": (
        lambda d, a: _accel.select_structs(d, a, HUGE, 2, []),
        "none that a kernel has",
    ),
    "counted array": (
        lambda d, a: _accel.count_values(d, a, 64, HUGE, offset=0, size=8, mask=1),
        "none that a kernel has",
    ),
    "objects of a slab": (
        lambda d, a: len(_accel.slab_objects(d, [a], [HUGE], [0], [], [], **SHAPE)[0]) < 1 << 16,
        "True",
    ),
    "per-CPU offsets": (
        lambda d, a: _accel.sum_per_cpu(d, [a, HUGE], [0, HUGE], size=8, is_signed=True),
        "[(0, 1), (0, 0)]",
    ),
    "pages to search": (
        lambda d, a: _accel.find_numbers(d, 1, 1, pages=[(0, HUGE)])[1] <= d.pages_present,
        "True",
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_length_of_2_to_the_60_is_bounded(what: str, place: tuple[Path, int]) -> None:
    path, addr = place
    call, expected = CALLS[what]

    def run() -> str:
        try:
            return str(call(open_dump(path), addr))
        except (_accel.Error, ValueError, OverflowError, MemoryError) as error:
            return f"{type(error).__name__}: {error}"

    assert expected in in_child(run)
