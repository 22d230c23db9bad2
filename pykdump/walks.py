# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks over the kernel's linked structures in the open dump, done by the accelerator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Optional, TypeVar, cast

from pykdump import lowlevel
from pykdump.errors import Interrupted, ReadError

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import EntryWalk, HashWalk, Walk

_Found = TypeVar("_Found", "Walk", "EntryWalk", "HashWalk")

#: More nodes than any list of a working kernel has.
LIMIT = 10_000_000


@dataclass(frozen=True)
class Chain:
    """How the nodes of one kind of list lead to each other; NULL always ends a list."""

    next_offset: int = 0  #: of the pointer to the next node, in a node
    head_tag_mask: int = 0  #: bits of the head's pointer that are no part of it
    end_mask: int = 0  #: a pointer with one of these bits set ends the list


#: ``struct hlist_head`` and ``struct llist_head``.
HLIST = Chain()

#: ``struct hlist_nulls_head``: the last pointer is odd (include/linux/list_nulls.h).
HLIST_NULLS = Chain(end_mask=1)

#: ``struct hlist_bl_head``: bit 0 of the head is a lock (include/linux/list_bl.h).
HLIST_BL = Chain(head_tag_mask=1)


@dataclass(frozen=True)
class Tree:
    """Nodes of a tree, level by level, and how the walk ended."""

    nodes: list[int]
    parents: list[int]  #: of each node its parent, 0 for the root
    depths: list[int]
    end: str
    stopped_at: int

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int]], end: str, stopped_at: int) -> Tree:
        """From rows of a node, its parent and its depth."""
        nodes, parents, depths = (list(column) for column in zip(*rows)) if rows else ([], [], [])
        return cls(nodes, parents, depths, end, stopped_at)


class WalkInterrupted(Interrupted):
    """The user pressed Ctrl-C during a walk; ``walk`` has what was found up to then."""

    def __init__(self, walk: Walk | EntryWalk | HashWalk | Tree) -> None:
        super().__init__(f"walk interrupted at {walk.stopped_at:#x}")
        self.walk = walk


def unless_interrupted(walk: _Found) -> _Found:
    """The walk; raises WalkInterrupted when Ctrl-C ended it."""
    if walk.end == "interrupted":
        raise WalkInterrupted(walk)
    return walk


def so_far(walk: Callable[[], _Found]) -> _Found:
    """The result of a walk, and what it found up to then when Ctrl-C ended it."""
    try:
        return walk()
    except WalkInterrupted as stopped:
        return cast(_Found, stopped.walk)


def walk_list(head: int, *, limit: int = LIMIT) -> Walk:
    """Nodes of a ``struct list_head`` list, and how the walk ended.

    :param head: ``struct list_head *``; it is not among the nodes.
    """
    return unless_interrupted(_accel.walk_list(lowlevel.dump(), head, limit=limit))


def walk_lists(heads: Sequence[int], *, limit: int = LIMIT) -> list[Walk]:
    """The same for many lists at once; ``limit`` is for each."""
    walks = _accel.walk_lists(lowlevel.dump(), heads, limit=limit)
    return [unless_interrupted(walk) for walk in walks]


def walk_chain(head: int, chain: Chain = HLIST, *, limit: int = LIMIT) -> Walk:
    """Nodes that each hold a pointer to the next.

    :param head: address of the pointer to the first node.
    """
    walk = _accel.walk_chain(
        lowlevel.dump(),
        head,
        next_offset=chain.next_offset,
        head_tag_mask=chain.head_tag_mask,
        end_mask=chain.end_mask,
        limit=limit,
    )
    return unless_interrupted(walk)


