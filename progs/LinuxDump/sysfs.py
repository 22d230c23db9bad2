# SPDX-License-Identifier: GPL-2.0-or-later
"""sysfs for scripts: where devices are in /sys (fs/sysfs)."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.kernfs import decode_kernfs_node, kernfs_fullpath, kndir_iterate
from pykdump import lowlevel
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult

# v3.14 324a56e16e44 ("kernfs: s/sysfs_dirent/kernfs_node/") made nodes of kernfs of the dirents.


def gendev2sd(gendev: int) -> StructResult:
    """``struct kernfs_node`` of a ``struct device``."""
    at = lowlevel.member("struct device", "kobj.sd").offset
    return readSU("struct kernfs_node", lowlevel.read_pointer(int(gendev) + at))


def sysfs_fullpath(sd: int) -> str:
    """Path of a node from the root of sysfs: ``/devices/virtual/block/loop0``."""
    return kernfs_fullpath(sd)


def blockdev_name(sd: int) -> str | None:
    """Name of the block device below a node of a device: ``sda``; None when there is none."""
    for child in kndir_iterate(sd):
        name = decode_kernfs_node(child)[0]
        if name == "block":
            return next((decode_kernfs_node(disk)[0] for disk in kndir_iterate(child)), None)
        if name.startswith("block:"):
            return name[len("block:") :]
    return None


def decode_sysfs_dirent(sd: int) -> tuple[str, str]:
    """Name of a node, and ``/`` for a folder, ``@`` for a link, else ``.``."""
    return decode_kernfs_node(sd)


def for_all_dirents(sd: int) -> Iterator[StructResult]:
    """Nodes in a folder, by name."""
    return kndir_iterate(sd)


__getattr__ = with_api(globals())
