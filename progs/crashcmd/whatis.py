# SPDX-License-Identifier: GPL-2.0-or-later
"""The type of a variable, expression or function, or the definition of a type.

STRUCT.MEMBER shows the member with its offset. Columns of -r and -m, which look through all
types of the kernel itself: SIZE in bytes and TYPE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashcmd import completion, struct, types, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import btf
from pykdump import commands, lowlevel, printed


def collect(given: Given) -> Text:
    if "-r" in given or "-m" in given:
        return text(_found(given))
    expression = " ".join(given.words).strip("\"'")
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
    if re.match(r"(struct|union) \w+$", expression) and lowlevel.has_type(expression):
        yield from types.definition(expression)
        return
    if re.fullmatch(r"\w+", expression) and lowlevel.has_type(expression):
        yield from _typedef(expression)
        return
    kind = commands.gdb().execute(f"whatis/r {expression}").removeprefix("type = ").strip()
    if re.fullmatch(r"[A-Za-z_]\w*", expression) and kind != expression:
        yield f"{types.declare(kind, expression)};"
    else:
        shown = commands.gdb().execute(f"ptype/r {expression}")
        yield from shown.removeprefix("type = ").splitlines()


def _typedef(name: str) -> Iterator[str]:
    shown = printed.definition(name).rstrip()
    if "(*)" in shown:
        shown = shown.replace("(*)", f"(*{name})", 1)
    elif shown != name:
        shown += f" {name}"
    yield from f"typedef {shown};".splitlines()
    yield f"SIZE: {lowlevel.sizeof(name)}"


def _found(given: Given) -> Iterator[str]:
    # Structs of these sizes, that have such a member or a pointer to one.
    low, high = _sizes(given)
    wanted = given.value("-m") or ""
    found = [
        (each.size_bytes, each.name)
        for each in btf.types().structures()
        if low <= each.size_bytes <= high and any(wanted in kind for kind in each.members)
    ]
    if not found:
        yield "(none found)"
        return
    width = max(4, *(len(str(size)) for size, _ in found))
    yield f"{'SIZE':>{width}}  TYPE"
    yield from (f"{size:>{width}}  {name}" for size, name in sorted(set(found)))


def _sizes(given: Given) -> tuple[int, int]:
    word = given.value("-r")
    if word is None:
        return 0, 1 << 32
    low, dash, high = word.partition("-")
    first = values.number(low)
    return first, values.number(high) if dash else first


COMMANDS = (
    Command(
        "whatis",
        "EXPRESSION",
        collect,
        options=(
            Option("-o", "members with their offsets"),
            Option(
                "-r",
                "structs and unions of this size, or from LOW to HIGH",
                "SIZE|LOW-HIGH",
                alone=True,
            ),
            Option("-m", "those with a member of this type, or pointer to it", "TYPE", alone=True),
        ),
        is_raw=True,
        json_last=True,
        completes=completion.types_or_expressions,
    ),
)
