# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic helpers that need no dump: delays, numbers, flags, tables of free memory, colours."""

from __future__ import annotations

import pytest

from LinuxDump import Time, crashcolor, kmem, libmisc


@pytest.mark.parametrize(
    ("ts", "jiffies", "text"),
    [
        (1000, 1308, "1.23 s"),
        (0, 250 * 3600 * 5, "5 hours"),
        (0, 250 * 3600 * 25, ">24hours"),
        (1001, 1000, "     n/a"),
        (0xFFFF_FF00, 0xFA, "2.02 s"),  # 32 bits have wrapped
        (0x1_0000_0000, 0x1_0000_00FA, "1.00 s"),
    ],
)
def test_delay_is_told_in_its_unit(
    monkeypatch: pytest.MonkeyPatch, ts: int, jiffies: int, text: str
) -> None:
    monkeypatch.setattr(Time, "sys_info", {"HZ": 250})
    assert Time.j_delay(ts, jiffies) == text


def test_numbers_and_flags() -> None:
    assert [libmisc.arg_value(text) for text in ("0x1f", "017", "19", "ff", "0b101")] == [
        *(31, 15, 19, 255, 5)
    ]
    assert libmisc.flags_to_string(5, {"A": 0, "B": 1, "C": 2}) == "A|C"
    assert libmisc.defines_to_string(6, {"READ": 2, "BOTH": 6, "EXEC": 1}) == "READ|BOTH"
    assert libmisc.val_to_units_string(1536, 1024) == "1.50K"
    assert libmisc.val_to_units_string(999, 1000) == "999"


KMEM_F = """
NODE
  0
ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR
  0   DMA         4095    3840  ffffea0000000040       1000            1
AREA    SIZE  FREE_AREA_STRUCT  BLOCKS   PAGES
  0       4k  ffff88813fffa0c8      70      70
  1       8k  ffff88813fffa120       1       2

ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR
  1   DMA32     258014  190000  ffffea0000040000     1000000         4096
AREA    SIZE  FREE_AREA_STRUCT  BLOCKS   PAGES
  3      32k  ffff88813fffa7d0       1       8
"""


def test_free_blocks_are_counted_by_node(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = kmem.parse_kmemf(KMEM_F)
    assert [(zone.name, zone.free, len(zone.areas)) for zone in nodes[0]] == [
        ("DMA", 3840, 2),
        ("DMA32", 190000, 1),
    ]
    assert nodes[0][0].areas[1] == kmem.Area(1, 8, 1, 2)
    assert kmem.check_kmemf(nodes)
    told = capsys.readouterr().out
    assert "node 0 has 1 free 32 kB blocks" in told
    assert "8 kB" not in told  # the one of 32 kB can be split
    assert not kmem.check_kmemf({})


def test_colours_are_ansi_codes(capsys: pytest.CaptureFixture[str]) -> None:
    crashcolor.set_color(crashcolor.RED)
    crashcolor.set_bg_color(crashcolor.BLUE)
    crashcolor.set_color(crashcolor.RESET)
    assert capsys.readouterr().out == "\033[31m\033[44m\033[0m"
