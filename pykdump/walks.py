# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks over the kernel's linked structures in the open dump, done by the accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pykdump import lowlevel
from pykdump.errors import ReadError

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import Walk

#: More nodes than any list of a working kernel has.
LIMIT = 10_000_000


def walk_list(head: int, *, limit: int = LIMIT) -> Walk:
    """Nodes of a ``struct list_head`` list, and how the walk ended.

    :param head: ``struct list_head *``; it is not among the nodes.
    """
    return _accel.walk_list(lowlevel.dump(), head, limit=limit)


def walk_lists(heads: Sequence[int], *, limit: int = LIMIT) -> list[Walk]:
    """The same for many lists at once; ``limit`` is for each."""
    return _accel.walk_lists(lowlevel.dump(), heads, limit=limit)


def walk_list_backwards(head: int, *, limit: int = LIMIT) -> list[int]:
    """Nodes from the tail of a list on, following ``prev``, up to the first that is unreadable.

    For lists that are broken: what lies behind the damage is reached from the other end.
    """
    nodes: list[int] = []
    seen = {head}
    node = head
    while len(nodes) < limit:
        try:
            node = lowlevel.read_pointer(node + 8)
        except ReadError:
            break
        if node in seen:
            break
        seen.add(node)
        nodes.append(node)
    return nodes
