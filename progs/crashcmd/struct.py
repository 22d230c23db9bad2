# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs and unions: their definitions, and what an object holds.

WHAT is NAME, NAME.MEMBER, or NAME.MEMBER,MEMBER with dots into nested members. ADDRESS may be a
symbol, SYMBOL:CPU or SYMBOL:a of a per-CPU variable; COUNT objects of an array follow each other.
NAME.MEMBER ADDRESS alone means struct, too. Members are of the form NAME[INDEX], too.

Lines are those of C: MEMBER = VALUE; of -o [OFFSET] or [ADDRESS] and the declaration, of -r
ADDRESS: and two words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from crashcmd import completion, memories, types, values
from crashcmd.command import Command, Given, Option, Text, WordsError, text
from crashcmd.percpu_words import places
from pykdump import lowlevel, printed
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_MOST = 1 << 20
_NAMES = ("struct", "union", "*")
_UNSIGNED = ("unsigned int", "unsigned long", "unsigned long long")
_SIGNED = ("int", "long", "long long")


def is_structure(word: str) -> bool:
    """Whether a word is the name of a struct or union, perhaps with members."""
    name = word.partition(".")[0]
    if not re.fullmatch(r"\w+", name) or not lowlevel.is_open():
        return False
    return lowlevel.has_type(f"struct {name}") or lowlevel.has_type(f"union {name}")


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("the name of a struct is needed")
    keyword = given.name if given.name in ("struct", "union") else ""
    name, _, members = given.words[0].partition(".")
    full = types.full_name(name, keyword)
    paths = members.split(",") if members else []
    if len(given.words) == 1:
        return text(_type_lines(full, paths, given))
    check_members(full, paths)
    return text(_objects(full, paths, given))


def check_members(full: str, paths: list[str]) -> None:
    """Raises CrashError for one that this type does not have."""
    for path in paths:
        if lowlevel.find_member(full, path) is None:
            try:
                types.declaration(full, path)
            except PykdumpError:
                raise WordsError(f"{full} has no member {path}") from None


def _type_lines(full: str, paths: list[str], given: Given) -> Iterator[str]:
    if not paths:
        base = base_of(given)
        has_offsets = "-o" in given
        yield from (
            types.with_offsets(full, base=base) if has_offsets else types.definition(full, base)
        )
    for path in paths:
        yield from types.member_line(full, path, base=base_of(given))


def _objects(full: str, paths: list[str], given: Given) -> Iterator[str]:
    count = int(values.number(given.words[2])) if len(given.words) > 2 else 1
    count = int(values.number(given.value("-c") or str(count)))
    if not 0 < abs(count) <= _MOST:
        raise given.error(f"{count:#x} is no count of objects: from 1 to {_MOST}")
    size = lowlevel.sizeof(full)
    first = True
    for label, start in _places(given):
        if label:
            yield label
        start -= _link_offset(given)
        if count < 0:  # those up to this one
            start += (count + 1) * size
        for number in range(abs(count)):
            if not first and not paths:
                yield ""
            first = False
            yield from shown(full, paths, start + number * size, given)


def _places(given: Given) -> Iterator[tuple[str, int]]:
    if "-f" in given:
        yield "", values.hex_number(given.words[1])
    else:
        yield from places(given.words[1])


def _link_offset(given: Given) -> int:
    word = given.value("-l")
    if word is None:
        return 0
    if re.fullmatch(r"\d+", word):
        return int(word)
    name, _, path = word.partition(".")
    return lowlevel.member(types.full_name(name), path).offset


def base_of(given: Given) -> int:
    """16 or 10 as the options say, 0 for what is set."""
    return 16 if "-x" in given else 10 if "-d" in given else 0


def shown(full: str, paths: list[str], addr: int, given: Given) -> Iterator[str]:
    """An object, or members of it."""
    is_own = given.name in _NAMES  # of others -o, -r, -p and -u mean something else
    if is_own and "-o" in given:
        if not paths:
            yield from types.with_offsets(full, addr)
        for path in paths:
            yield from types.member_line(full, path, addr)
        return
    if is_own and "-r" in given:
        yield from raw(addr, lowlevel.sizeof(full), _reader(given))
        return
    value = _value(full, addr, given) if is_own else _kernels(full, addr)
    if not paths:
        yield from f"{full} {printed.text(value, base_of(given))}".splitlines()
    for path in paths:
        if is_own and "-p" in given:
            yield from pointer_lines(full, value, path, base_of(given))
        else:
            yield from member_lines(value, path, base_of(given))


