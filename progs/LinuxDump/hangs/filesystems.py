# SPDX-License-Identifier: GPL-2.0-or-later
"""File systems and inodes that locks belong to; which file systems are frozen, and on what."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.fs import mounts, paths
from LinuxDump.kernel_text import string_at, text
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("super_blocks",)

_SB = "struct super_block"
# v6.6 880b9577855e ("fs: distinguish between user initiated freeze and kernel initiated freeze")
compat.member(_SB, "By_user", "s_writers.freeze_ucount", "s_writers.freeze_holders")
compat.member(_SB, "By_kernel", "s_writers.freeze_kcount", "s_writers.freeze_holders")
# In 7.3 it is not in the union d_u any more.
compat.member("struct dentry", "Alias", "d_alias", "d_u.d_alias")
_SUPER = Layout(_SB, "s_id", "s_dev", "s_type.name", "s_bdev", "s_writers.frozen")
_FREEZERS = Layout(_SB, "By_user", "By_kernel")
_INODE = Layout("struct inode", "i_ino", "i_sb", "i_rdev")
_TYPE_NAME_MAX = 64
_MINOR_BITS = 20
_LIMIT = 1024 * 1024

# include/linux/fs.h: SB_FREEZE_*
_FREEZE_STATES = ("", "writes stopped", "page faults stopped", "internal writes stopped", "frozen")
# enum freeze_holder, where only that is kept
_HOLDER_KERNEL, _HOLDER_USERSPACE = 1, 2


@dataclass(frozen=True)
class FileSystem:
    """A ``struct super_block``."""

    addr: int
    name: str  #: s_id: the device, or the type
    type: str
    mountpoint: str  #: where the first process sees it; "" where it does not
    source: str  #: what was mounted there
    device_addr: int  #: struct block_device *, 0 without
    frozen: str  #: how far it is frozen, "" when it is not
    frozen_by: str  #: "user", "kernel": who asked for it, "" when that is not kept

    @property
    def text(self) -> str:
        """For people."""
        where = f" on {self.mountpoint}" if self.mountpoint else ""
        source = f" ({self.source})" if self.source and self.source != self.type else ""
        return f"{self.type}{where}{source}" if where else f"{self.type} {self.name}"


def file_systems() -> dict[int, FileSystem]:
    """All mounted file systems by ``struct super_block *``; damage is warned of."""
    try:
        head = lowlevel.symbol_address("super_blocks")
        walk = walk_list(head, limit=_LIMIT)
        at = lowlevel.member(_SB, "s_list").offset
    except PykdumpError as error:
        pylog.warning(f"file systems cannot be found: {error}")
        return {}
    if walk.end != "complete":
        pylog.warning(f"the list of super_blocks is broken at {walk.stopped_at:#x} ({walk.end})")
    addrs = [node - at for node in walk.nodes]
    places = _places()
    has_freezers = compat.has(f"{_SB}.By_user")
    found = {}
    for addr, row in zip(addrs, _SUPER.read_many(addrs)):
        if row is None:
            pylog.warning(f"super_block {addr:#x}: page is not in the dump, it is skipped")
            continue
        state = row.s_writers_frozen
        known = 0 < state < len(_FREEZE_STATES)
        frozen = _FREEZE_STATES[state] if known else f"freeze state {state}" if state else ""
        mountpoint, source = places.get(addr, ("", ""))
        found[addr] = FileSystem(
            *(addr, text(row.s_id), _type(row.s_type_name), mountpoint, source),
            *(row.s_bdev, frozen, _frozen_by(addr) if state and has_freezers else ""),
        )
    return found


def _type(name: int | None) -> str:
    return string_at(name, _TYPE_NAME_MAX) if name else "?"


def _places() -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    try:
        for mount in mounts.mounts():
            if mount.root == "/":
                found.setdefault(mount.sb_addr, (mount.mountpoint, mount.device))
    except PykdumpError as error:
        pylog.warning(f"mounts cannot be read: {error}")
    return found


def _frozen_by(sb: int) -> str:
    row = _FREEZERS.read(sb)
    if row is None:
        return ""
    if compat.has(f"{_SB}.s_writers.freeze_ucount"):
        user, kernel = bool(row.By_user), bool(row.By_kernel)
    else:
        user, kernel = (bool(row.By_user & bit) for bit in (_HOLDER_USERSPACE, _HOLDER_KERNEL))
    return " and ".join(who for who, did in (("user", user), ("kernel", kernel)) if did)


def inode_text(inode: int, systems: dict[int, FileSystem]) -> str | None:
    """``inode 12 "/a/b" of ext4 on /``; None for what is no inode of these file systems.

    :param inode: ``struct inode *``, perhaps.
    """
    row = _INODE.read(inode)
    if row is None or row.i_sb not in systems:
        return None
    system = systems[row.i_sb]
    if system.type == "bdev":
        return f"block device {row.i_rdev >> _MINOR_BITS}:{row.i_rdev & (1 << _MINOR_BITS) - 1}"
    name = _name_of(inode)
    inside = f"{system.mountpoint.rstrip('/')}{name}" if name and system.mountpoint else name
    shown = f' "{inside}"' if inside else ""
    return f"inode {row.i_ino}{shown} of {system.text}"


def _name_of(inode: int) -> str:
    try:
        first = lowlevel.read_pointer(inode + lowlevel.member("struct inode", "i_dentry").offset)
        if not first:
            return ""
        alias = compat.spelling("struct dentry", "Alias")
        dentry = first - lowlevel.member("struct dentry", alias).offset
        return paths.path(dentry)
    except PykdumpError:
        return ""
