# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths of dentries and files, as the kernel's own d_path() makes them (fs/d_path.c)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from LinuxDump.kernel_text import UNREADABLE, read_text, text
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.symbols import addr2sym

_DENTRY = Layout(
    "struct dentry",
    *("d_parent", "d_name.len", "d_name.name", "d_inode", "d_op", "d_hash.pprev", "d_fsdata"),
)
_OPERATIONS = Layout("struct dentry_operations", "d_dname")
_MOUNT = Layout("struct mount", "mnt_parent", "mnt_mountpoint", "mnt.mnt_root")
_INODE = Layout("struct inode", "i_ino")

_NAME_MAX = 255
_DEPTH_MAX = 2048  # PATH_MAX / 2: each name takes a slash and a letter


@dataclass(frozen=True)
class Dentry:
    """A name in a folder."""

    addr: int  #: struct dentry *
    parent_addr: int  #: itself for the root of a file system
    name: str
    inode_addr: int  #: 0: a name that is known not to exist
    dname_addr: int  #: d_op->d_dname, which makes up the path of what is in no folder; or 0
    is_unlinked: bool  #: removed while in use
    fsdata_addr: int

    @property
    def is_root(self) -> bool:
        return self.parent_addr == self.addr


@dataclass(frozen=True)
class _Mount:
    parent_addr: int  # struct mount *
    mountpoint_addr: int  # struct dentry *
    root_addr: int  # struct dentry *


class _Names:
    """What was read of the open dump."""

    def __init__(self) -> None:
        self.kernel = lowlevel.kernel()
        self.dentries: dict[int, Dentry | None] = {0: None}
        self.mounts: dict[int, _Mount | None] = {}
        self.dnames: dict[int, int] = {0: 0}  # d_op->d_dname of a d_op
        self.functions: dict[int, str] = {}  # names of these
        self.numbers: dict[int, int | None] = {0: None}  # i_ino of what is in no folder


_names: _Names | None = None


def _known() -> _Names:
    global _names
    if _names is None or _names.kernel is not lowlevel.kernel():
        _names = _Names()
    return _names


# --- dentries


def dentry(addr: int) -> Dentry | None:
    """A dentry; None when it cannot be read.

    :param addr: ``struct dentry *``.
    """
    known = _known()
    if addr not in known.dentries:
        load([addr])
    return known.dentries[addr]


def load(addrs: Iterable[int]) -> None:
    """Read many dentries and all the folders above them, in few passes."""
    known = _known()
    fresh = list({addr for addr in addrs if addr not in known.dentries})
    while fresh:
        rows = _DENTRY.read_many(fresh)
        _load_operations(row.d_op for row in rows if row is not None)
        _load_numbers(row.d_inode for row in rows if row is not None and known.dnames[row.d_op])
        for addr, row in zip(fresh, rows):
            known.dentries[addr] = None if row is None else _dentry(addr, row, known)
        parents = {row.d_parent for row in rows if row is not None}
        fresh = [addr for addr in parents if addr not in known.dentries]


def _dentry(addr: int, row: Any, known: _Names) -> Dentry:
    size = row.d_name_len
    name = read_text(row.d_name_name, size) if size <= _NAME_MAX else UNREADABLE
    return Dentry(
        addr=addr,
        parent_addr=row.d_parent,
        name=name,
        inode_addr=row.d_inode,
        dname_addr=known.dnames[row.d_op],
        is_unlinked=not row.d_hash_pprev and row.d_parent != addr,
        fsdata_addr=row.d_fsdata,
    )


def _load_operations(addrs: Iterable[int]) -> None:
    known = _known()
    fresh = list({addr for addr in addrs if addr not in known.dnames})
    for addr, row in zip(fresh, _OPERATIONS.read_many(fresh)):
        known.dnames[addr] = 0 if row is None else row.d_dname


def _load_numbers(inodes: Iterable[int]) -> None:
    known = _known()
    fresh = list({addr for addr in inodes if addr not in known.numbers})
    for addr, row in zip(fresh, _INODE.read_many(fresh)):
        known.numbers[addr] = None if row is None else int(row.i_ino)


