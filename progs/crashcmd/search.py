# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds numbers and text in all memory of the dump.

VALUE is a number, the address of a symbol with (SYMBOL), or text with -c. Lines are
ADDRESS: VALUE, the address being virtual, with -p physical.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import values
from crashcmd.command import Command, Given, Option
from crashcmd.eval import evaluate
from LinuxDump.whatis import address_of
from pykdump.bulk import find_numbers, find_pattern


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
            for phys in find_pattern(word.encode()).addrs:
                yield phys, word
        return
    size = 4 if "-w" in given else 2 if "-h" in given else 8
    for word in given.words:
        wanted = (
            evaluate(word)
            if word[0] == "("
            else values.number("0x" + word.lower().removeprefix("0x"))
        )
        for phys in find_numbers(wanted, wanted, size=size).addrs:
            yield phys, f"{wanted:x}"


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
