# SPDX-License-Identifier: GPL-2.0-or-later
"""Words, options, pipes and redirects of crash command lines; the page that lists the commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashcmd import run, table, values
from crashcmd.command import Command, Given, Option, text
from pykdump import commands, pipes
from pykdump.errors import CrashError
from pykdump.logging import pylog

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Command(
    "try",
    "",
    lambda given: text(()),
    options=(Option("-a", ""), Option("-b", ""), Option("-R", "", "REF"), Option("-32", "")),
)


def given(line: str, command: Command = COMMAND) -> Given:
    return command.parse(line)


def test_letters_may_be_together_and_come_behind_words() -> None:
    found = given("1 -ab 2")
    assert found.flags() == ["-a", "-b"] and found.words == ["1", "2"]


@pytest.mark.parametrize("line", ["-R x", "-Rx", "-aRx", "-R=x", "-R 'x'"])
def test_an_option_takes_its_value(line: str) -> None:
    assert given(line).value("-R") == "x" and not given(line).words


def test_numbers_are_words_unless_they_are_options() -> None:
    assert given("-32 -64").flags() == ["-32"] and given("-32 -64").words == ["-64"]


def test_quotes_keep_blanks_and_dashes_end_options() -> None:
    assert given("'a b' -- -a").words == ["a b", "-a"]


@pytest.mark.parametrize("line, word", [("-z", "-z"), ("-az", "-z"), ("--long", "--long")])
def test_an_unknown_option_is_named(line: str, word: str) -> None:
    with pytest.raises(CrashError, match=f"try: there is no option {word} here"):
        given(line)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(CrashError, match="option -R needs REF"):
        given("-R")


def test_options_of_an_expression_end_at_its_first_word() -> None:
    raw = Command("p", "", lambda given: text(()), options=(Option("-x", ""),), is_raw=True)
    assert given("-x a -x", raw).words == ["a", "-x"]


@pytest.mark.parametrize(
    "line, command, shell, file",
    [
        ("ps | grep UN", "ps", "grep UN", ""),
        ("ps -m > /tmp/x", "ps -m", "", "/tmp/x"),
        ("ps | grep a | wc > n", "ps", "grep a | wc > n", ""),
        ("p a->b", "p a->b", "", ""),
        ("p (a | b)", "p (a | b)", "", ""),
        ("p a >= b", "p a >= b", "", ""),
        ("p x[a > b]", "p x[a > b]", "", ""),
        ('search -c "a|b"', 'search -c "a|b"', "", ""),
        ("p a || b", "p a || b", "", ""),
    ],
)
def test_pipes_and_redirects(line: str, command: str, shell: str, file: str) -> None:
    assert pipes.split(line)[:3] == (command, shell, file)


def test_what_follows_a_pipe_must_be_there() -> None:
    for line in ("ps |", "ps >", "ps >>"):
        with pytest.raises(CrashError, match="must follow"):
            pipes.split(line)


def test_redirects_write_and_append(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for line in (f"x > {out}", f"x >> {out}"):
        assert not list(pipes.through(["ä", "b"], pipes.split(line)))
    assert out.read_text() == "ä\nb\nä\nb\n"
    with pytest.raises(CrashError, match="No such file"):
        list(pipes.through([], pipes.split("x > /nosuch/folder/x")))


def test_every_command_is_found_and_documented() -> None:
    page = (ROOT / "docs" / "tools" / "crash-commands.md").read_text()
    listed = set(re.findall(r"`(\*|\w+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", page, re.M))))
    assert set(table.COMMANDS) <= listed
    for name in table.COMMANDS:
        command = run.find(name)
        assert command is not None and command.name == name
        assert run.summary(name)


def test_options_of_the_page_are_those_of_the_commands() -> None:
    page = (ROOT / "docs" / "tools" / "crash-commands.md").read_text().split("\n## ")[1]
    for names, options in re.findall(r"^\| (`[^|]*) \| ((?:[^|]|\\\|)*) \|", page, re.M):
        listed = set(re.findall(r"(?<![\w-])-\w+", options))
        commands = [run.find(name) for name in re.findall(r"`(\*|\w+)`", names)]
        known = {option.flag for command in commands if command for option in command.all_options}
        if known:
            assert listed <= known, (names, listed - known)
            assert known - listed <= {"--json"}, (names, known - listed)


def test_pieces_of_several_lines_are_the_same_text_as_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def of_pieces(rest: str) -> list[str]:
        return ["a\nb", "", "c"]

    monkeypatch.setitem(commands._commands, "try", of_pieces)
    assert list(commands.lines("try")) == ["a", "b", "", "c"]
    assert commands.exec_crash_command("try") == "a\nb\n\nc\n"
    assert commands.exec_crash_command("try | grep c") == "c\n"
    assert not list(commands.pieces(f"try > {tmp_path}/out"))
    assert (tmp_path / "out").read_text() == "a\nb\n\nc\n"


def test_what_went_to_a_file_is_no_failure_for_scripts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(commands._commands, "try", lambda rest: ["a"])
    monkeypatch.setitem(commands._commands, "silent", lambda rest: [])
    assert commands.exec_crash_command(f"try > {tmp_path}/out") == ""
    assert (tmp_path / "out").read_text() == "a\n"
    with pytest.raises(CrashError):
        commands.exec_crash_command("silent")


def test_a_word_that_is_no_hexadecimal_number_is_named_as_it_was_given() -> None:
    assert values.hex_number("0x1f") == values.hex_number("1F") == 0x1F
    with pytest.raises(CrashError, match="^zzz is no number"):
        values.hex_number("zzz")


def test_lines_of_pieces_are_records_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    command = Command("try", "", lambda given: text(iter(["a\nb", "c"])))
    monkeypatch.setattr(run, "find", lambda name: command)
    found = json.loads("\n".join(run.run("try", "--json")))
    assert found["records"]["lines"] == ["a", "b", "c"]


def test_a_warning_is_told_once_before_what_it_was_met_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(given: Given) -> Iterator[str]:
        for name in ("first", "second"):
            pylog.warning("the list is broken")
            yield name

    command = Command("try", "", lambda given: text(lines(given)))
    monkeypatch.setattr(run, "find", lambda name: command)
    assert list(run.run("try", "")) == ["try: the list is broken", "first", "second"]
