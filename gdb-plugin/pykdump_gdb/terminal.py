# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what GDB prints reaches a terminal that shows colours."""

from __future__ import annotations

import os

import gdb

#: Whether GDB was started with -batch, which turns its own colours off.
is_batch = False


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    try:
        return os.isatty(1)
    except OSError:
        return False


def shows_colors() -> bool:
    """Whether stdout is a terminal with colours, GDB's own are on, and no pipe is in between."""
    if not is_terminal() or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return (is_batch or bool(gdb.parameter("style enabled"))) and not _is_piped()


def _is_piped() -> bool:
    # GDB's command "pipe" leaves stdout as it is, and starts a child that reads from a pipe.
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            children = file.read().split()
        own = {_link(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
    except OSError:
        return False
    stdins = {_link(f"/proc/{child}/fd/0") for child in children}
    return any(link.startswith("pipe:") for link in own & stdins)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
