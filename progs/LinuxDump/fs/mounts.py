# SPDX-License-Identifier: GPL-2.0-or-later
"""What is mounted, in any mount namespace (fs/mount.h)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import trees
from LinuxDump.fs import paths
from LinuxDump.kernel_text import UNREADABLE, string_at
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

_MOUNT = Layout(
    "struct mount",
    *("mnt_id", "mnt_parent", "mnt_devname", "mnt.mnt_root", "mnt.mnt_sb", "mnt.mnt_flags"),
)
_ID = Layout("struct mount", "mnt_id")
_SUPER = Layout("struct super_block", "s_dev", "s_flags", "s_type.name", "s_subtype")
_MINOR_BITS = 20

#: include/linux/mount.h and include/uapi/linux/mount.h, in the order of show_mnt_opts()
_MNT_FLAGS = ((0x1, "nosuid"), (0x2, "nodev"), (0x4, "noexec"), (0x8, "noatime"))
_MNT_FLAGS_2 = ((0x10, "nodiratime"), (0x20, "relatime"))
_MNT_READONLY = 0x40
_SB_RDONLY = 0x1


@dataclass(frozen=True)
class Mount:
    """A mount."""

    addr: int  #: struct mount *
    vfsmount_addr: int  #: struct vfsmount *
    sb_addr: int  #: struct super_block *
    id: int
    parent_id: int
    major: int
    minor: int
    root: str  #: what of the file system is mounted
    mountpoint: str  #: from the root of the namespace
    options: tuple[str, ...]  #: of this mount: rw, nosuid, ...
    fstype: str
    device: str
    is_read_only: bool  #: the mount or its file system


def mounts(namespace: int = 0) -> list[Mount]:
    """What is mounted, in the order of the kernel's list; what is broken is left out and said.

    :param namespace: ``struct mnt_namespace *``, by default that of the first process.
    """
    namespace = namespace or first_namespace()
    return list(_records(_addrs(namespace), namespace_root(namespace)))


def first_namespace() -> int:
    """``struct mnt_namespace *`` of the kernel itself and of the first process."""
    proxy = (
        lowlevel.symbol_address("init_task")
        + lowlevel.member("struct task_struct", "nsproxy").offset
    )
    return _pointer_in(lowlevel.read_pointer(proxy), "struct nsproxy", "mnt_ns")


def namespace_root(namespace: int) -> tuple[int, int]:
    """Dentry and vfsmount that the paths of a namespace start at."""
    root = _pointer_in(namespace, "struct mnt_namespace", "root")
    vfsmount = root + lowlevel.member("struct mount", "mnt").offset
    return _pointer_in(root, "struct mount", "mnt.mnt_root"), vfsmount


def _pointer_in(addr: int, struct: str, member: str) -> int:
    return lowlevel.read_pointer(addr + lowlevel.member(struct, member).offset)


def _addrs(namespace: int) -> list[int]:
    # v6.8 2eea9ce4310d ("mounts: keep list of mounts in an rbtree"); `mounts` was a number before.
    is_list = compat.has("struct mnt_namespace.list")
    head, node = ("list", "mnt_list") if is_list else ("mounts", "mnt_node")
    start = namespace + lowlevel.member("struct mnt_namespace", head).offset
    walk = walk_list(start) if is_list else trees.for_rbtree(start)
    if walk.end != "complete":
        pylog.warning(
            f"mnt_namespace {namespace:#x}: its mounts end at {walk.stopped_at:#x} ({walk.end}), "
            "some may be missing"
        )
    node_at = lowlevel.member("struct mount", node).offset
    return [addr - node_at for addr in walk.nodes]


def _records(addrs: Sequence[int], root: tuple[int, int]) -> Iterator[Mount]:
    rows = _MOUNT.read_many(addrs)
    supers = list({row.mnt_mnt_sb for row in rows if row is not None})
    known = dict(zip(supers, _SUPER.read_many(supers)))
    paths.load(row.mnt_mnt_root for row in rows if row is not None)
    parents = list({row.mnt_parent for row in rows if row is not None})
    ids = {addr: row.mnt_id for addr, row in zip(parents, _ID.read_many(parents)) if row}
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"mount {addr:#x} cannot be read and is left out")
            continue
        super_block = known[row.mnt_mnt_sb]
        if super_block is None and row.mnt_devname == 0:
            continue  # a cursor of somebody who reads /proc/mounts, before 6.8
        yield _record(addr, row, super_block, ids.get(row.mnt_parent, 0), root)


def _record(addr: int, row: Any, sb: Any, parent_id: int, root: tuple[int, int]) -> Mount:
    vfsmount = addr + lowlevel.member("struct mount", "mnt").offset
    device = 0 if sb is None else sb.s_dev
    read_only = bool(row.mnt_mnt_flags & _MNT_READONLY)
    return Mount(
        addr=addr,
        vfsmount_addr=vfsmount,
        sb_addr=row.mnt_mnt_sb,
        id=row.mnt_id,
        parent_id=parent_id,
        major=device >> _MINOR_BITS,
        minor=device & ((1 << _MINOR_BITS) - 1),
        root=paths.path(row.mnt_mnt_root),
        mountpoint=paths.path(row.mnt_mnt_root, vfsmount, root),
        options=("ro" if read_only else "rw", *_options(row.mnt_mnt_flags)),
        fstype=UNREADABLE if sb is None else _type_name(sb),
        device=string_at(row.mnt_devname) if row.mnt_devname else "none",
        is_read_only=read_only or (sb is not None and bool(sb.s_flags & _SB_RDONLY)),
    )


def _options(flags: int) -> Iterator[str]:
    for bit, name in (*_MNT_FLAGS, *_MNT_FLAGS_2):
        if flags & bit:
            yield name


def _type_name(sb: Any) -> str:
    name = string_at(sb.s_type_name)
    return f"{name}.{string_at(sb.s_subtype)}" if sb.s_subtype else name
