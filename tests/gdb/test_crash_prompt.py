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
    opened = Terminal(words, env)
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
