# SPDX-License-Identifier: GPL-2.0-or-later
"""Block devices and disks (include/linux/blkdev.h): names, numbers, queues, who stopped them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("blockdev_superblock",)

_BDEV = "struct block_device"
# v6.8 ("bdev: rename freeze and thaw helpers"): bd_fsfreeze_count became atomic in v6.7.
compat.member(_BDEV, "Freezes", "bd_fsfreeze_count.counter", "bd_fsfreeze_count")
# v5.11 ("block: move the partition information into block_device"); v6.9 put flags beside it.
compat.member(_BDEV, "Partno", "__bd_flags.counter", "bd_partno", "bd_part.partno")

_DEVICE = Layout(_BDEV, "bd_dev", "bd_disk", "Partno", "Freezes")
_DISK = Layout("struct gendisk", "major", "first_minor", "disk_name", "queue", "private_data")

_PRIVATE = Layout("struct device_private", "device", "device.type")

_MINOR_BITS = 20
_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """A ``struct gendisk``."""

    addr: int
    name: str
    major: int
    first_minor: int
    queue_addr: int  #: struct request_queue *
    private_addr: int  #: the driver's: struct mapped_device * of device-mapper, ...


@dataclass(frozen=True)
class BlockDevice:
    """A ``struct block_device``: a disk or a partition."""

    addr: int
    device: int  #: dev_t
    name: str
    disk_addr: int  #: struct gendisk *
    partition: int  #: 0: the whole disk
    freezes: int  #: how many users of the device froze the file system on it


def decode_devt(device: int) -> tuple[int, int]:
    """Major and minor number in a ``dev_t``."""
    return device >> _MINOR_BITS, device & ((1 << _MINOR_BITS) - 1)


def block_devices() -> list[BlockDevice]:
    """Block devices by number; before 5.11 those that somebody opened. Damage is warned of."""
    try:
        devices = _device_addrs()
    except PykdumpError as error:
        pylog.warning(f"block devices cannot be found: {error}")
        return []
    rows = [(addr, row) for addr, row in zip(devices, _DEVICE.read_many(devices)) if row]
    names = {disk.addr: disk.name for disk in _disks([row.bd_disk for _, row in rows])}
    found = [
        BlockDevice(
            *(addr, row.bd_dev, _name(names[row.bd_disk], row.Partno & 0xFF), row.bd_disk),
            *(row.Partno & 0xFF, row.Freezes or 0),
        )
        for addr, row in rows
        if row.bd_disk in names
    ]
    return sorted(found, key=lambda device: device.device)


def disks(devices: Sequence[BlockDevice] | None = None) -> list[Disk]:
    """Disks by number."""
    known = block_devices() if devices is None else devices
    found = _disks([*(device.disk_addr for device in known), *_disks_of_the_class()])
    return sorted(found, key=lambda disk: (disk.major, disk.first_minor))


def _disks_of_the_class() -> list[int]:
    # Before 5.11 there is a block_device only of what was opened, but each disk has a device in
    # the class of disks: that in its hd_struct, as its type tells.
    if not compat.has("struct gendisk.part0.__dev"):
        return []
    class_addr = lowlevel.symbol_address("block_class")
    private = lowlevel.read_pointer(class_addr + lowlevel.member("struct class", "p").offset)
    klist = private + lowlevel.member("struct subsys_private", "klist_devices").offset
    found = trees.klist(klist, limit=_LIMIT)
    if found.end != "complete":
        pylog.warning(f"the list of disks is broken at {found.stopped_at:#x} ({found.end})")
    node_at = lowlevel.member("struct device_private", "knode_class").offset
    rows = _PRIVATE.read_many([node - node_at for node in found.addrs])
    disk_type = lowlevel.symbol_address("disk_type")
    device_at = lowlevel.member("struct gendisk", "part0.__dev").offset
    return [
        row.device - device_at
        for row in rows
        if row is not None and row.device and row.device_type == disk_type
    ]


def _device_addrs() -> list[int]:
    # Each has an inode in a file system of their own.
    lowlevel.prefetch_symbols(SYMBOLS)
    sb = lowlevel.read_pointer(lowlevel.symbol_address("blockdev_superblock"))
    node_at = lowlevel.member("struct inode", "i_sb_list").offset
    walk = walk_list(sb + lowlevel.member("struct super_block", "s_inodes").offset, limit=_LIMIT)
    if walk.end != "complete":
        pylog.warning(
            f"the list of block devices is broken behind {len(walk.nodes)} ({walk.end} at "
            f"{walk.stopped_at:#x})"
        )
    inode_at = lowlevel.member("struct bdev_inode", "vfs_inode").offset
    bdev_at = lowlevel.member("struct bdev_inode", "bdev").offset
    return [node - node_at - inode_at + bdev_at for node in walk.nodes]


def _disks(addrs: Sequence[int]) -> list[Disk]:
    unique = [addr for addr in dict.fromkeys(addrs) if addr]
    return [
        Disk(
            *(addr, row.disk_name.decode("utf-8", "backslashreplace"), row.major),
            *(row.first_minor, row.queue, row.private_data),
        )
        for addr, row in zip(unique, _DISK.read_many(unique))
        if row is not None and row.disk_name
    ]


def _name(disk: str, partition: int) -> str:
    if not partition:
        return disk
    return f"{disk}p{partition}" if disk[-1].isdigit() else f"{disk}{partition}"
