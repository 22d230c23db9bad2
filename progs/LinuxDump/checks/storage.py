# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of disks, their requests, and file systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from LinuxDump import modules
from LinuxDump.block_devices import disks
from LinuxDump.findings import OLD_S, SHOWN, Finding
from LinuxDump.fs import superblocks
from LinuxDump.situation import Situation
from pykdump import symbols
from pykdump.layout import Layout
from pykdump.printing import counted

_FOPS = Layout("struct gendisk", "fops")


def old_requests(situation: Situation) -> Iterator[Finding]:
    old = [
        (request, disk)
        for disk in situation.requests
        for request in disk.requests
        if (request.in_flight_ns or 0) > OLD_S * 10**9
    ]
    if old:
        names = Counter(disk.disk for _, disk in old)
        oldest = max(request.in_flight_ns or 0 for request, _ in old) / 1e9
        many = counted(len(old), "block request is", "block requests are")
        title = f"{many} in flight for more than {OLD_S} s"
        details = [f"{number} of {name}" for name, number in names.most_common(SHOWN)]
        yield Finding(
            67, f"{title}, the oldest {oldest:.0f} s", tuple(details), "crashinfo --blkreq -v"
        )


def corrupted_disks(situation: Situation) -> Iterator[Finding]:
    wrong = []
    found = disks()
    for disk, row in zip(found, _FOPS.read_many([disk.addr for disk in found])):
        if not disk.name or not disk.name.isascii() or not disk.name.isprintable():
            wrong.append(f"gendisk {disk.addr:#x}: its name is {disk.name!r}")
        elif row is None or not (symbols.addr2sym(row.fops) or modules.module_at(row.fops)):
            fops = "unreadable" if row is None else f"{row.fops:#x}"
            wrong.append(f"gendisk {disk.addr:#x} {disk.name}: its fops are {fops}, no variable")
    if wrong:
        title = f"{counted(len(wrong), 'disk is', 'disks are')} corrupted"
        yield Finding(82, title, tuple(wrong[:SHOWN]), "crashinfo --blkdevs -v")


def frozen_file_systems(situation: Situation) -> Iterator[Finding]:
    seen: dict[int, str] = {}
    for mount in situation.mounts:
        if mount.sb_addr not in seen and superblocks.sb_frozen(mount.sb_addr):
            seen[mount.sb_addr] = f"{mount.device} on {mount.mountpoint} ({mount.fstype})"
    if seen:
        title = f"{counted(len(seen), 'file system is', 'file systems are')} frozen"
        yield Finding(63, title, tuple(seen.values())[:SHOWN], "hanginfo")
