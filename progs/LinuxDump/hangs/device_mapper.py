# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices of device-mapper: in what state one is, and whose bios it cloned (drivers/md)."""

from __future__ import annotations

from LinuxDump import BTstack, block_requests
from LinuxDump.block_devices import Disk
from LinuxDump.block_requests import Bio
from pykdump import dlkmload, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_TARGET_IO = Layout("struct dm_target_io", "io.orig_bio")
_DM = Layout("struct mapped_device", "flags", "disk")

# drivers/md/dm-core.h: DMF_*
_FLAGS = {
    **{0: "blocking I/O for suspend", 1: "suspended", 2: "frozen", 3: "being freed"},
    **{4: "being deleted", 5: "suspending without flush", 6: "to be removed when closed"},
    **{7: "suspended internally", 8: "done suspending"},
}


def state_text(disk: Disk) -> str:
    """`` is suspended``, with what else its flags say; what is likely without debug info."""
    flags = _flags(disk)
    if flags is None:
        why = "; 'pykdump module load dm_mod' lets this be told for sure"
        return f" froze its file system, as dmsetup suspend does{why}"
    names = [text for bit, text in _FLAGS.items() if flags >> bit & 1]
    return f" is {', '.join(names) if names else 'not suspended'}"


def _has_types() -> bool:
    # The module's own types are loaded only when there is such a device to explain.
    if not lowlevel.has_type("struct mapped_device"):
        try:
            dlkmload.load("dm_mod")
        except PykdumpError:
            return False
    return lowlevel.has_type("struct mapped_device")


def original_bio(bio: Bio) -> Bio | None:
    """The bio that device-mapper cloned into this one; None for no clone, or without debug info."""
    found = BTstack.tables().symbols.at(bio.end_io_addr) if bio.end_io_addr else None
    if found is None or found[0] != "clone_endio" or not _has_types():
        return None
    row = _TARGET_IO.read(bio.addr - lowlevel.member("struct dm_target_io", "clone").offset)
    return block_requests.read_bio(row.io_orig_bio) if row is not None and row.io_orig_bio else None


def _flags(disk: Disk) -> int | None:
    if not _has_types():
        return None
    row = _DM.read(disk.private_addr)
    return int(row.flags) if row is not None and row.disk == disk.addr else None
