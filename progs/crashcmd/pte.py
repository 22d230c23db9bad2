# SPDX-License-Identifier: GPL-2.0-or-later
"""What an entry of a page table says.

Columns: PTE, PHYSICAL of the page, FLAGS; of a page that is in swap SWAP (the file) and OFFSET.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import values
from crashcmd.command import Command, Given, Text, text
from LinuxDump import page_tables


def collect(given: Given) -> Text:
    if not given.words:
        raise given.error("an entry of a page table is needed")
    found = [values.hex_number(word) for word in given.words]
    return text(line for value in found for line in lines(value))


def lines(value: int) -> Iterator[str]:
    """Heading and row of an entry."""
    if not value & 0x101:
        kind = "no page" if not value else "not present"
        yield f"{value:x}: {kind}"
        return
    physical = page_tables.frame_of(value)
    first, second = max(3, len(f"{value:x}")), max(8, len(f"{physical:x}"))
    names = "|".join(page_tables.flag_names(value))
    yield f"{'PTE':^{first}}  {'PHYSICAL':^{second}}  FLAGS".rstrip()
    shown = f"{physical:x}"
    shown = shown.rjust(len(shown) + (second - len(shown) + 1) // 2).ljust(second)
    yield f"{value:{first}x}  {shown}  ({names})"


COMMANDS = (Command("pte", "ENTRY ...", collect),)
