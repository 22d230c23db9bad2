# SPDX-License-Identifier: GPL-2.0-or-later
"""Arithmetic of addresses: physical and virtual ones, and page frames."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import Command, Given, Text, text
from crashcmd.percpu_words import cpus
from LinuxDump import pages, percpu


def ptov(given: Given) -> Text:
    """Kernel virtual addresses of physical ones; OFFSET:CPUS gives per-CPU addresses."""
    return text(_virtual(_needed(given)))


def _virtual(words: list[str]) -> Iterator[str]:
    for place, word in enumerate(words):
        if place:
            yield ""
        if ":" in word:
            base, _, chosen = word.partition(":")
            yield f"PER-CPU OFFSET: {values.hex_number(base):x}"
            yield "  CPU    VIRTUAL"
            for cpu, addr in _per_cpu(base, chosen):
                yield f"  [{cpu}]  {addr:x}"
            continue
        addr = (pages.page_offset() + values.hex_number(word)) & values.U64
        yield f"{'VIRTUAL':16}  {'PHYSICAL':16}"
        yield f"{addr:<16x}  {values.hex_number(word):<16x}"


def _per_cpu(base: str, chosen: str) -> Iterator[tuple[int, int]]:
    for cpu in cpus(chosen):
        yield cpu, percpu.per_cpu_ptr(values.hex_number(base), cpu)


def ptob(given: Given) -> Text:
    """Physical addresses of page frame numbers, which are decimal without 0x or a letter."""
    found = [values.number(word) for word in _needed(given)]
    return text(f"{frame:x}: {frame * pages.PAGE_SIZE:x}" for frame in found)


def btop(given: Given) -> Text:
    """Page frame numbers (hexadecimal) of physical addresses."""
    found = [values.hex_number(word) for word in _needed(given)]
    return text(f"{addr:x}: {addr // pages.PAGE_SIZE:x}" for addr in found)


def _needed(given: Given) -> list[str]:
    if not given.words:
        raise given.error("a number is needed")
    return given.words


COMMANDS = (
    Command("ptov", "ADDRESS ...", ptov),
    Command("ptob", "FRAME ...", ptob),
    Command("btop", "ADDRESS ...", btop),
)
