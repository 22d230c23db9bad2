# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver of tools: options, JSON, warnings, and never the end of the process."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from pykdump.logging import pylog
from pykdump.tool import OK, Tool, UsageError


class Row(NamedTuple):
    addr: int
    count: int
    comm: bytes


@dataclass(frozen=True)
class Report:
    rows: tuple[Row, ...]
    head_addr: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=2)


def collect(options: argparse.Namespace) -> Report:
    pylog.warning("task 0xff: skipped")
    pylog.warning("task 0xff: skipped")
    return Report((Row(0xFFFF888000000000, 3, b"a\xff"),) * options.limit, 0x10)


def render(report: Report, options: argparse.Namespace) -> Iterator[str]:
    yield from (f"{row.addr:x} {row.count}" for row in report.rows)


TOOL = Tool(add_arguments, collect, render)


def test_text_ends_with_a_summary_that_names_each_warning_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert TOOL.run("demo", "--limit 1") == OK
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["+++WARNING+++ task 0xff: skipped", "ffff888000000000 3"]
    assert out[-1] == "-" * 78
    assert out.count("    task 0xff: skipped") == 1


def test_json_has_the_records_with_addresses_in_hex_and_the_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    TOOL.run("demo", ["--json", "--limit", "1"])
    assert json.loads(capsys.readouterr().out) == {
        "rows": [{"addr": "0xffff888000000000", "count": 3, "comm": "a\\xff"}],
        "head_addr": "0x10",
        "warnings": ["task 0xff: skipped"],
    }


def test_wrong_options_are_an_error_and_not_the_end_of_gdb() -> None:
    with pytest.raises(UsageError, match="pykdump demo: .*--nonsense"):
        TOOL.run("demo", "--nonsense")


def test_help_prints_and_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert TOOL.run("demo", "--help", "What it shows.") == OK
    assert "What it shows." in capsys.readouterr().out
