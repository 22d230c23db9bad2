# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands there are, and what one of them does; help -m is machine data.

Without COMMAND all commands, a line each.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import machine, run, values
from crashcmd.command import Command, Given, Option, Text, text


def collect(given: Given) -> Text:
    if "-m" in given:
        return text(machine.table_lines())
    if not given.words:
        return text(_all())
    return text(line for name in given.words for line in run.help_lines(name))


def _all() -> Iterator[str]:
    for name in run.names():
        yield f"  {name:9} {run.summary(name)}"
    yield ""
    yield "help COMMAND explains one. Output can go through a shell command (ps | grep UN) or"
    yield "to a file (ps > FILE, ps >> FILE); --json prints records."


COMMANDS = (
    Command(
        "help",
        "[COMMAND ...]",
        collect,
        options=(Option("-m", "addresses and sizes of the machine, as KEY: HEX"),),
        completes=lambda beginning: values.matching(run.names(), beginning),
    ),
)
