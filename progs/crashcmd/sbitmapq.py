# SPDX-License-Identifier: GPL-2.0-or-later
"""A struct sbitmap_queue: how many of its bits are in use, and which.

ADDRESS is that of the struct sbitmap_queue.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import Command, Given, Option
from LinuxDump import sbitmaps
from LinuxDump.sbitmaps import SBitmap


def collect(given: Given) -> SBitmap:
    if len(given.words) != 1:
        raise given.error("the address of a struct sbitmap_queue is needed")
    return sbitmaps.sbitmap(sbitmaps.of_queue(values.kernel_address(given.words[0])))


def render(record: SBitmap, given: Given) -> Iterator[str]:
    yield f"depth = {record.depth}"
    yield f"busy = {len(record.busy)}"
    yield f"cleared = {record.cleared}"
    yield f"bits_per_word = {1 << record.shift}"
    yield f"map_nr = {record.words}"
    if "-v" in given:
        for bit in record.busy:
            yield f"  {bit}"


COMMANDS = (
    Command(
        "sbitmapq",
        "ADDRESS",
        collect,
        render,
        (Option("-v", "the numbers of the bits in use"),),
    ),
)
