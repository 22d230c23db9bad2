# SPDX-License-Identifier: GPL-2.0-or-later
"""A command of GDB."""

from __future__ import annotations

from crashcmd.command import Command, Given, Text, text
from pykdump import commands


def collect(given: Given) -> Text:
    if not given.rest:
        raise given.error("a command of GDB is needed")
    return text(commands.gdb().execute(given.rest).splitlines())


COMMANDS = (Command("gdb", "COMMAND", collect, is_raw=True, takes_empty=True),)
