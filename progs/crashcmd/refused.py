# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of crash that mean nothing here, and say so rather than be GDB's of the same name."""

from __future__ import annotations

from crashcmd.command import Command, Given, Text


def _write(given: Given) -> Text:
    """Writes to the memory of a live system in crash; a dump can only be read."""
    raise given.error("a dump can only be read: nothing is written")


def _quit(given: Given) -> Text:
    """Ends the prompt that crash alone begins; without one there is nothing to end."""
    raise given.error("it ends the crash> prompt, and there is none here")


def _history(given: Given) -> Text:
    """Lists the lines typed at the prompt; r, r N and r TEXT (or !!, !N) do one of them again."""
    raise given.error("it is about the lines typed at the crash> prompt; for one: crash")


COMMANDS = (
    Command("wr", "[ADDRESS | SYMBOL] VALUE", _write, is_raw=True),
    Command("q", "", _quit),
    Command("exit", "", _quit),
    Command("h", "", _history),
    Command("r", "[NUMBER | TEXT]", _history),
)
