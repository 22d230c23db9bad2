# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver of tools: options, JSON, warnings, and never the end of the process."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from pykdump import colors, sections
from pykdump.logging import pylog
from pykdump.tool import FOUND, OK, Tool, UsageError, as_json, only_text


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


def test_the_status_tells_whether_something_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    finds = Tool(add_arguments, collect, render, has_findings=lambda report: len(report.rows) > 1)
    assert finds.run("demo", "--limit 1") == OK
    assert finds.run("demo", "--limit 2") == FOUND


def test_colours_are_for_terminals_or_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def painted(report: Report, options: argparse.Namespace) -> Iterator[str]:
        yield colors.paint("hung", "red", "bold")

    tool = Tool(add_arguments, lambda options: Report((), None), painted, uses_colors=True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    red = "\033[31;1mhung\033[0m\n"
    for words, is_terminal, expected in (
        ("", False, "hung\n"),
        ("", True, red),
        ("--color", False, red),
        ("--color=never", True, "hung\n"),
    ):
        monkeypatch.setattr(colors, "on_terminal", lambda is_terminal=is_terminal: is_terminal)
        tool.run("demo", words)
        assert capsys.readouterr().out == expected
    monkeypatch.setenv("NO_COLOR", "1")
    tool.run("demo", "")
    assert capsys.readouterr().out == "hung\n"


def test_verbose_ends_with_the_times_of_sections(capsys: pytest.CaptureFixture[str]) -> None:
    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("-v", dest="verbose", action="count", default=0)

    def collected(options: argparse.Namespace) -> Report:
        with sections.section("Stacks"):
            return Report((), None)

    tool = Tool(arguments, collected, render)
    tool.run("demo", "")
    assert "Stacks" not in capsys.readouterr().out
    tool.run("demo", "-v")
    assert capsys.readouterr().out.splitlines()[-1].endswith(" s  Stacks")


@dataclass(frozen=True)
class Shown:
    records: tuple[int, ...]
    lines: tuple[str, ...] = only_text()


def test_json_leaves_out_what_is_only_text() -> None:
    assert as_json(Shown((1,), ("one",))) == {"records": [1]}


def test_warnings_can_wait_for_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    late = Tool(add_arguments, collect, render, warns_last=True)
    assert late.run("demo", "--limit 1") == OK
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "ffff888000000000 3" and out.count("    task 0xff: skipped") == 1


def test_parts_of_a_tool_are_shown_below_those_that_they_are_of() -> None:
    sections.start()
    with sections.section("outer"):
        with sections.section("inner"):
            assert sections.current() == "inner"
    assert sections.current() == ""
    assert [line[14:] for line in sections.lines()][2:] == ["outer", "  inner"]
