# SPDX-License-Identifier: GPL-2.0-or-later
"""progs/log.py: lines made of records."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

import log  # noqa: E402
from LinuxDump.printk import LogRecord  # noqa: E402


def lines(*words: str, record: LogRecord) -> list[str]:
    options = log.TOOL.parser("log").parse_args(words)
    return list(log.render(log.Log((record,), boot_s=1_700_000_000), options))


def test_later_lines_of_a_record_stand_below_the_first() -> None:
    record = LogRecord(1_500_000_000, 6, 0, b"first\nsecond\n")
    assert lines(record=record) == ["[    1.500000] first", "               second"]
    assert lines("-t", record=record) == ["first", "second"]


def test_wall_clock_counts_from_boot() -> None:
    record = LogRecord(61_000_000_000, 0, 0, b"x")
    assert lines("-T", "-x", record=record) == ["emerg : [Tue Nov 14 22:14:21 2023] x"]


def test_control_bytes_and_broken_text_cannot_reach_the_terminal() -> None:
    assert log.printable(b"a\x1b[2J\xff\tb") == "a\\x1b[2J\\xff\tb"


def test_levels_by_name_and_from_a_level_up() -> None:
    assert log._levels("err,info") == {3, 6}
    assert log._levels("err+") == {0, 1, 2, 3}
    with pytest.raises(Exception, match="there is no level loud; levels: emerg"):
        log._levels("loud")
