# SPDX-License-Identifier: GPL-2.0-or-later
"""The command `crash`: commands of the crash utility, and a prompt for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TextIO

import gdb

from crashcmd import aliases, run
from pykdump import commands, pipes
from pykdump.errors import PykdumpError
from pykdump_gdb import crash_history as history
from pykdump_gdb import session, settings
from pykdump_gdb.command import Command, run_as_command
from pykdump_gdb.completion import completing_lines
from pykdump_gdb.output import PagerQuit, output
from pykdump_gdb.preserved import Preserved

_PROMPT = "crash> "
_ENDS = ("q", "quit", "exit")


class Crash(Command):
    """Run a command of the crash utility: crash ps -m, crash kmem -i, crash ps | grep UN.
    Usage: crash [COMMAND [OPTIONS] ...] [< FILE] [| SHELL | > FILE | >> FILE]

    Without COMMAND it is a prompt for them, where all other commands are GDB's, and !LINE is the
    shell's; q ends it. crash help lists the commands, crash help COMMAND explains one."""

    def __init__(self) -> None:
        super().__init__("crash", gdb.COMMAND_DATA)

    def invoke(self, arguments: str, from_tty: bool) -> None:
        self.dont_repeat()
        run_as_command(lambda: _crash(arguments.strip(), from_tty))

    def complete(self, text: str, word: str | None) -> list[str]:
        last = text.split(" ")[-1]
        # GDB breaks words at dashes, and wants back what replaces `word`.
        skip = 0 if word is None else len(last) - len(word)
        return [found[skip:] for found in run.completions(text)]


def _crash(line: str, from_tty: bool) -> None:
    if line.startswith("!") and from_tty:
        gdb.execute(f"shell {line[1:]}")
    elif line:
        if line.partition(" ")[0] not in ("help", "man", "?", "ascii", "eval", "alias"):
            session.require()
        _print(line, from_tty)
    elif not from_tty:
        raise PykdumpError("crash: a prompt needs a terminal; give a command: crash ps")
    else:
        _prompt()


def _print(line: str, from_tty: bool) -> None:
    parts = pipes.split(aliases.expand(line))
    if parts.shell and from_tty:
        pipes.to_terminal(commands.pieces(parts.command), parts.shell)
        return
    _show(commands.pieces(line))


def _show(texts: Iterator[str]) -> None:
    # GDB's pager does not know that a line was typed at the prompt: it counts the lines of all
    # commands. What fits on the screen goes past it.
    left = gdb.parameter("height") or 0
    width = gdb.parameter("width") or sys.maxsize
    held: list[str] = []
    try:
        while left > 1 and (text := next(texts, None)) is not None:
            held.append(text)
            left -= sum(1 + len(row) // width for row in text.split("\n"))
    finally:
        with settings.changed({"pagination": False} if left > 1 else {}):
            for text in held:
                sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    for text in texts:  # each at once with its end: Ctrl-C may come between two of them
        sys.stdout.write(f"{text}\n")


def _prompt() -> None:
    # input() asks GDB's own readline only while stdout has a descriptor.
    preserved = Preserved()
    try:
        sys.stdout, sys.stderr = _stdout(), output(gdb.STDERR, lambda: True)
        _ask()
    finally:
        preserved.restore()


def _stdout() -> TextIO:
    return output(gdb.STDOUT, lambda: False)


def _ask() -> None:
    with completing_lines(run.completions):
        while True:
            try:
                line = input(_PROMPT).strip()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
                continue
            if line in _ENDS:
                return
            try:
                _typed(history.resolved(line, print))
            except PagerQuit:
                sys.stdout = _stdout()
            except KeyboardInterrupt:
                print("interrupted")
            except (PykdumpError, gdb.error) as error:
                print(error)
            sys.stdout.flush()


def _typed(line: str) -> None:
    name = aliases.expand(line).partition(" ")[0]
    if not line or line.startswith(("#", "//")):
        return
    if line.startswith("!"):
        gdb.execute(f"shell {line[1:]}")
    elif (parts := pipes.split(line)).command == "h":
        _show(pipes.through(history.shown(), parts))
    elif name in run.names() or pipes.split(line).source or not _is_gdbs(name):
        _print(line, True)
    else:
        gdb.execute(line, from_tty=True)


def _is_gdbs(name: str) -> bool:
    try:
        # < > + - are commands of GDB, too, which scroll windows.
        return name[:1].isalpha() and gdb.execute(f"complete {name}", to_string=True).strip() != ""
    except gdb.error:
        return False


def register() -> None:
    """Add the command to GDB, and the commands to what scripts may ask."""
    Crash()
    run.register()
