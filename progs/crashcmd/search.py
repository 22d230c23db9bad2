# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds numbers and text in all memory of the dump.

VALUE is a number, the address of a symbol with (SYMBOL), or text with -c. Lines are
ADDRESS: VALUE, the address being virtual, with -p physical.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crashcmd import values
from crashcmd.command import Command, Given, Option
from crashcmd.eval import evaluate
from LinuxDump.whatis import address_of
from pykdump.bulk import Hits, find_numbers, find_pattern
from pykdump.logging import pylog


@dataclass(frozen=True)
class Found:
    """Where something was found."""

    addr: int
    phys_addr: int
    value: str


def collect(given: Given) -> tuple[Found, ...]:
    if not given.words:
        raise given.error("what to search for is needed")
    low, high = (given.value("-s"), given.value("-e"))
    start = values.address(low) if low is not None else 0
    end = values.address(high) if high is not None else 1 << 64
    found = sorted(_hits(given))
    records = (Found(address_of(phys), phys, value) for phys, value in found)
    return tuple(f for f in records if start <= f.addr < end)


def _hits(given: Given) -> Iterator[tuple[int, str]]:
    if "-c" in given:
        for word in given.words:
            for phys in _told(find_pattern(word.encode())):
                yield phys, word
        return
    size = 4 if "-w" in given else 2 if "-h" in given else 8
    for word in given.words:
        wanted = (
            evaluate(word)
            if word[0] == "("
            else values.number("0x" + word.lower().removeprefix("0x"))
        )
        if wanted >> 8 * size:
            raise given.error(f"{word} has more than {size} bytes")
        for phys in _told(find_numbers(wanted, wanted, size=size)):
            yield phys, f"{wanted:x}"


def _told(hits: Hits) -> Iterable[int]:
    if hits.is_interrupted:
        pylog.warning(f"interrupted after {hits.pages} pages: there may be more")
    if hits.is_cut:
        pylog.warning(f"only {len(hits.addrs)} places are shown: there are more")
    return hits.addrs


def render(record: tuple[Found, ...], given: Given) -> Iterator[str]:
    for found in record:
        yield f"{found.phys_addr if '-p' in given else found.addr:x}: {found.value}"


COMMANDS = (
    Command(
        "search",
        "VALUE ...",
        collect,
        render,
        (
            Option("-k", "kernel memory: all of it is searched in any case"),
            Option("-p", "physical addresses"),
            Option("-c", "VALUE is text"),
            Option("-w", "numbers of 32 bits"),
            Option("-h", "numbers of 16 bits"),
            Option("-s", "only addresses from this on", "START"),
            Option("-e", "only addresses below this", "END"),
        ),
    ),
)