def members_of_many(
    full: str, paths: list[str], addrs: Sequence[int], base: int
) -> list[str | None]:
    """The lines of `shown` of many objects, as far as the members are plain numbers; None where
    GDB has to be asked.
    """
    if not paths or not all(_is_number(full, path, base) for path in paths):
        return [None] * len(addrs)
    shape = "\n".join(f"  {path} = {'%#x' if base == 16 else '%d'}" for path in paths)
    rows = Layout(full, *paths).read_many(addrs)
    return [None if row is None or None in row else shape % row for row in rows]


def _is_number(full: str, path: str, base: int) -> bool:
    found = lowlevel.find_member(full, path) if re.fullmatch(r"\w+(\.\w+)*", path) else None
    if found is None or found.hops or found.bit_size:
        return False
    return found.type_name in (_UNSIGNED if base == 16 else (*_UNSIGNED, *_SIGNED))


def _reader(given: Given) -> memories.Reader:
    if "-f" in given:
        return memories.of_file()
    return memories.of_task() if "-u" in given else lowlevel.dump().read


def _value(full: str, addr: int, given: Given) -> Any:
    if "-u" in given or "-f" in given:
        return printed.value_in(full, _reader(given)(addr, lowlevel.sizeof(full)))
    return _kernels(full, addr)


def _kernels(full: str, addr: int) -> Any:
    # GDB would print a pointer's target only when asked; what cannot be read is told once.
    lowlevel.dump().read(addr, 1)
    return printed.value_of(full, addr)


def pointer_lines(full: str, value: Any, path: str, base: int) -> Iterator[str]:
    """A member with its type, and what it points to."""
    yield f"  {types.declaration(full, path)} = {printed.text(printed.member(value, path), base)}"
    found = printed.member(value, path)
    if not printed.is_pointer(found):
        return
    target = printed.target(found)
    if target is None:
        yield "  -> NULL" if not int(found) else "  -> (no object)"
        return
    try:
        first, *more = printed.text(target, base).splitlines()
    except PykdumpError as error:
        yield f"  -> <{error}>"
        return
    name = values.symbol(int(found) & values.U64)
    yield f"  -> <{name}> {first}" if name else f"  -> {first}"
    yield from (f"     {line}" for line in more)


def member_lines(value: object, path: str, base: int) -> Iterator[str]:
    """``  MEMBER = VALUE`` of a struct."""
    try:
        found = printed.text(printed.member(value, path), base)
    except PykdumpError as error:
        yield f"  {path} = <{error}>"
        return
    first, *more = found.splitlines()
    yield f"  {path} = {first}"
    yield from (f"  {line}" for line in more)


def raw(addr: int, size: int, read: memories.Reader) -> Iterator[str]:
    """The bytes of an object as words."""
    for at in range(addr, addr + size, 16):
        count = min(2, (addr + size - at + 7) // 8)
        found = memoryview(read(at, 8 * count)).cast("Q")
        words = " ".join(f"{word:016x}" for word in found)
        shown = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in found.tobytes())
        yield f"{at:x}:  {words:33}   {shown}"


_OPTIONS = (
    Option("-o", "with offsets, of an object with the addresses of its members"),
    Option("-x", "numbers in hexadecimal"),
    Option("-d", "numbers in decimal"),
    Option("-l", "ADDRESS is that of this member of the object, or so many bytes in it", "OFFSET"),
    Option("-c", "so many objects, one behind the other; -COUNT: up to ADDRESS", "COUNT"),
    Option("-r", "the object as words"),
    Option("-u", "ADDRESS is the selected task's"),
    Option("-f", "ADDRESS is an offset in the dump file"),
    Option("-p", "members with their types, and what those point to that are pointers"),
)
COMMANDS = tuple(
    Command(
        name,
        "WHAT [ADDRESS [COUNT]]",
        collect,
        options=_OPTIONS,
        completes=completion.structures,
    )
    for name in ("struct", "union", "*")
)