def walk_hash_table(
    buckets: int,
    count: int,
    chain: Chain = HLIST,
    *,
    stride: int = 8,
    head_offset: int = 0,
    limit: int = LIMIT,
) -> HashWalk:
    """Nodes of all the chains of a hash table, bucket after bucket.

    :param buckets: address of the first bucket.
    :param stride: size of a bucket in bytes.
    :param head_offset: of the pointer to the first node, in a bucket.
    """
    if count < 0 or count >> 64:
        raise ValueError(f"a hash table cannot have {count} buckets")
    walk = _accel.walk_hash_table(
        lowlevel.dump(),
        buckets,
        count,
        stride=stride,
        head=head_offset,
        next_offset=chain.next_offset,
        head_tag_mask=chain.head_tag_mask,
        end_mask=chain.end_mask,
        limit=limit,
    )
    return unless_interrupted(walk)


def walk_rbtree(root: int, *, parent: int, left: int, right: int, limit: int = LIMIT) -> Walk:
    """Nodes of a red-black tree in order; offsets of ``struct rb_node``.

    :param root: address of the pointer to the topmost node.
    """
    walk = _accel.walk_rbtree(
        lowlevel.dump(), root, parent=parent, left=left, right=right, limit=limit
    )
    return unless_interrupted(walk)


@dataclass(frozen=True)
class XaLayout:
    """``struct xa_node``, or ``struct radix_tree_node`` before 4.20: offsets of its members."""

    shift: int
    slot: int  #: the member ``offset``
    parent: int
    slots: int
    slot_count: int
    node_tag: int  #: the lowest two bits of a pointer to a node: 2, in old radix trees 1


def walk_xarray(head: int, layout: XaLayout, *, limit: int = LIMIT) -> EntryWalk:
    """Entries of an XArray, radix tree or IDR by index.

    :param head: address of the topmost entry.
    """
    walk = _accel.walk_xarray(lowlevel.dump(), head, **vars(layout), limit=limit)
    return unless_interrupted(walk)


#: Offset and number of pivots, of slots, and whether the node is a leaf.
MapleShape = tuple[int, int, int, int, bool]


def walk_maple_tree(root: int, shapes: Sequence[MapleShape], *, limit: int = LIMIT) -> EntryWalk:
    """Entries of a maple tree with the indices that each covers.

    :param root: address of the topmost entry.
    :param shapes: by number of the type, as in ``enum maple_type``.
    """
    walk = _accel.walk_maple_tree(lowlevel.dump(), root, shapes, limit=limit)
    return unless_interrupted(walk)


def walk_tree(
    root: int,
    children: Callable[[Sequence[int]], Iterable[Optional[Iterable[int]]]],
    *,
    limit: int = LIMIT,
) -> Tree:
    """Nodes of a tree of any kind: a function says where it goes on.

    What cannot be read or was met before is left out, and the rest is walked.

    :param children: called with the nodes of a level, so that it can read them in bulk; returns of
        each its children, None for one that cannot be read.
    """
    rows: list[tuple[int, int, int]] = []  # node, parent, depth
    broken: Optional[tuple[str, int]] = None  # what was met first
    level, seen, depth = [(root, 0)], {root}, 0
    try:
        while level:
            answers = list(children([node for node, _ in level]))
            if len(answers) != len(level):
                raise ValueError(f"the function answers for {len(answers)} of {len(level)} nodes")
            below: list[tuple[int, int]] = []
            for (node, parent), found in zip(level, answers):
                if found is None:
                    broken = broken or ("unreadable", node)
                    continue
                rows.append((node, parent, depth))
                for child in islice(found, limit):
                    if child in seen:
                        broken = broken or ("cycle", child)
                    elif len(seen) < limit:
                        seen.add(child)
                        below.append((child, node))
                    else:
                        broken = broken or ("limit", child)
                        break
            level, depth = below, depth + 1
    except (KeyboardInterrupt, Interrupted):
        raise WalkInterrupted(Tree.of(rows, "interrupted", level[0][0])) from None
    return Tree.of(rows, *(broken or ("complete", 0)))


def walk_list_backwards(head: int, *, limit: int = LIMIT) -> list[int]:
    """Nodes from the tail of a list on, following ``prev``, up to the first that is unreadable.

    For lists that are broken: what lies behind the damage is reached from the other end.
    """
    nodes: list[int] = []
    node = int(head)
    seen = {node}
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
