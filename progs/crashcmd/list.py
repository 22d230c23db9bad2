# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of a linked list, from START to NULL or back to START.

OFFSET is where in each entry the pointer to the next lies: a number or STRUCT.MEMBER, by default 0.
START is an entry, whose address is printed too; of a list of struct list_head it is, with -h, an
entry that the list is embedded in at OFFSET, with -H the head, which is no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crashcmd import struct, types, values
from crashcmd.command import Command, Given, Option
from pykdump import lowlevel, printed
from pykdump.errors import CrashError, Interrupted, PykdumpError
from pykdump.logging import pylog
from pykdump.walks import LIMIT, so_far, walk_list, walk_list_backwards

_AT_ONCE = 4096


@dataclass(frozen=True)
class Entries:
    """A list."""

    addrs: tuple[int, ...]


def collect(given: Given) -> Entries:
    at, words = _offset_of(given)
    if len(words) != 1:
        raise given.error("one START is needed")
    start = values.address(words[0])
    if not start:
        raise given.error(f"{words[0]} is no address of a list's entry")
    last = given.value("-e")
    end = values.address(last) if last is not None else None
    if "-H" in given or "-h" in given:
        found = _list_heads(start, at, given)
    else:
        found = list(_chain(start, at, end, given))
    if end is not None and end in found:
        found = found[: found.index(end) + 1]
    return Entries(tuple(found))


def _offset_of(given: Given) -> tuple[int, list[str]]:
    words, offset = list(given.words), given.value("-o")
    for word in given.words:
        if offset is None and (re.fullmatch(r"\w+\.[\w.]+", word) or _is_small(word)):
            if len(words) > 1:
                offset = word
                words.remove(word)
    return (0 if offset is None else offset_in(offset)), words


def _is_small(word: str) -> bool:
    return bool(re.fullmatch(r"\d{1,5}|0x[0-9a-fA-F]{1,4}", word))


def offset_in(word: str) -> int:
    """A number, or the offset of STRUCT.MEMBER; raises CrashError."""
    name, dot, path = word.partition(".")
    if not dot:
        return values.number(word)
    try:
        return lowlevel.member(types.full_name(name), path).offset
    except PykdumpError:
        raise CrashError(f"{word}: there is no such member") from None


def _list_heads(start: int, at: int, given: Given) -> list[int]:
    head_at = given.value("-O")
    is_entry = "-h" in given and head_at is None
    head = start + at if is_entry else start + (offset_in(head_at) if head_at is not None else 0)
    if "-r" in given:
        nodes = walk_list_backwards(head)
        nodes = [node for node in nodes if node != head]
    else:
        walk = so_far(lambda: walk_list(head))
        nodes = list(walk.nodes)
        if walk.end != "complete":
            goes_on = walk.end in ("limit", "interrupted")
            rest = [] if goes_on else _from_the_end(head, set(nodes))
            behind = f": {len(rest)} entries behind are told from the end back" if rest else ""
            pylog.warning(_problem(walk.end, walk.stopped_at) + behind)
            nodes += rest
    found = [node - at for node in nodes]
    return [start, *found] if is_entry else found


def _from_the_end(head: int, known: set[int]) -> list[int]:
    # What can be reached backwards when the way forward is cut, in the list's order.
    found: list[int] = []
    for node in walk_list_backwards(head):
        if node == head or node in known:
            break
        known.add(node)
        found.append(node)
    return found[::-1]


def _problem(end: str, where: int) -> str:
    what = {
        "cycle": "duplicate list entry",
        "limit": "too many entries; the next would be",
        "interrupted": "interrupted; the next entry would be",
    }
    return f"{what.get(end, 'invalid list entry')}: {where:x}"


def _chain(start: int, at: int, end: int | None, given: Given) -> Iterator[int]:
    # The entry itself, and what each leads to.
    seen: set[int] = set()
    entry = start
    while entry and len(seen) < LIMIT:
        if entry in seen:
            if entry != start:
                pylog.warning(_problem("cycle", entry))
            return
        try:
            following = lowlevel.read_pointer(entry + at + (8 if "-r" in given else 0))
        except (KeyboardInterrupt, Interrupted):
            pylog.warning(_problem("interrupted", entry))
            return
        except PykdumpError as error:
            if entry == start:
                raise
            pylog.warning(f"invalid list entry: {entry:x}: {error}")
            return
        seen.add(entry)
        yield entry
        if entry == end:
            return
        entry = following


def render(record: Entries, given: Given) -> Iterator[str]:
    if not record.addrs:
        yield "(empty)"
        return
    yield from entry_lines(record.addrs, given)


def entry_lines(addrs: Sequence[int], given: Given) -> Iterator[str]:
    """The address of each entry, and of -s and -S what it holds."""
    for lines in lines_of_each(addrs, given):
        yield from lines


def lines_of_each(addrs: Sequence[int], given: Given) -> Iterator[Iterator[str]]:
    """The same for each entry alone, to be taken before the next one's."""
    wanted = [word for flag in ("-s", "-S") for word in given.all(flag)]
    back = offset_in(given.value("-l") or "0")
    parsed = []
    for word in wanted:
        name, _, members = word.partition(".")
        parsed.append((types.full_name(name), members.split(",") if members else []))
        struct.check_members(*parsed[-1])
    for first in range(0, len(addrs), _AT_ONCE):
        some = addrs[first : first + _AT_ONCE]
        at = [addr - back for addr in some]
        base = struct.base_of(given) or printed.radix
        known = [struct.members_of_many(full, paths, at, base) for full, paths in parsed]
        for number, addr in enumerate(some):
            texts = [column[number] for column in known]
            yield _entry(addr, addr - back, parsed, texts, given)


def _entry(
    addr: int,
    start: int,
    parsed: Sequence[tuple[str, list[str]]],
    texts: Sequence[str | None],
    given: Given,
) -> Iterator[str]:
    yield f"{addr:x}"
    for (full, paths), text in zip(parsed, texts):
        if text is not None:
            yield text
            continue
        try:
            yield from struct.shown(full, paths, start, given)
        except PykdumpError as error:
            pylog.warning(f"{full} {start:x}: {error}")


COMMANDS = (
    Command(
        "list",
        "[OFFSET] START",
        collect,
        render,
        (
            Option("-H", "START is the list_head that is no entry"),
            Option("-h", "START is an entry, with a list_head at OFFSET"),
            Option("-r", "backwards"),
            Option("-B", "find entries that repeat, as is done in any case"),
            Option("-O", "of -h: START is a head, with its list_head at this offset", "OFFSET"),
            Option("-o", "the same as OFFSET", "OFFSET"),
            Option("-e", "stop at this entry", "END"),
            Option("-s", "show each as STRUCT, or MEMBER,MEMBER of it", "STRUCT[.MEMBERS]"),
            Option("-S", "the same", "STRUCT[.MEMBERS]"),
            Option("-l", "addresses are so far in the structs of -s", "OFFSET"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
    ),
)
