# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders as far as the kernel has their names in memory (fs/dcache.c)."""

from __future__ import annotations

from LinuxDump.fs import mounts, paths
from LinuxDump.fs.paths import Dentry
from pykdump import compat, lowlevel
from pykdump.logging import pylog
from pykdump.walks import walk_chain, walk_list

# Kernels before 3.19 kept d_child in a union with a list of those to be freed.
compat.member("struct dentry", "Child", "d_child", "d_u.d_child")


def children(folder: int) -> list[Dentry]:
    """Names in a folder that are in memory, those known not to exist included.

    :param folder: ``struct dentry *``.
    """
    # v6.8 da549bdd15c2 ("dentry: switch the lists of children to hlist")
    if compat.has("struct dentry.d_children"):
        head, node = "d_children", "d_sib"
        walk = walk_chain(folder + _offset(head))
    else:
        head, node = "d_subdirs", compat.spelling("struct dentry", "Child")
        walk = walk_list(folder + _offset(head))
    if walk.end != "complete":
        pylog.warning(
            f"dentry {folder:#x}: its {head} end at {walk.stopped_at:#x} ({walk.end}), "
            "names may be missing"
        )
    addrs = [addr - _offset(node) for addr in walk.nodes]
    paths.load(addrs)
    return [found for found in map(paths.dentry, addrs) if found is not None]


def find(path: str, namespace: int = 0) -> tuple[Dentry | None, int]:
    """Dentry and vfsmount of an absolute path; None and the vfsmount for a name not in memory.

    Links in the path are not followed.

    :param namespace: ``struct mnt_namespace *``, by default that of the first process.
    """
    names = [name for name in path.split("/") if name]
    namespace = namespace or mounts.first_namespace()
    above = {mount.mountpoint: mount for mount in mounts.mounts(namespace)}
    for count in range(len(names), -1, -1):
        mount = above.get("/" + "/".join(names[:count]))
        if mount is not None:
            break
    else:
        return None, 0
    root = lowlevel.read_pointer(mount.vfsmount_addr + _offset_of_root())
    here = paths.dentry(root)
    for name in names[count:]:
        if here is None:
            break
        here = next((child for child in children(here.addr) if child.name == name), None)
    return here, mount.vfsmount_addr


def _offset(member: str) -> int:
    return lowlevel.member("struct dentry", member).offset


def _offset_of_root() -> int:
    return lowlevel.member("struct vfsmount", "mnt_root").offset
