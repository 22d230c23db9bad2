# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that stand for the beginnings of command lines: alias unps ps -m.

NAME alone tells what it stands for, NAME "" makes it stand for nothing. Columns: ORIGIN (builtin or
cmdline), ALIAS, COMMAND.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import aliases
from crashcmd.command import Command, Given, Text, text


def collect(given: Given) -> Text:
    if len(given.words) > 1:
        aliases.add(given.words[0], " ".join(given.words[1:]))
        return text(())
    known = aliases.known()
    if given.words and given.words[0] not in known:
        raise given.error(f"there is no alias {given.words[0]}")
    return text(_lines({n: v for n, v in known.items() if not given.words or n == given.words[0]}))


def _lines(known: dict[str, tuple[str, str]]) -> Iterator[str]:
    width = max(5, *(len(name) for name in known)) if known else 5
    yield f"ORIGIN   {'ALIAS':{width}}    COMMAND"
    for name, (origin, value) in known.items():
        yield f"{origin:8} {name:{width}}    {value}"


COMMANDS = (Command("alias", "[NAME [COMMAND LINE]]", collect, is_raw=True, takes_empty=True),)
