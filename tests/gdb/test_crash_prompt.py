# SPDX-License-Identifier: GPL-2.0-or-later
"""The command crash at a terminal: the prompt, what is GDB's there, completion, the shell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from gdb_run import BUILD, LAUNCHER
from mini_dump import MiniDump
from terminal import Terminal

GDB, CRASH = r"\(gdb\) ", r"crash> "


@pytest.fixture()
def terminal(panicked: MiniDump, tmp_path: Path) -> Iterator[Terminal]:
    env = {**os.environ, "PYKDUMP_BUILD": str(BUILD), "TERM": "xterm", "INPUTRC": "/dev/null"}
    env.pop("PYKDUMPPATH", None)
    words = [LAUNCHER, "--nx", panicked.vmlinux, panicked.vmcore, "-c", "set confirm off"]
    opened = Terminal(words, env, lines=80)
    try:
        opened.read_until(GDB)
        opened.type("crash\r")
        opened.read_until(CRASH)
        yield opened
    finally:
        opened.close()


def answer(terminal: Terminal, line: str, prompt: str = CRASH) -> str:
    terminal.type(line + "\r")
    return terminal.read_until(prompt)


def test_commands_are_ours_and_the_rest_is_gdbs(terminal: Terminal) -> None:
    assert "decimal: 4096" in answer(terminal, "eval 0x1000")
    assert "$1 = 42" in answer(terminal, "print 6 * 7")
    assert "of the shell" in answer(terminal, "!echo of the shell")
    assert "there is no command nosuchcommand" in answer(terminal, "nosuchcommand")
    assert "there is no option -Z here" in answer(terminal, "ps -Z")
    answer(terminal, "q", GDB)
    assert "decimal: 16" in answer(terminal, "crash eval 0x10", GDB)


def test_output_goes_through_the_shell(terminal: Terminal) -> None:
    shown = answer(terminal, "eval 0x1000 | grep octal")
    assert "octal: 10000" in shown and "binary" not in shown


def test_the_pager_asks_for_what_is_longer_than_the_screen_only(terminal: Terminal) -> None:
    answer(terminal, "q", GDB)
    answer(terminal, "set height 10", GDB)
    answer(terminal, "crash")
    for number in range(20):
        assert f"decimal: {number}" in answer(terminal, f"eval {number}")
    terminal.type("ascii\r")
    terminal.read_until("--Type <RET> for more")
    terminal.type("q\r")
    terminal.read_until(CRASH)
    assert "decimal: 3" in answer(terminal, "eval 3")


def test_ctrl_c_and_an_empty_line_leave_the_prompt(terminal: Terminal) -> None:
    answer(terminal, "")
    terminal.type("half a li\x03")
    terminal.read_until(CRASH)
    assert "octal: 1\n" in answer(terminal, "eval 1")


def test_tab_completes_commands_and_options(terminal: Terminal) -> None:
    terminal.type("sbit\t")
    terminal.read_until("sbitmapq")
    terminal.type("\x15")  # forget the line
    assert "octal: 2\n" in answer(terminal, "ev\t 2")


def test_typed_lines_are_listed_and_done_again(terminal: Terminal) -> None:
    answer(terminal, "eval 0x1000")
    answer(terminal, "ascii 41")
    assert "[1] eval 0x1000\n[2] ascii 41\n" in answer(terminal, "h")
    listed = answer(terminal, "h | grep asc").splitlines()[1:]
    assert "[2] ascii 41" in listed and not any("eval" in line for line in listed)
    for again in ("r", "!!", "r 2", "r asc", "!2"):
        assert "0000000000000041: A" in answer(terminal, again), again
    for again in ("r 1", "r ev"):
        shown = answer(terminal, again)
        assert "eval 0x1000" in shown and "decimal: 4096" in shown
    assert "there are 9 lines in the history" in answer(terminal, "r 99")
    assert "no line in the history begins so" in answer(terminal, "r nosuch")


def test_lines_come_from_a_file(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("eval 0x1000\nnosuch\n# ascii 41\nprint 6 * 7\nascii 42\n")
    shown = answer(terminal, f"< {tmp_path}/in", "42: B")
    for text in ("decimal: 4096", "there is no command nosuch", "$1 = 42"):
        assert text in shown, text
    assert "41: A" not in shown


def test_tab_completes_words_and_files(terminal: Terminal, tmp_path: Path) -> None:
    for typed, becomes in (
        ("struct list_h\t", "list_head"),
        ("struct list_head.ne\t", "list_head.next"),
        ("foreach UN b\t --j\t", "--json"),
        ("help sbit\t", "sbitmapq"),
        ("dmes\t", "dmesg"),
        (f"ps > {tmp_path}/\t", "in.txt"),
    ):
        (tmp_path / "in.txt").touch()
        terminal.type(typed)
        terminal.read_until(becomes.replace(".", r"\."))
        terminal.type("\x15")


def test_tab_completes_the_same_word_twice(terminal: Terminal) -> None:
    assert "struct list_head *next;" in answer(terminal, "whatis list_hea\t.nex\t")


def test_commands_that_write_or_end_say_that_there_is_nothing(terminal: Terminal) -> None:
    assert "wr: a dump can only be read" in answer(terminal, "wr jiffies 1")
    answer(terminal, "exit", GDB)
    for line in ("crash q", "crash exit", "crash quit"):
        assert "it ends the crash> prompt" in answer(terminal, line, GDB)
    assert "of the shell" in answer(terminal, "crash !echo of the shell", GDB)
