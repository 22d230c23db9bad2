# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the dump holds what it should."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.findings import NOTE, WARNING, Finding
from LinuxDump.situation import Situation
from pykdump import lowlevel
from pykdump.printing import counted

_PARTIAL = 0.25  # of RAM: filtered and compressed dumps are often below
_ANY = 0.10


def dump_size(situation: Situation) -> Iterator[Finding]:
    dump = lowlevel.dump()
    if dump.pages_cut:
        title = f"the dump is cut short: {counted(dump.pages_cut, 'page')} lost"
        yield Finding(68, title, (), "status")
        return
    share = dump.size_bytes / max(1, dump.memory_bytes)
    text = f"the dump's file has {share:.0%} of the size of memory"
    is_filtered = dump.pages_present < dump.pages_total or dump.format.startswith("kdump")
    if share < _ANY and not is_filtered:
        yield Finding(WARNING, f"{text}, and is not filtered: much is missing", (), "status")
    elif share < _PARTIAL and is_filtered and dump.pages_present < dump.pages_total:
        part = f"{dump.pages_present * 100 // max(1, dump.pages_total)} % of all pages are in it"
        yield Finding(NOTE, text, (part,), "status")


def lost_tasks(situation: Situation) -> Iterator[Finding]:
    if situation.table.damage:
        yield Finding(WARNING, "tasks may be missing", situation.table.damage, "status")
