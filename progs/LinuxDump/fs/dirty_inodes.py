# SPDX-License-Identifier: GPL-2.0-or-later
"""Inodes that wait to be written back (include/linux/backing-dev-defs.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

# v4.4 c7f5408493ae ("writeback: rename bdi_writeback->...") made i_io_list of i_wb_list.
compat.member("struct inode", "Io_list", "i_io_list", "i_wb_list")

_SUPER = Layout("struct super_block", "s_bdi")
_INODE = Layout("struct inode", "i_sb", "i_ino", "i_mapping.nrpages")
#: Lists of a struct bdi_writeback, and what it means to be in them.
_LISTS = {
    "b_dirty": "dirty",
    "b_io": "to be written now",
    "b_more_io": "to be written next",
    "b_dirty_time": "only times are dirty",
}
_MOST_WRITERS = 10_000


@dataclass(frozen=True)
class DirtyInode:
    """An inode that waits to be written back."""

    addr: int  #: struct inode *
    number: int
    pages: int  #: in the page cache, clean ones too
    state: str  #: dirty, to be written now, to be written next, only times are dirty


def dirty_inodes(superblock: int) -> list[DirtyInode]:
    """Inodes of a file system that wait to be written back; what is broken is said.

    :param superblock: ``struct super_block *``.
    """
    row = _SUPER.read(superblock)
    if row is None:
        pylog.warning(f"super_block {superblock:#x} cannot be read")
        return []
    # What has no device is marked dirty, too, and never written.
    if row.s_bdi in (0, lowlevel.find_symbol("noop_backing_dev_info")):
        return []
    return list(_of_device(row.s_bdi, superblock))


def _of_device(device: int, superblock: int) -> Iterator[DirtyInode]:
    link = lowlevel.member("struct inode", compat.spelling("struct inode", "Io_list")).offset
    for writer in _writers(device):
        for name, state in _LISTS.items():
            if not compat.has(f"struct bdi_writeback.{name}"):
                continue
            walk = walk_list(writer + lowlevel.member("struct bdi_writeback", name).offset)
            if walk.end != "complete":
                pylog.warning(
                    f"bdi_writeback {writer:#x}: its list {name} is broken: {walk.end} at "
                    f"{walk.stopped_at:#x}"
                )
            addrs = [node - link for node in walk.nodes]
            for addr, row in zip(addrs, _INODE.read_many(addrs)):
                if row is None:
                    pylog.warning(f"inode {addr:#x} cannot be read")
                elif row.i_sb == superblock:
                    yield DirtyInode(addr, row.i_ino, row.i_mapping_nrpages or 0, state)


def _writers(device: int) -> list[int]:
    # struct bdi_writeback *: the device's own, and those of cgroups.
    own = device + lowlevel.member("struct backing_dev_info", "wb").offset
    if not compat.has("struct backing_dev_info.wb_list"):
        return [own]
    head = device + lowlevel.member("struct backing_dev_info", "wb_list").offset
    node = lowlevel.member("struct bdi_writeback", "bdi_node").offset
    walk = walk_list(head, limit=_MOST_WRITERS)
    return list(dict.fromkeys([own, *(at - node for at in walk.nodes)]))
