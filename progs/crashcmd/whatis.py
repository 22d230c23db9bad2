# SPDX-License-Identifier: GPL-2.0-or-later
"""The type of a variable, expression or function, or the definition of a type.

STRUCT.MEMBER shows the member with its offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashcmd import struct, types
from crashcmd.command import Command, Given, Option, Text, text
from pykdump import commands


def collect(given: Given) -> Text:
    expression = " ".join(given.words)
    if not expression:
        raise given.error("an expression is needed")
    return text(_lines(expression, given))


def _lines(expression: str, given: Given) -> Iterator[str]:
    name, _, path = expression.partition(".")
    if re.fullmatch(r"\w+(\.[\w.]+)?", expression) and struct.is_structure(expression):
        full = types.full_name(name)
        if path:
            yield from types.member_line(full, path)
        else:
            lines = types.with_offsets(full) if "-o" in given else types.definition(full)
            yield from lines
        return
    kind = commands.gdb().execute(f"whatis {expression}").removeprefix("type = ").strip()
    if re.fullmatch(r"[A-Za-z_]\w*", expression) and kind != expression:
        yield f"{types.declare(kind, expression)};"
    else:
        yield from commands.gdb().execute(f"ptype {expression}").removeprefix(
            "type = "
        ).splitlines()


COMMANDS = (
    Command(
        "whatis",
        "EXPRESSION",
        collect,
        options=(Option("-o", "members with their offsets"),),
        is_raw=True,
    ),
)
