# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines with ``| SHELL COMMANDS``, ``> FILE``, ``>> FILE`` and ``< FILE`` at their end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pykdump.errors import CrashError

_OPENING, _CLOSING = "([{", ")]}"


class Told(str):
    """A line about damage: where the others go into a file or a command, it is for the user."""


class CommandLine(NamedTuple):
    """A command line, taken apart."""

    command: str
    shell: str  #: what its output goes through, "" for none
    file: str  #: where its output goes, "" for nowhere else
    appends: bool
    source: str = ""  #: where command lines, or words of the command, come from, "" for nowhere


#: Commands whose words are an expression, in which < compares.
_EXPRESSIONS = ("p", "px", "pd", "print", "eval", "gdb", "g", "output", "call")


def split(line: str) -> CommandLine:
    """Take a line apart; raises CrashError.

    What is in quotes or parentheses is the command's own, and so is the ``>`` of ``->`` and ``>=``,
    a ``<`` without a blank before it, and what follows ``!`` at the beginning.
    """
    if line.startswith("!"):
        return CommandLine(line.strip(), "", "", False)
    parts = _split_output(line)
    command, source = _split_input(parts.command)
    return parts._replace(command=command, source=source)


def _split_input(line: str) -> tuple[str, str]:
    quote, depth = "", 0
    is_expression = line.split(" ", 1)[0].partition("/")[0] in _EXPRESSIONS
    for at, char in enumerate("" if is_expression else line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPENING or char in _CLOSING:
            depth = max(0, depth + (1 if char in _OPENING else -1))
        elif char == "<" and not depth and (not at or line[at - 1].isspace()):
            if line[at + 1 : at + 2] in ("<", "="):
                break
            file = _needed(line[at + 1 :], "the name of a file")
            return line[:at].strip(), os.path.expanduser(file.strip("\"'"))
    return line, ""


def _split_output(line: str) -> CommandLine:
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
            if re.search("[|;<>&]", re.sub("\"[^\"]*\"|'[^']*'", "", file)):
                raise CrashError(f"> {file}: only the name of a file can follow >; quote it")
            return CommandLine(
                line[:at].strip(), "", os.path.expanduser(file.strip("\"'")), appends
            )
    return CommandLine(line.strip(), "", "", False)


def _needed(rest: str, what: str) -> str:
    if not rest.strip():
        raise CrashError(f"{what} must follow | or > or <")
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
            file.writelines(f"{line}\n" for line in _told(lines))
    except OSError as error:
        raise CrashError(f"{parts.file}: {error.strerror}") from None


def _told(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if isinstance(line, Told):
            print(line, file=sys.stderr)
        else:
            yield line


def _filtered(lines: Iterable[str], shell: str) -> Iterator[str]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{line}\n" for line in _told(lines))
        file.seek(0)
        done = subprocess.run(shell, shell=True, stdin=file, stdout=subprocess.PIPE, check=False)
    yield from done.stdout.decode("utf-8", "backslashreplace").splitlines()


def to_terminal(lines: Iterable[str], shell: str) -> None:
    """Let a shell's command, as less, have the terminal, and these lines as its input."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(f"{line}\n" for line in _told(lines))
        file.seek(0)
        subprocess.run(shell, shell=True, stdin=file, check=False)
