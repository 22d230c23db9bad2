# SPDX-License-Identifier: GPL-2.0-or-later
"""Extensions: here they are Python, a script of the PyKdump API or a tool, and run with epython.

Without FILE it lists the scripts and tools that are commands; crash's own extensions, which are
shared libraries, cannot be loaded.
"""

from __future__ import annotations

from crashcmd.command import Command, Given, Option, Text, text
from pykdump import commands


def collect(given: Given) -> Text:
    if given.words:
        raise given.error(
            f"{given.words[0]} cannot be loaded: extensions here are Python, run with epython FILE"
        )
    return text(["SCRIPTS AND TOOLS", *commands.gdb().programs()])


COMMANDS = (
    Command(
        "extend",
        "[FILE ...]",
        collect,
        options=(Option("-s", "what there is to run, as without FILE"),),
        absent=(("-u", "nothing is loaded that could be unloaded"),),
    ),
)
