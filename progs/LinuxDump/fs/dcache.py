# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in memory for scripts: folders listed as ls would, as far as they are cached."""

from __future__ import annotations

from LinuxDump.fs import folders, listing, paths
from LinuxDump.kernel_text import UNREADABLE
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult

# include/uapi/linux/stat.h
S_IFMT, S_IFSOCK, S_IFLNK, S_IFREG = 0o170000, 0o140000, 0o120000, 0o100000
S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO = 0o060000, 0o040000, 0o020000, 0o010000
S_ISUID, S_ISGID, S_ISVTX = 0o4000, 0o2000, 0o1000
S_IRWXU, S_IRUSR, S_IWUSR, S_IXUSR = 0o700, 0o400, 0o200, 0o100
S_IRWXG, S_IRGRP, S_IWGRP, S_IXGRP = 0o070, 0o040, 0o020, 0o010
S_IRWXO, S_IROTH, S_IWOTH, S_IXOTH = 0o007, 0o004, 0o002, 0o001


def S_ISLNK(m: int) -> bool:
    """Whether ``i_mode`` is of a symbolic link."""
    return m & S_IFMT == S_IFLNK


def S_ISREG(m: int) -> bool:
    """Whether ``i_mode`` is of a plain file."""
    return m & S_IFMT == S_IFREG


def S_ISDIR(m: int) -> bool:
    """Whether ``i_mode`` is of a folder."""
    return m & S_IFMT == S_IFDIR


def S_ISCHR(m: int) -> bool:
    """Whether ``i_mode`` is of a character device."""
    return m & S_IFMT == S_IFCHR


def S_ISBLK(m: int) -> bool:
    """Whether ``i_mode`` is of a block device."""
    return m & S_IFMT == S_IFBLK


def S_ISFIFO(m: int) -> bool:
    """Whether ``i_mode`` is of a pipe."""
    return m & S_IFMT == S_IFIFO


def S_ISSOCK(m: int) -> bool:
    """Whether ``i_mode`` is of a socket."""
    return m & S_IFMT == S_IFSOCK


def read_dir(dentry: int) -> list[StructResult]:
    """``struct dentry`` of the names in a folder that are in memory."""
    return [readSU("struct dentry", child.addr) for child in folders.children(int(dentry))]


def pathname2dentry(path: str) -> tuple[StructResult | None, StructResult | None]:
    """``struct dentry`` and ``struct vfsmount`` of an absolute path, None for what is not there.

    Links in the path are not followed, and a name that is not in memory is not found.
    """
    found, vfsmount = folders.find(path)
    dentry = None if found is None else readSU("struct dentry", found.addr)
    return dentry, readSU("struct vfsmount", vfsmount) if vfsmount else None


def print_dentry(dentry: int, v: int = 0, vfsmnt: int = 0) -> None:
    """Print a name as ls -l does, its path with a vfsmount; with v also the addresses."""
    found = paths.dentry(int(dentry))
    if found is None:
        print(f"<dentry {int(dentry):#x}: {UNREADABLE}>")
        return
    for line in listing.lines(listing.entry(found, int(vfsmnt)), v):
        print(line)


def ls_pathname(path: str, v: int = 0) -> None:
    """Print a name, or the names in a folder, that a path or the hex address of a dentry leads to.

    Only what is in memory is known.
    """
    found = listing.listing(path)
    if found is None:
        print(f"{path}: not in memory")
        return
    if found.path:
        print(f"{found.path}:")
    for entry in found.entries:
        for line in listing.lines(entry, v):
            print(line)


__getattr__ = with_api(globals())
