# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command line several times; a dump does not change, so once is what it does by default.

COMMAND LINE may begin with -SECONDS, which crash waits between the times; here it does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashcmd.command import Command, Given, Option, Text, text
from pykdump import commands

_MOST = 1000


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("a command line is needed")
    count = given.value("-n") or "1"
    if not count.isdecimal() or int(count) > _MOST:
        raise given.error(f"{count} is no number up to {_MOST}")
    line = re.sub(r"^-\d+\s+", "", " ".join(given.words))  # how long to wait: nothing would change
    return text(_lines(line, int(count)))


def _lines(line: str, count: int) -> Iterator[str]:
    for _ in range(count):
        yield from commands.pieces(line)


COMMANDS = (
    Command(
        "repeat",
        "COMMAND LINE",
        collect,
        options=(
            Option("-n", "how often", "COUNT"),
            Option("-1", "once"),
        ),
        is_raw=True,
        takes_empty=True,
    ),
)
