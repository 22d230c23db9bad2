# SPDX-License-Identifier: GPL-2.0-or-later
"""Names in memory for scripts: folders listed as ls would, as far as they are cached."""

from __future__ import annotations

from LinuxDump.fs import folders, mounts, paths
from LinuxDump.kernel_text import UNREADABLE
from pykdump.highlevel import readSU
from pykdump.layout import Layout
from pykdump.star import with_api
from pykdump.structs import StructResult

# include/uapi/linux/stat.h
S_IFMT, S_IFSOCK, S_IFLNK, S_IFREG = 0o170000, 0o140000, 0o120000, 0o100000
S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO = 0o060000, 0o040000, 0o020000, 0o010000
S_ISUID, S_ISGID, S_ISVTX = 0o4000, 0o2000, 0o1000
S_IRWXU, S_IRUSR, S_IWUSR, S_IXUSR = 0o700, 0o400, 0o200, 0o100
S_IRWXG, S_IRGRP, S_IWGRP, S_IXGRP = 0o070, 0o040, 0o020, 0o010
S_IRWXO, S_IROTH, S_IWOTH, S_IXOTH = 0o007, 0o004, 0o002, 0o001

_INODE = Layout("struct inode", "i_mode", "i_ino", "i_size", "i_nlink", "i_uid", "i_gid", "i_rdev")
_LETTERS = {
    S_IFSOCK: "s",
    S_IFLNK: "l",
    S_IFREG: "-",
    S_IFBLK: "b",
    S_IFDIR: "d",
    S_IFCHR: "c",
    S_IFIFO: "p",
}
_MINOR_BITS = 20


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
    name = paths.path(found.addr, int(vfsmnt)) if vfsmnt else found.name
    row = _INODE.read(found.inode_addr) if found.inode_addr else None
    if v:
        print(f"<struct dentry {found.addr:#x}> <struct inode {found.inode_addr:#x}>")
    if row is None:
        print(f"{'<no inode>' if not found.inode_addr else UNREADABLE:>50} {name}")
        return
    uid, gid = (int.from_bytes(raw[:4], "little") for raw in (row.i_uid, row.i_gid))
    size = str(row.i_size)
    if S_ISCHR(row.i_mode) or S_ISBLK(row.i_mode):
        size = f"{row.i_rdev >> _MINOR_BITS}, {row.i_rdev & ((1 << _MINOR_BITS) - 1)}"
    mode = _mode_text(row.i_mode)
    print(f"{row.i_ino:>10} {mode} {row.i_nlink:>3} {uid:>5} {gid:>5} {size:>12} {name}")


def _mode_text(mode: int) -> str:
    bits = "".join(
        letter if mode >> shift & 1 else "-" for shift, letter in zip(range(8, -1, -1), "rwx" * 3)
    )
    return _LETTERS.get(mode & S_IFMT, "?") + bits


def ls_pathname(path: str, v: int = 0) -> None:
    """Print a name, or the names in a folder, that a path or the hex address of a dentry leads to.

    Only what is in memory is known.
    """
    if path.startswith("/"):
        found, vfsmount = folders.find(path)
    else:
        found, vfsmount = paths.dentry(int(path, 16)), 0
    if found is None:
        print(f"{path}: not in memory")
        return
    row = _INODE.read(found.inode_addr) if found.inode_addr else None
    if row is None or not S_ISDIR(row.i_mode):
        print_dentry(found.addr, v, vfsmount)
        return
    print(f"{paths.path(found.addr, vfsmount, _root())}:")
    for child in sorted(folders.children(found.addr), key=lambda child: child.name):
        print_dentry(child.addr, v)


def _root() -> tuple[int, int]:
    return mounts.namespace_root(mounts.first_namespace())


__getattr__ = with_api(globals())
