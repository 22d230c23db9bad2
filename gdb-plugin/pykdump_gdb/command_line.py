# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's command line, read by GDB's own rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# GDB's options that take a word of their own; all others stand alone. Any unique beginning will do.
_WITH_ARGUMENT = (
    *("b", "c", "cd", "command", "core", "D", "d", "data-directory", "directory"),
    *("early-init-command", "early-init-eval-command", "eiex", "eix", "eval-command", "ex", "e"),
    *("exec", "i", "iex", "init-command", "init-eval-command", "interpreter", "ix", "l", "p"),
    *("pid", "s", "se", "symbols", "tty", "ui", "x"),
)
_ALONE = (
    *("args", "annotate", "batch", "batch-silent", "configuration", "dbx", "f", "fullname", "h"),
    *("help", "n", "nh", "nowindows", "nw", "nx", "q", "quiet", "readnever", "readnow", "r"),
    *("return-child-result", "silent", "statistics", "tui", "v", "version", "w", "windows"),
    *("write", "xdb"),
)


class CommandLine(NamedTuple):
    """What GDB was started with, as far as it concerns a dump."""

    program: str | None
    core: str | None


def parse(words: Sequence[str]) -> CommandLine:
    """The program and the core file, or pid, among GDB's arguments."""
    program = core = None
    positional: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--":
            positional += words
            break
        if not word.startswith("-") or word == "-":
            positional.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = _full_name(name)
        if name == "args":
            # All that follows the program are its own arguments.
            left = positional + words
            return CommandLine(left[0] if left else program, core)
        if name in _WITH_ARGUMENT and not equals:
            value = words.pop(0) if words else ""
        if name in ("c", "core"):
            core = value
        elif name in ("e", "exec", "s", "symbols", "se"):
            program = value
    if positional:
        program = positional[0]
    if len(positional) > 1:
        core = positional[1]
    return CommandLine(program, core)


def _full_name(name: str) -> str:
    known = (*_WITH_ARGUMENT, *_ALONE)
    if name in known:
        return name
    longer = [full for full in known if full.startswith(name)]
    return longer[0] if len(longer) == 1 else name
