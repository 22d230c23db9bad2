# SPDX-License-Identifier: GPL-2.0-or-later
"""A command of GDB."""

from __future__ import annotations

import re

from crashcmd.command import Command, Given, Text, text
from pykdump import commands


def collect(given: Given) -> Text:
    # As it was typed, with its quotes.
    line = re.sub(r"^--json\b\s*|\s*(?<!\S)--json$", "", given.rest)
    if not line:
        raise given.error("a command of GDB is needed")
    return text(commands.gdb().execute(line).splitlines())


COMMANDS = (Command("gdb", "COMMAND", collect, is_raw=True, json_last=True, takes_empty=True),)
