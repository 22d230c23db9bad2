# SPDX-License-Identifier: GPL-2.0-or-later
"""Types as crash shows them: with the offsets of their members, made of GDB's ptype."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pykdump import commands, lowlevel, printed
from pykdump.errors import CrashError, PykdumpError

_LINE = re.compile(r"(?:/\*\s*(?P<at>\d+)?(?:\s*:\s*(?P<bit>\d+))?[^*]*\*/)?(?P<text>.*)")
_STEP = "    "
_PATH = re.compile(r"\w+(\[\d+\])*(\.\w+(\[\d+\])*)*")
# The name at the end of a declaration, before what makes it an array or a bit-field.
_NAME = re.compile(r"(\w+)(?:\[\d*\])*(?: : \d+)?;$")


def full_name(name: str, keyword: str = "") -> str:
    """``struct x``, ``union x`` or a typedef's name; raises CrashError."""
    for word in (keyword,) if keyword else ("struct", "union"):
        if lowlevel.has_type(f"{word} {name}"):
            return f"{word} {name}"
    if not keyword and re.fullmatch(r"\w+", name) and lowlevel.has_type(name):
        return name
    other = {"struct": "union", "union": "struct"}.get(keyword)
    if other and lowlevel.has_type(f"{other} {name}"):
        raise CrashError(f"data type mismatch: {name} is not a {keyword}; see: {other} {name}")
    raise CrashError(f"invalid data structure reference: {name}")


def definition(name: str, base: int = 10) -> Iterator[str]:
    """The definition of a type, and its size."""
    shown = printed.definition(name).splitlines()
    if any("{...}" in line for line in shown):  # what has no name in it is told, too
        shown = [shown[0], *("    " + text for _, text in _printed_rows(name)), "}"]
    yield from shown
    yield _size(name, base)


def with_offsets(name: str, addr: int | None = None, base: int = 10) -> Iterator[str]:
    """The definition with offsets, or with the addresses of the members of an object."""
    rows = list(_rows(name))
    places = [_place(at, addr, base) if at is not None else "" for at, _ in rows]
    width = max(4, *map(len, places))
    yield f"{name} {{"
    for place, (_, text) in zip(places, rows):
        yield f"  {place:>{width}} {text}"
    yield "}"
    yield _size(name, base)


def _size(name: str, base: int) -> str:
    size = lowlevel.sizeof(name)
    return f"SIZE: {size:#x}" if base == 16 else f"SIZE: {size}"


def member_line(name: str, path: str, addr: int | None = None, base: int = 10) -> Iterator[str]:
    """One member with its offset or address."""
    try:
        found = lowlevel.member(name, path)
    except PykdumpError:
        raise CrashError(f"{name} has no member {path}") from None
    yield f"{name} {{"
    yield f"  {_place(found.offset, addr, base):>4} {declaration(name, path)};"
    yield "}"


def declaration(name: str, path: str) -> str:
    """A member as C declares it."""
    last = path.split(".")[-1]
    shown = printed.member_type(name, path) if re.fullmatch(_PATH, path) else None
    if shown is None:  # GDB says what is wrong with it
        expression = f"(({name} *)0)->{path}"
        shown = commands.gdb().execute(f"whatis/r {expression}").removeprefix("type = ").strip()
    return declare(shown, last)


def declare(kind: str, name: str) -> str:
    """A declaration in C of a name of this type."""
    function = re.match(r"(.*)\((\*+)\)(.*)", kind)
    if function:
        return f"{function[1]}({function[2]}{name}){function[3]}"
    array = re.match(r"([^\[]*?)\s*((?:\[\d*\])+)$", kind)
    base, rest = (array[1], array[2]) if array else (kind, "")
    if rest == "" and re.search(r"\S \(.*\)$", base) and not base.endswith("*"):
        head, _, arguments = base.partition(" (")
        return f"{head} {name}({arguments}"
    gap = "" if base.endswith("*") else " "
    return f"{base}{gap}{name}{rest}"


def _place(at: int, addr: int | None, base: int) -> str:
    if addr is not None:
        return f"[{addr + at:x}]"
    return f"[{at:#x}]" if base == 16 else f"[{at}]"


def _rows(name: str) -> Iterator[tuple[int | None, str]]:
    # Each member with its own offset: GDB 13 counts wrong in anonymous structs within unions.
    rows = list(_printed_rows(name))
    inside: list[str] = []  # names of the structs that a row is in, the last lines have them
    found = []
    for at, text in reversed(rows):
        stripped = text.strip()
        if stripped.startswith("}"):
            last = _NAME.search(stripped)
            inside.append(last[1] if last else "")
        elif stripped.endswith("{") and inside:
            inside.pop()
        elif at is not None:
            at = _offset(name, [*filter(None, inside), _member_name(stripped)], at)
        found.append((at, text))
    yield from reversed(found)


def _offset(name: str, path: list[str], at: int) -> int:
    # GDB's own where there is no such path: in an array of structs, or a member without a name.
    found = lowlevel.find_member(name, ".".join(path)) if path[-1] else None
    return at if found is None else found.offset


def _member_name(text: str) -> str:
    found = re.search(r"\(\*+(\w+)", text) or _NAME.search(text)
    return found[1] if found else ""


def _printed_rows(name: str) -> Iterator[tuple[int | None, str]]:
    # Members of the type itself: structs in it that have a name of their own are not opened.
    shown = printed.definition(name, with_offsets=True).splitlines()
    depth, skipping, opened = 0, 0, ""
    start: int | None = None
    for line in shown[1:]:
        match = _LINE.match(line)
        assert match is not None
        at, text = (int(match["at"]) if match["at"] else None), match["text"].strip()
        if not text or text.startswith(("/*", "total size")):
            continue
        if text.endswith("{"):
            if not skipping and re.fullmatch(r"(?:const |volatile )*(?:struct|union) \w+ \{", text):
                skipping, opened, start = depth + 1, text.removesuffix(" {"), at
            depth += 1
            if not skipping:
                yield None, _STEP * (depth - 1) + text
        elif text.startswith("}"):
            if depth and skipping == depth:
                yield start, _STEP * (depth - 1) + f"{opened} {text[1:].strip()}"
                skipping = 0
            elif not skipping and depth:
                yield None, _STEP * (depth - 1) + text
            depth -= 1
        elif not skipping:
            yield at, _STEP * depth + text
