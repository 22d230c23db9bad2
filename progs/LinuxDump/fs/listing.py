# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder listed as ls -l would, as far as its names are in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.fs import folders, mounts, paths
from LinuxDump.fs.paths import Dentry
from LinuxDump.kernel_text import UNREADABLE
from pykdump import compat
from pykdump.layout import Layout
from pykdump.printing import printable

# v6.6 13bc24457850 ("fs: rename i_atime and i_mtime fields to __i_atime and __i_mtime"); v6.11
# 3aa63a569c64 ("fs: switch timespec64 fields in inode to discrete integers")
compat.member("struct inode", "Mtime", "i_mtime_sec", "__i_mtime.tv_sec", "i_mtime.tv_sec")

_INODE = Layout(
    "struct inode",
    *("i_mode", "i_ino", "i_size", "i_nlink", "i_uid.val", "i_gid.val", "i_rdev", "Mtime"),
)
_TYPES = {0o14: "s", 0o12: "l", 0o10: "-", 0o06: "b", 0o04: "d", 0o02: "c", 0o01: "p"}
_DEVICES = "bc"
_MINOR_BITS = 20


@dataclass(frozen=True)
class Entry:
    """A name; without an inode it is known not to exist, or its inode is not in the dump."""

    name: str
    dentry_addr: int  #: struct dentry *
    inode_addr: int  #: struct inode *
    inode: int | None  #: its number
    mode: int
    links: int
    uid: int
    gid: int
    size_bytes: int
    device: int  #: dev_t of a block or character device
    mtime_s: int  #: since 1970


@dataclass(frozen=True)
class Listing:
    """What a path leads to."""

    path: str  #: of a folder, "" for anything else
    entries: tuple[Entry, ...]


def listing(path: str) -> Listing | None:
    """A folder's names, or the one that the path is; None for what is not in memory.

    :param path: absolute, or the hex address of a ``struct dentry``.
    """
    if path.startswith("/"):
        found, vfsmount = folders.find(path)
    else:
        found, vfsmount = paths.dentry(int(path, 16)), 0
    if found is None:
        return None
    own = entry(found)
    if own.mode >> 12 != 0o04:
        return Listing("", (entry(found, vfsmount),))
    root = mounts.namespace_root(mounts.first_namespace())
    children = sorted(folders.children(found.addr), key=lambda child: child.name)
    return Listing(paths.path(found.addr, vfsmount, root), tuple(map(entry, children)))


def entry(found: Dentry, vfsmount: int = 0) -> Entry:
    """The record of a name, with its whole path where a ``struct vfsmount *`` is given."""
    name = paths.path(found.addr, vfsmount) if vfsmount else found.name
    row = _INODE.read(found.inode_addr) if found.inode_addr else None
    if row is None:
        return Entry(name, found.addr, found.inode_addr, None, *[0] * 7)
    mode, number, size, links, uid, gid, device, mtime = row
    return Entry(
        *(name, found.addr, found.inode_addr, number, mode, links),
        *(uid, gid, size, device, mtime),
    )


def lines(found: Entry, detail: int = 0) -> Iterator[str]:
    """A name as text; with detail its addresses."""
    if detail:
        yield f"<struct dentry {found.dentry_addr:#x}> <struct inode {found.inode_addr:#x}>"
    name = printable(found.name)
    if found.inode is None:
        yield f"{'<no inode>' if not found.inode_addr else UNREADABLE:>67} {name}"
        return
    size = str(found.size_bytes)
    if mode_text(found.mode)[0] in _DEVICES:
        size = f"{found.device >> _MINOR_BITS}, {found.device & ((1 << _MINOR_BITS) - 1)}"
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.mtime_s))
    yield (
        f"{found.inode:>10} {mode_text(found.mode)} {found.links:>3} {found.uid:>5} "
        f"{found.gid:>5} {size:>12} {when} {name}"
    )


def mode_text(mode: int) -> str:
    """The mode as ls shows it."""
    bits = "".join(
        letter if mode >> shift & 1 else "-" for shift, letter in zip(range(8, -1, -1), "rwx" * 3)
    )
    return _TYPES.get(mode >> 12, "?") + bits