# --- paths


def mount_of(vfsmount: int) -> int:
    """``struct mount *`` of a ``struct vfsmount *``."""
    return vfsmount - lowlevel.member("struct mount", "mnt").offset


def path(dentry_addr: int, vfsmount: int = 0, root: tuple[int, int] = (0, 0)) -> str:
    """Where a dentry is: from the root of all mounts, of its file system without a vfsmount.

    :param dentry_addr: ``struct dentry *``.
    :param vfsmount: ``struct vfsmount *``, or 0.
    :param root: dentry and vfsmount that count as ``/``: those of a task's ``fs_struct.root``.
    """
    here = dentry(dentry_addr)
    if here is None:
        return UNREADABLE
    if here.dname_addr and (not here.is_root or not _is_mount_root(here, vfsmount)):
        return _made_up(here)
    climbed = _climb(here, mount_of(vfsmount) if vfsmount else 0, root)
    return climbed + " (deleted)" if here.is_unlinked else climbed


def _climb(here: Dentry, mount: int, root: tuple[int, int]) -> str:
    names: list[str] = []
    root_mount = mount_of(root[1]) if root[1] else 0
    for _ in range(_DEPTH_MAX):
        if root[0] and (here.addr, mount) == (root[0], root_mount):
            break
        place = _mount(mount) if mount else None
        if here.is_root or (place is not None and here.addr == place.root_addr):
            if mount and place is None:
                return "/".join([UNREADABLE, *reversed(names)])
            if place is None or place.parent_addr == mount or here.addr != place.root_addr:
                break  # the root of all, or of a file system that is not reached by mounts
            above, mount = dentry(place.mountpoint_addr), place.parent_addr
        else:
            names.append(here.name)
            above = dentry(here.parent_addr)
        if above is None:
            return "/".join([UNREADABLE, *reversed(names)])
        here = above
    else:
        return "/".join(["<endless>", *reversed(names[:4])])
    return "/" + "/".join(reversed(names))


def _mount(addr: int) -> _Mount | None:
    known = _known()
    if addr not in known.mounts:
        row = _MOUNT.read(addr)
        known.mounts[addr] = None if row is None else _Mount(*row)
    return known.mounts[addr]


def _is_mount_root(here: Dentry, vfsmount: int) -> bool:
    place = _mount(mount_of(vfsmount)) if vfsmount else None
    return place is not None and here.addr == place.root_addr


# --- what is in no folder


def _made_up(here: Dentry) -> str:
    # By the function that the kernel calls for it; one unknown here gets the dentry's own name.
    functions = _known().functions
    if here.dname_addr not in functions:
        found = addr2sym(here.dname_addr, True)
        functions[here.dname_addr] = (found[0] or "") if found else ""
    function = functions[here.dname_addr]
    if function == "ns_dname":
        return f"{_namespace_type(here.fsdata_addr)}:[{_inode_number(here)}]"
    prefixes = {"pipefs_dname": "pipe", "sockfs_dname": "socket", "pidfs_dname": "pidfd"}
    if function in prefixes:
        return f"{prefixes[function]}:[{_inode_number(here)}]"
    if function == "anon_inodefs_dname":
        return f"anon_inode:{here.name}"
    if function in ("simple_dname", "shmem_dname", "hugetlbfs_dname"):
        return f"/{here.name} (deleted)"
    if function == "dmabuffs_dname":
        return f"/dmabuf:{here.name}"
    return here.name


def _inode_number(here: Dentry) -> int | str:
    number = _known().numbers.get(here.inode_addr)
    return "?" if number is None else number


def _namespace_type(operations: int) -> str:
    if not operations or not compat.has("struct proc_ns_operations.name"):
        return "?"
    try:
        name = lowlevel.read_pointer(
            operations + lowlevel.member("struct proc_ns_operations", "name").offset
        )
        return text(lowlevel.dump().read(name, 16).partition(b"\0")[0])
    except ReadError:
        return UNREADABLE
