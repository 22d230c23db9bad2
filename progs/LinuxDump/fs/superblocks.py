# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounts and superblocks for scripts: what ``from LinuxDump.fs import *`` gives."""

from __future__ import annotations

from LinuxDump.fs import mounts, paths
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.star import with_api

_SUPER = Layout("struct super_block", "s_writers.frozen")
_SB_UNFROZEN = 0  # include/linux/fs.h

MountTuple = tuple[int, int, str, str, str]


def getMount() -> list[MountTuple]:
    """``(vfsmount, superblock, fstype, devname, mountpoint)`` of what the first process sees.

    The first two are addresses: ``struct vfsmount *`` and ``struct super_block *``.
    """
    return [
        (mount.vfsmount_addr, mount.sb_addr, mount.fstype, mount.device, mount.mountpoint)
        for mount in mounts.mounts()
    ]


def sb2Vfsmnt(sb: int) -> int:
    """Address of the first ``struct vfsmount`` of a ``struct super_block``, 0 when not mounted."""
    for mount in mounts.mounts():
        if mount.sb_addr == int(sb):
            return mount.vfsmount_addr
    return 0


def get_dentry_name(dentry: int) -> str:
    """Name of a ``struct dentry``, without its folder; "" for what cannot be read."""
    found = paths.dentry(int(dentry))
    return "" if found is None else found.name


def IS_ROOT(dentry: int) -> bool:
    """Whether a ``struct dentry`` is the root of its file system."""
    at = lowlevel.member("struct dentry", "d_parent").offset
    return lowlevel.read_pointer(int(dentry) + at) == int(dentry)


def sb_frozen(sb: int) -> int:
    """How far a ``struct super_block`` is frozen: 0 not at all, ``SB_FREEZE_COMPLETE`` all."""
    row = _SUPER.read(int(sb))
    return _SB_UNFROZEN if row is None else int(row.s_writers_frozen)


__getattr__ = with_api(globals())
