# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that make no sense on a dump say so, where GDB would act as if they did."""

from __future__ import annotations

import gdb

from pykdump.errors import PykdumpError
from pykdump_gdb import session, settings
from pykdump_gdb.command import Command

_RESUME = (
    *("run", "start", "starti", "continue", "step", "next", "stepi", "nexti"),
    *("finish", "until", "advance", "jump", "signal"),
)
_STOP = ("break", "tbreak", "hbreak", "thbreak", "rbreak", "watch", "rwatch", "awatch", "catch")


class Refuse(Command):
    """What the hooks of commands that resume or stop a program call: an error on a dump.
    Usage: maintenance pykdump-refuse COMMAND"""

    def __init__(self) -> None:
        super().__init__("maintenance pykdump-refuse", gdb.COMMAND_MAINTENANCE)

    def run(self, arguments: str) -> None:
        if session.current() is None:
            return
        why = "this is a crash dump: nothing runs in it"
        if arguments in _STOP:
            why += "; for the place of a function use: info line NAME"
        raise PykdumpError(why)


def register() -> None:
    """Have GDB ask before these commands, unless the user has hooks of their own."""
    Refuse()
    with settings.quiet():
        for command in (*_RESUME, *_STOP):
            if not _has_hook(command):
                gdb.execute(f"define hook-{command}\nmaintenance pykdump-refuse {command}\nend")


def _has_hook(command: str) -> bool:
    try:
        gdb.execute(f"show user hook-{command}", to_string=True)
    except gdb.error:
        return False
    return True
