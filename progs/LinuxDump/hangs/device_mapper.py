# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices of device-mapper: their state, the bios they keep, and whose bios they cloned.

drivers/md: dm.c, dm-mpath.c. The types are those of modules, whose debug info is looked for only
when there is such a device to explain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import BTstack, block_requests
from LinuxDump.block_devices import Disk
from LinuxDump.block_requests import Bio
from LinuxDump.hangs.finder import Finder
from LinuxDump.kernel_text import string_at
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

_TARGET_IO = Layout("struct dm_target_io", "io.orig_bio")
_DM = Layout("struct mapped_device", "flags", "disk", "map", "deferred.head", "interface_ptr")
_HASH_CELL = Layout("struct hash_cell", "name", "md")
_TABLE = Layout("struct dm_table", "num_targets", "targets")
_TARGET = Layout("struct dm_target", "type.name", "private")
_MULTIPATH = Layout("struct multipath", "flags", "nr_valid_paths.counter")
_GROUP = Layout("struct priority_group", "nr_pgpaths")
_BIO = Layout("struct bio", "bi_next", "bi_opf", "bi_iter.bi_sector", "bi_iter.bi_size")

# drivers/md/dm-core.h: DMF_*
_FLAGS = {
    **{0: "blocking I/O for suspend", 1: "suspended", 2: "frozen", 3: "being freed"},
    **{4: "being deleted", 5: "suspending without flush", 6: "to be removed when closed"},
    **{7: "suspended internally", 8: "done suspending", 10: "queue stopped"},
}
_SUSPENDED = 1 << 1
_MPATHF_QUEUE_IF_NO_PATH = 1  # drivers/md/dm-mpath.c
_NAME_MAX = 128  # include/uapi/linux/dm-ioctl.h: DM_NAME_LEN
_MOST_BIOS = 4096
_MOST_GROUPS = 1024


@dataclass(frozen=True)
class KeptBio:
    """A bio that a device keeps until it is resumed."""

    bio: Bio
    disk: Disk
    operation: str
    sector: int
    size_bytes: int


def is_mapped(disk: Disk) -> bool:
    """Whether it is a device of device-mapper."""
    return disk.name.startswith("dm-")


def has_types(finder: Finder) -> bool:
    """Whether the driver's types are known."""
    return finder.has_type("struct mapped_device", "dm_mod")


def name_of(finder: Finder, disk: Disk) -> str:
    """``dm-0 "vg-data"``: with the name that dmsetup shows, when that can be told."""
    row = _DM.read(disk.private_addr) if is_mapped(disk) and has_types(finder) else None
    cell = _HASH_CELL.read(row.interface_ptr) if row is not None and row.interface_ptr else None
    name = string_at(cell.name, _NAME_MAX) if cell is not None and cell.name else ""
    return f'{disk.name} "{name}"' if name and cell.md == disk.private_addr else disk.name


def state_text(finder: Finder, disk: Disk) -> str:
    """``suspended, multipath with 0 of 2 paths usable``; "" when its types are not known."""
    row = _DM.read(disk.private_addr) if has_types(finder) else None
    if row is None or row.disk != disk.addr:
        return ""
    # A suspended one blocks I/O anyway.
    wanted = row.flags & ~1 if row.flags & _SUSPENDED else row.flags
    flags = [text for bit, text in _FLAGS.items() if wanted >> bit & 1]
    return ", ".join([*(flags or ["not suspended"]), *_paths(finder, row.map)])


def _paths(finder: Finder, table: int) -> Iterator[str]:
    found = _TABLE.read(table) if table else None
    target = _TARGET.read(found.targets) if found is not None and found.num_targets else None
    if target is None or string_at(target.type_name, _NAME_MAX) != "multipath":
        return
    if not finder.has_type("struct multipath", "dm_multipath"):
        yield "multipath"
        return
    row = _MULTIPATH.read(target.private)
    if row is not None:
        keeps = row.flags >> _MPATHF_QUEUE_IF_NO_PATH & 1 and not row.nr_valid_paths_counter
        paths = f"{row.nr_valid_paths_counter} of {_path_count(target.private)} paths usable"
        yield f"multipath with {paths}{', keeps I/O until one is' if keeps else ''}"


def _path_count(multipath: int) -> int:
    head = multipath + lowlevel.member("struct multipath", "priority_groups").offset
    rows, _ = _GROUP.read_list(head, "list", limit=_MOST_GROUPS)
    return sum(row.nr_pgpaths for row in rows if row is not None)


def kept_bios(finder: Finder) -> list[KeptBio]:
    """What suspended devices keep."""
    found: list[KeptBio] = []
    for disk in filter(is_mapped, finder.disks):
        row = _DM.read(disk.private_addr) if has_types(finder) else None
        if row is not None and row.disk == disk.addr:
            found += _kept_by(disk, row.deferred_head)
    return found


def _kept_by(disk: Disk, addr: int) -> Iterator[KeptBio]:
    seen: set[int] = set()
    while addr:
        row, bio = _BIO.read(addr), block_requests.read_bio(addr)
        if row is None or bio is None or addr in seen or len(seen) >= _MOST_BIOS:
            pylog.warning(f"bios that {disk.name} keeps end or repeat at {addr:#x}")
            return
        seen.add(addr)
        operation = block_requests.operation(row.bi_opf)
        yield KeptBio(bio, disk, operation, row.bi_iter_bi_sector, row.bi_iter_bi_size)
        addr = row.bi_next


def original_bio(finder: Finder, bio: Bio) -> Bio | None:
    """The bio that device-mapper cloned into this one; None for no clone, or without debug info."""
    found = BTstack.tables().symbols.at(bio.end_io_addr) if bio.end_io_addr else None
    if found is None or found[0] != "clone_endio" or not has_types(finder):
        return None
    row = _TARGET_IO.read(bio.addr - lowlevel.member("struct dm_target_io", "clone").offset)
    return block_requests.read_bio(row.io_orig_bio) if row is not None and row.io_orig_bio else None
