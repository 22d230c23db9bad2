# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas.

Columns: SWAP_INFO_STRUCT, TYPE, SIZE, USED, PCT, PRI, FILENAME.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd.command import Command, Given
from LinuxDump.swap_areas import SwapArea, swap_areas


def collect(given: Given) -> tuple[SwapArea, ...]:
    return tuple(swap_areas())


def render(record: tuple[SwapArea, ...], given: Given) -> Iterator[str]:
    yield "SWAP_INFO_STRUCT    TYPE       SIZE       USED     PCT  PRI  FILENAME"
    for area in record:
        size, used = f"{area.size_kb}k", f"{area.used_kb}k"
        share = 100 * area.used_kb // max(1, area.size_kb)
        yield (
            f"{area.addr:16x}  {area.type:9} {size:>10} {used:>10} {share:3}%  {area.priority:3}  "
            f"{area.path}"
        )


COMMANDS = (Command("swap", "", collect, render),)
