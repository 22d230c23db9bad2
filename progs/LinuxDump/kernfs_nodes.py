# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes of kernfs, of which sysfs and cgroupfs are made (include/linux/kernfs.h)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import trees
from LinuxDump.kernel_text import UNREADABLE, string_at
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# v6.15 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent.") renamed it.
compat.member("struct kernfs_node", "Parent", "__parent", "parent")

_NODE = Layout(
    "struct kernfs_node",
    *("Parent", "name", "ns", "flags", "mode", "priv", "symlink.target_kn"),
)

# include/linux/kernfs.h, enum kernfs_node_type
_TYPES = {1: "dir", 2: "file", 4: "link"}
_TYPE_MASK = 0xF

_DEPTH_MAX = 128
_NAME_MAX = 255


@dataclass(frozen=True)
class Node:
    """A folder, file or link."""

    addr: int  #: struct kernfs_node *
    parent_addr: int  #: 0 for the root
    name: str  #: "" for the root
    type: str  #: "dir", "file" or "link", "?" for what is none of them
    mode: int  #: with the type of file, as in struct stat
    priv_addr: int  #: in sysfs: struct kobject * of a folder, struct attribute * of a file
    target_addr: int  #: struct kernfs_node * that a link leads to, else 0
    namespace_addr: int  #: the namespace that alone sees it, or 0: in sysfs a struct net *


def nodes(addrs: Sequence[int]) -> list[Node | None]:
    """Nodes in the order of their addresses; None where one cannot be read.

    :param addrs: ``struct kernfs_node *``.
    """
    rows = _NODE.read_many(addrs)
    return [None if row is None else _record(addr, row) for addr, row in zip(addrs, rows)]


def _record(addr: int, row: Any) -> Node:
    kind = _TYPES.get(row.flags & _TYPE_MASK, "?")
    return Node(
        addr=addr,
        parent_addr=row.Parent,
        name=string_at(row.name, _NAME_MAX + 1) if row.name else "",
        type=kind,
        mode=row.mode,
        priv_addr=row.priv,
        target_addr=row.symlink_target_kn if kind == "link" else 0,
        namespace_addr=row.ns and row.ns - _ns_in_namespace(),
    )


def _ns_in_namespace() -> int:
    # 7.3 points to the ns_common in the struct net.
    to_common = "ns_common" in lowlevel.member("struct kernfs_node", "ns").type_name
    return lowlevel.member("struct net", "ns").offset if to_common else 0


def node(addr: int) -> Node | None:
    """One node; None when it cannot be read."""
    return nodes([addr])[0]


def sysfs_root() -> int:
    """``struct kernfs_node *`` of ``/sys``."""
    return lowlevel.read_pointer(lowlevel.symbol_address("sysfs_root_kn"))


def children(folder: int) -> list[Node]:
    """What is in a folder, by name; what is broken is left out with a warning.

    :param folder: ``struct kernfs_node *`` of a folder.
    """
    walk = trees.for_rbtree(folder + lowlevel.member("struct kernfs_node", "dir.children").offset)
    if walk.end != "complete":
        pylog.warning(
            f"kernfs_node {folder:#x} ({path(folder)}): its children end at {walk.stopped_at:#x} "
            f"({walk.end}), some may be missing"
        )
    node_at = lowlevel.member("struct kernfs_node", "rb").offset
    found = nodes([addr - node_at for addr in walk.nodes])
    return sorted((child for child in found if child is not None), key=lambda child: child.name)


def path(addr: int) -> str:
    """Where a node is below the root of its file system: ``/block/sda``.

    :param addr: ``struct kernfs_node *``.
    """
    names: list[str] = []
    for _ in range(_DEPTH_MAX):
        here = node(addr)
        if here is None:
            return "/".join([UNREADABLE, *reversed(names)])
        if not here.parent_addr:
            return "/" + "/".join(reversed(names))
        names.append(here.name)
        addr = here.parent_addr
    return "/".join(["<endless>", *reversed(names[:4])])


def find(names: str, root: int = 0, namespace: int = 0) -> Node | None:
    """The node with this path below a root, links followed; None when there is none.

    :param root: ``struct kernfs_node *``, by default that of sysfs.
    :param namespace: ``struct net *`` that looks, by default the first.
    """
    namespace = namespace or lowlevel.find_symbol("init_net") or 0
    here = node(root or sysfs_root())
    for name in filter(None, names.split("/")):
        if here is None or here.type != "dir":
            return None
        here = _follow(_child(here.addr, name, namespace))
    return here


def _child(folder: int, name: str, namespace: int) -> Node | None:
    for child in children(folder):
        if child.name == name and child.namespace_addr in (0, namespace):
            return child
    return None


def _follow(here: Node | None) -> Node | None:
    return node(here.target_addr) if here is not None and here.target_addr else here


def walk(folder: int) -> Iterator[tuple[int, Node]]:
    """Everything below a folder with its depth, links not followed.

    :param folder: ``struct kernfs_node *`` of a folder.
    """
    seen: set[int] = {folder}
    yield from _walk(folder, 0, seen)


def _walk(folder: int, depth: int, seen: set[int]) -> Iterator[tuple[int, Node]]:
    for child in children(folder):
        if child.addr in seen:
            continue
        seen.add(child.addr)
        yield depth, child
        if child.type == "dir" and depth < _DEPTH_MAX:
            yield from _walk(child.addr, depth + 1, seen)
