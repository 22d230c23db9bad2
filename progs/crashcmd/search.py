# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds numbers and text in the dump.

VALUE is a number in hexadecimal, a symbol or (EXPRESSION), or text with -c. Without options all
memory is searched, and each place told by the address that the kernel uses for it: of its image, of
vmalloc, else of the direct map. Lines are ADDRESS: VALUE, with -t and -T below the task's line; of
-x the memory around it, as rd prints it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crashcmd import context, search_places, values
from crashcmd.command import Command, Given, Option
from crashcmd.eval import evaluate
from crashcmd.search_places import Place
from LinuxDump.task_records import task_table
from pykdump.bulk import Hits, find_numbers, find_pattern
from pykdump.logging import pylog

_SHOWN_TEXT = 56


@dataclass(frozen=True)
class Found:
    """Where something was found."""

    addr: int
    phys_addr: int  #: 0 where it is not known
    value: str  #: with the word that was typed behind it where that was no number
    task_addr: int = 0  #: on whose stack it is, of -t and -T


@dataclass(frozen=True)
class Wanted:
    """What is looked for: a number under a mask, or text."""

    value: int
    mask: int
    size: int
    typed: str  #: "" for a plain number
    text: bytes = b""


def collect(given: Given) -> tuple[Found, ...]:
    if not given.words:
        raise given.error("what to search for is needed")
    if "-x" in given and "-c" in given:
        raise given.error("-x is for numbers: text is shown with what follows it")
    wanted = [_wanted(word, given) for word in given.words]
    if "-u" in given:
        places = search_places.of_task(*_range(given))
        return tuple(_in_pieces(places, wanted))
    if "-t" in given or "-T" in given:
        return tuple(_in_pieces(search_places.stacks("-T" in given), wanted))
    if not {"-p", "-K", "-V"} & set(given.flags()):
        start, end = _range(given)
        if end - start <= search_places.MOST:  # what is everywhere would cut the search off
            return tuple(_in_pieces(search_places.of_kernel(start, end), wanted))
    return tuple(_everywhere(wanted, given))


def _wanted(word: str, given: Given) -> Wanted:
    if "-c" in given:
        return Wanted(0, 0, 1, "", word.encode())
    size = 4 if "-w" in given else 2 if "-h" in given else 8
    full = (1 << 8 * size) - 1
    ignored = values.hex_number(given.value("-m") or "0")
    is_number = values.is_hex(word)
    value = (
        values.hex_number(word)
        if is_number
        else evaluate(word) & values.U64
        if word[0] == "("
        else values.address(word)
    )
    if value > full:
        raise given.error(f"{word} has more than {size} bytes")
    return Wanted(value & ~ignored, full & ~ignored, size, "" if is_number else word)


def _range(given: Given) -> tuple[int, int]:
    low, high, length = given.value("-s"), given.value("-e"), given.value("-l")
    start = values.address(low) if low is not None else 0
    end = values.address(high) if high is not None else 1 << 64
    if length is not None:
        end = min(end, start + values.number(length))
    if end <= start:
        raise given.error(f"the end {end:x} is not behind {start:x}")
    return start, end


def _everywhere(wanted: list[Wanted], given: Given) -> Iterator[Found]:
    start, end = _range(given)
    for addr, phys, place in sorted(_places(wanted, given)):
        if start <= addr < end:
            where = search_places.address_of(phys) if "-p" in given else addr
            yield Found(where, phys, _shown(wanted[place], search_places.physical(phys)))


def _places(wanted: list[Wanted], given: Given) -> Iterator[tuple[int, int, int]]:
    # The address that counts, the physical one, and which of what is wanted is there.
    for place, one in enumerate(wanted):
        for phys in _hits(one):
            if "-p" in given:
                yield phys, phys, place
            elif "-K" in given:
                yield search_places.unmapped_address_of(phys), phys, place
            else:
                addr = search_places.address_of(phys)
                if "-V" not in given or addr != search_places.unmapped_address_of(phys):
                    yield addr, phys, place


def _hits(one: Wanted) -> Iterable[int]:
    if one.text:
        return _told(find_pattern(one.text))
    return _told(find_numbers(one.value, one.value, size=one.size, mask=one.mask))


def _told(hits: Hits) -> Iterable[int]:
    if hits.is_interrupted:
        pylog.warning(f"interrupted after {hits.pages} pages: there may be more")
    if hits.is_cut:
        pylog.warning(f"only {len(hits.addrs)} places are shown: there are more")
    return hits.addrs


def _in_pieces(places: Iterator[Place], wanted: list[Wanted]) -> Iterator[Found]:
    for place in places:
        for at, one in sorted((at, n) for n, w in enumerate(wanted) for at in _within(place, w)):
            yield Found(place.start + at, 0, _shown(wanted[one], place.data[at:]), place.task_addr)


def _within(place: Place, one: Wanted) -> Iterator[int]:
    if one.text:
        yield from (match.start() for match in re.finditer(re.escape(one.text), place.data))
        return
    whole = place.data[: len(place.data) // one.size * one.size]
    words = memoryview(whole).cast({8: "Q", 4: "I", 2: "H"}[one.size])
    if one.mask == (1 << 8 * one.size) - 1 and one.value.to_bytes(one.size, "little") not in whole:
        return
    yield from (at * one.size for at, word in enumerate(words) if word & one.mask == one.value)


def _shown(one: Wanted, data: bytes) -> str:
    if one.text:
        found = data[:_SHOWN_TEXT].partition(b"\0")[0]
        return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in found)
    value = int.from_bytes(data[: one.size], "little")
    return f"{value:x}" + (f" ({one.typed.strip('()')})" if one.typed else "")


def render(record: tuple[Found, ...], given: Given) -> Iterator[str]:
    task = 0
    for number, found in enumerate(record):
        if found.task_addr != task:
            task = found.task_addr
            yield from [""] if number else []
            yield context.header(task_table().by_addr[task])
        if "-x" in given:
            yield from search_places.around(found.addr, found.phys_addr, given)
        else:
            yield f"{found.phys_addr if '-p' in given else found.addr:x}: {found.value}"


COMMANDS = (
    Command(
        "search",
        "VALUE ...",
        collect,
        render,
        (
            Option("-k", "kernel memory: all memory is searched in any case"),
            Option("-K", "addresses of the direct map and the image, none of vmalloc"),
            Option("-V", "only what vmalloc mapped: stacks, modules and others"),
            Option("-u", "the memory of the selected task"),
            Option("-p", "physical addresses"),
            Option("-t", "the stacks of all tasks"),
            Option("-T", "the stacks of the tasks that run"),
            Option("-c", "VALUE is text"),
            Option("-w", "numbers of 32 bits"),
            Option("-h", "numbers of 16 bits"),
            Option("-m", "bits that may be anything", "MASK"),
            Option("-s", "only addresses from this on", "START"),
            Option("-e", "only addresses below this", "END"),
            Option("-l", "only so many bytes from START on", "LENGTH"),
            Option("-x", "with so many numbers before and behind each", "COUNT"),
        ),
    ),
)
