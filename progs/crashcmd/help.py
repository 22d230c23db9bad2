# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands there are, and what one of them does; help -m is machine data.

Without COMMAND all commands, a line each; all explains each of them. What is a command of GDB only
is explained by GDB.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from crashcmd import aliases, machine, run, values
from crashcmd.command import Command, Given, Option, Text, text
from pykdump import commands
from pykdump.errors import CrashError


def collect(given: Given) -> Text:
    if "-m" in given:
        return text(machine.table_lines())
    if not given.words:
        return text(_all())
    names = run.names() if given.words == ["all"] else given.words
    return text([line for name in names for line in _one(name)])


def _one(name: str) -> list[str]:
    name = aliases.expand(name).partition(" ")[0]
    if run.find(name) is None and re.fullmatch("[a-z][a-z-]*", name):
        with contextlib.suppress(CrashError):
            return commands.gdb().execute(f"help {name}").splitlines()
    return list(run.help_lines(name))


def _all() -> Iterator[str]:
    for name in run.names():
        yield f"  {name:9} {run.summary(name)}"
    yield ""
    yield "help COMMAND explains one. Output can go through a shell command (ps | grep UN) or"
    yield "to a file (ps > FILE, ps >> FILE); words or whole lines can come from one (ps < FILE,"
    yield "< FILE). --json prints records."


COMMANDS = (
    Command(
        "help",
        "[COMMAND ...]",
        collect,
        options=(Option("-m", "addresses and sizes of the machine, as KEY: HEX", alone=True),),
        absent=(
            ("-a", "aliases are listed by: alias"),
            ("-r", "the CPUs' registers are shown by: bt -a"),
            ("-n -D", "what the dump is of and in is shown by: sys, pykdump status"),
            (
                "-b -B -c -d -e -f -g -h -H -k -K -L -M -N -o -p -s -t -T -v -V -z",
                "it is about tables of crash itself, which are not here",
            ),
        ),
        completes=lambda beginning: values.matching(run.names(), beginning),
    ),
)
