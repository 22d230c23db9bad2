# SPDX-License-Identifier: GPL-2.0-or-later
"""kernfs for scripts: folders, names and paths of its nodes (fs/kernfs)."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import kernfs_nodes
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult

_MARKS = {"dir": "/", "link": "@"}


def kndir_iterate(kn: int) -> Iterator[StructResult]:
    """``struct kernfs_node`` in a folder, by name."""
    for child in kernfs_nodes.children(int(kn)):
        yield readSU("struct kernfs_node", child.addr)


def kernfs_fullpath(kn: int) -> str:
    """Path of a ``struct kernfs_node`` from the root of its file system."""
    return kernfs_nodes.path(int(kn))


def decode_kernfs_node(kn: int) -> tuple[str, str]:
    """Name of a ``struct kernfs_node``, and ``/`` for a folder, ``@`` for a link, else ``.``."""
    node = kernfs_nodes.node(int(kn))
    return ("?", ".") if node is None else (node.name, _MARKS.get(node.type, "."))


def walk_kdir(kn: int, indent: int = 0) -> None:
    """Print all that is below a folder, two blanks deeper for each folder."""
    for depth, node in kernfs_nodes.walk(int(kn)):
        mark = _MARKS.get(node.type, "")
        print(" " * (indent + 2 * depth) + node.name + mark)


__getattr__ = with_api(globals())
