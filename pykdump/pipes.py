# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines with ``| SHELL COMMANDS``, ``> FILE`` and ``>> FILE`` at their end."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pykdump.errors import CrashError

_OPENING, _CLOSING = "([{", ")]}"


class CommandLine(NamedTuple):
    """A command line, taken apart."""

    command: str
    shell: str  #: what its output goes through, "" for none
    file: str  #: where its output goes, "" for nowhere else
    appends: bool


def split(line: str) -> CommandLine:
    """Take a line apart; raises CrashError.

    What is in quotes or parentheses is the command's own, and so is the ``>`` of ``->`` and ``>=``.
    """
    quote, depth = "", 0
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth = max(0, depth - 1)
        elif not depth and char == "|" and "|" not in (line[at - 1 : at], line[at + 1 : at + 2]):
            return CommandLine(line[:at].strip(), _needed(line[at + 1 :], "a command"), "", False)
        elif (
            not depth and char == ">" and line[at - 1 : at] != "-" and line[at + 1 : at + 2] != "="
        ):
            appends = line[at + 1 : at + 2] == ">"
            file = _needed(line[at + 1 + appends :], "the name of a file")
            return CommandLine(
                line[:at].strip(), "", os.path.expanduser(file.strip("\"'")), appends
            )
    return CommandLine(line.strip(), "", "", False)


def _needed(rest: str, what: str) -> str:
    if not rest.strip():
        raise CrashError(f"{what} must follow | or >")
    return rest.strip()


def through(lines: Iterable[str], parts: CommandLine) -> Iterator[str]:
    """What is left to print of the lines of a command's output, or of pieces of several lines."""
    if parts.file:
        _write(lines, parts)
    elif parts.shell:
        yield from _filtered(lines, parts.shell)
    else:
        yield from lines


def _write(lines: Iterable[str], parts: CommandLine) -> None:
    try:
        with open(
            parts.file, "a" if parts.appends else "w", encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise CrashError(f"{parts.file}: {error.strerror}") from None


def _filtered(lines: Iterable[str], shell: str) -> Iterator[str]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.seek(0)
        done = subprocess.run(shell, shell=True, stdin=file, stdout=subprocess.PIPE, check=False)
    yield from done.stdout.decode("utf-8", "backslashreplace").splitlines()


def to_terminal(lines: Iterable[str], shell: str) -> None:
    """Let a shell's command, as less, have the terminal, and these lines as its input."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.seek(0)
        subprocess.run(shell, shell=True, stdin=file, check=False)
