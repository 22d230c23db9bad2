# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's trees, lists and hash tables: what they hold, with offsets from the debug info.

Results say how the walk ended: ``end`` is "complete" only where the structure was whole, else
``stopped_at`` is where it is broken. What can be read around the damage is there in any case.
Heads and roots are addresses; the structs of the classic API, which are addresses, do as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pykdump import compat, lowlevel
from pykdump.logging import pylog
from pykdump.structs import StructResult
from pykdump.walks import (
    HLIST,
    HLIST_BL,
    HLIST_NULLS,
    LIMIT,
    Chain,
    MapleShape,
    XaLayout,
    walk_chain,
    walk_hash_table,
    walk_list,
    walk_maple_tree,
    walk_rbtree,
    walk_xarray,
)

if TYPE_CHECKING:
    from pykdump._accel import EntryWalk, HashWalk, Walk

__all__ = [
    "HLIST",
    "HLIST_BL",
    "HLIST_NULLS",
    "Chain",
    "Ids",
    "Objects",
    "for_all_rbtree",
    "for_rbtree",
    "hash_table",
    "hlist",
    "idr",
    "is_value",
    "klist",
    "llist",
    "maple_tree",
    "plist",
    "radix_tree",
    "radix_tree_lookup_element",
    "rb_first",
    "rb_next",
    "value_of",
    "walk_page_tree",
    "xarray",
]

# v4.20 f8d5d0cc145c ("xarray: Add definition of struct xarray") put an xarray in place of
# radix_tree_root and of the member rnode.
compat.member("struct idr", "Head", "idr_rt.xa_head", "idr_rt.rnode")

_MAPLE_SHAPES = ("maple_dense", "maple_leaf_64", "maple_range_64", "maple_arange_64")


@dataclass(frozen=True)
class Objects:
    """Objects of a kernel structure, and how the walk over it ended."""

    addrs: list[int]
    end: str
    stopped_at: int


@dataclass(frozen=True)
class Ids:
    """What an IDR holds, and how the walk over it ended."""

    entries: list[tuple[int, int]]  #: id and pointer
    end: str
    stopped_at: int


# --- lists


def hlist(head: int, chain: Chain = HLIST, *, limit: int = LIMIT) -> Walk:
    """Nodes of a ``struct hlist_head``, or with HLIST_NULLS and HLIST_BL of its relatives.

    A whole ``hlist_nulls`` ends with its marker: ``end_marker >> 1`` is the value in it.
    """
    return walk_chain(head, chain, limit=limit)


def llist(head: int, *, limit: int = LIMIT) -> Walk:
    """Nodes (``struct llist_node *``) of a ``struct llist_head``, the newest first."""
    return walk_chain(head, HLIST, limit=limit)


def klist(head: int, *, limit: int = LIMIT) -> Objects:
    """``struct klist_node *`` of a ``struct klist``, dead ones that are still linked included."""
    walk = walk_list(int(head) + _offset("struct klist", "k_list"), limit=limit)
    return _objects(walk, _offset("struct klist_node", "n_node"))


def plist(head: int, *, limit: int = LIMIT) -> Objects:
    """``struct plist_node *`` of a ``struct plist_head``, the most urgent first."""
    walk = walk_list(int(head) + _offset("struct plist_head", "node_list"), limit=limit)
    return _objects(walk, _offset("struct plist_node", "node_list"))


def _objects(walk: Walk, node_at: int) -> Objects:
    return Objects([node - node_at for node in walk.nodes], walk.end, walk.stopped_at)


def hash_table(
    buckets: int,
    count: int,
    chain: Chain = HLIST,
    *,
    stride: int = 8,
    head_offset: int = 0,
    limit: int = LIMIT,
) -> HashWalk:
    """Nodes of all the chains of a hash table, and the bucket of each.

    :param buckets: address of the first bucket.
    :param stride: size of a bucket in bytes.
    :param head_offset: of the chain's head in a bucket.
    """
    return walk_hash_table(
        buckets, count, chain, stride=stride, head_offset=head_offset, limit=limit
    )


# --- trees


def for_rbtree(root: int, *, limit: int = LIMIT) -> Walk:
    """``struct rb_node *`` of a red-black tree, in order.

    :param root: ``struct rb_root *`` or ``struct rb_root_cached *``.
    """
    return walk_rbtree(
        int(root) + _offset("struct rb_root", "rb_node"),
        parent=_offset("struct rb_node", "__rb_parent_color"),
        left=_offset("struct rb_node", "rb_left"),
        right=_offset("struct rb_node", "rb_right"),
        limit=limit,
    )


def is_value(entry: int) -> bool:
    """Whether an entry of an XArray is a number and no pointer (xa_is_value)."""
    return bool(entry & 1)


def value_of(entry: int) -> int:
    """The number in such an entry (xa_to_value)."""
    return entry >> 1


def xarray(xa: int, *, limit: int = LIMIT) -> EntryWalk:
    """Entries of a ``struct xarray``, by index; several indices can share one.

    :param xa: ``struct xarray *``.
    """
    return _indexed(int(xa) + _offset("struct xarray", "xa_head"), limit)


def radix_tree(root: int, *, limit: int = LIMIT) -> EntryWalk:
    """The same for a ``struct radix_tree_root``, which since 4.20 is another name of xarray."""
    if compat.has("struct radix_tree_root.rnode"):
        return _indexed(int(root) + _offset("struct radix_tree_root", "rnode"), limit)
    return xarray(root, limit=limit)


def idr(addr: int, *, limit: int = LIMIT) -> Ids:
    """Ids and pointers of a ``struct idr``, by id; raises ReadError where there is no such thing.

    :param addr: ``struct idr *``.
    """
    base = 0
    # v4.16 6ce711f27500 ("idr: Make 1-based IDRs more efficient") added it.
    if compat.has("struct idr.idr_base"):
        base = lowlevel.read_uint(int(addr) + _offset("struct idr", "idr_base"), 4)
    walk = _indexed(int(addr) + _offset("struct idr", "Head"), limit)
    entries = [(base + index, entry) for index, _, entry in walk.entries]
    return Ids(entries, walk.end, walk.stopped_at)


def maple_tree(mt: int, *, limit: int = LIMIT) -> EntryWalk:
    """Entries of a ``struct maple_tree`` with the first and last index of each.

    :param mt: ``struct maple_tree *``; raises TypeMissingError before Linux 6.1.
    """
    root = int(mt) + _offset("struct maple_tree", "ma_root")
    return walk_maple_tree(root, _maple_shapes(), limit=limit)


def _indexed(head: int, limit: int) -> EntryWalk:
    # v4.20 02c02bf12c5d ("xarray: Change definition of sibling entries") brought struct xa_node,
    # 3159f943aafd ("xarray: Replace exceptional entries") another mark for nodes.
    is_xarray = compat.has("struct xa_node")
    node = "struct xa_node" if is_xarray else "struct radix_tree_node"
    layout = XaLayout(
        shift=_offset(node, "shift"),
        slot=_offset(node, "offset"),
        parent=_offset(node, "parent"),
        slots=_offset(node, "slots"),
        slot_count=_count(node, "slots"),
        node_tag=2 if is_xarray else 1,
    )
    return walk_xarray(head, layout, limit=limit)


def _maple_shapes() -> list[MapleShape]:
    # By number of the type. One that is not known here ends the walk as damaged.
    node = "struct maple_node"
    ranges, aranges = "struct maple_range_64", "struct maple_arange_64"
    shapes = {
        "maple_dense": (0, 0, _offset(node, "slot"), _count(node, "slot"), True),
        "maple_leaf_64": (*_maple_arrays(ranges), True),
        "maple_range_64": (*_maple_arrays(ranges), False),
        "maple_arange_64": (*_maple_arrays(aranges), False),
    }
    numbers = lowlevel.enumerators("enum maple_type")
    return [shapes[name] for name in sorted(_MAPLE_SHAPES, key=numbers.__getitem__)]


def _maple_arrays(struct: str) -> tuple[int, int, int, int]:
    return (
        *(_offset(struct, "pivot"), _count(struct, "pivot")),
        *(_offset(struct, "slot"), _count(struct, "slot")),
    )


def _offset(struct: str, name: str) -> int:
    return lowlevel.member(struct, compat.spelling(struct, name)).offset


def _count(struct: str, name: str) -> int:
    # Elements of a member that is an array of pointers or longs.
    return lowlevel.member(struct, name).size // 8


# --- classic names, with objects of the classic API

_RB_NODE = "struct rb_node"
# Deeper than any tree: nodes that lead in a circle end there.
_MAX_DEPTH = 128


def rb_first(root: int) -> Any:
    """The first ``struct rb_node`` of a ``struct rb_root *``; None when it is empty."""
    top = lowlevel.read_pointer(int(root) + _offset("struct rb_root", "rb_node"))
    return StructResult(_RB_NODE, _leftmost(top, _offset(_RB_NODE, "rb_left"))) if top else None


def rb_next(node: int) -> Any:
    """The ``struct rb_node`` behind this one; None behind the last."""
    at, right_at, left_at = int(node), _offset(_RB_NODE, "rb_right"), _offset(_RB_NODE, "rb_left")
    for _ in range(_MAX_DEPTH):
        right = lowlevel.read_pointer(at + right_at)
        if at == int(node) and right:
            return StructResult(_RB_NODE, _leftmost(right, left_at))
        parent = lowlevel.read_pointer(at + _offset(_RB_NODE, "__rb_parent_color")) & ~3
        if not parent:
            return None
        if lowlevel.read_pointer(parent + left_at) == at:
            return StructResult(_RB_NODE, parent)
        at = parent
    return None


def _leftmost(node: int, left_at: int) -> int:
    for _ in range(_MAX_DEPTH):
        left = lowlevel.read_pointer(node + left_at)
        if not left:
            break
        node = left
    return node


def for_all_rbtree(
    root: int, structname: str | None = None, member: str | None = None
) -> Iterator[Any]:
    """Each ``struct rb_node`` of a tree in order, or the ``structname`` whose ``member`` it is."""
    offset = _offset(structname, member) if structname and member else 0
    walk = for_rbtree(int(root))
    for node in walk.nodes:
        yield StructResult(structname if structname and member else _RB_NODE, node - offset)
    if walk.end != "complete":
        pylog.warning(f"rb_root {int(root):#x} is broken ({walk.end} at {walk.stopped_at:#x})")


def radix_tree_lookup_element(root: int, index: int) -> tuple[Any, Any]:
    """The node that holds an index of a radix tree or XArray, and what it holds for it.

    ``(None, None)`` when it holds nothing there. The only entry of a tree has no node: 0.
    """
    node_type = "struct xa_node" if compat.has("struct xa_node") else "struct radix_tree_node"
    tag = 2 if node_type == "struct xa_node" else 1
    slots_at, count = _offset(node_type, "slots"), _count(node_type, "slots")
    entry, node = lowlevel.read_pointer(_head_of(int(root))), 0
    for _ in range(_MAX_DEPTH):
        if entry & 3 != tag or entry <= 4096:  # no node
            break
        node = entry - tag
        above = int(index) >> lowlevel.read_uint(node + _offset(node_type, "shift"), 1)
        if above >= count and node == _top(int(root), tag):  # beyond all that it can hold
            return None, None
        entry = lowlevel.read_pointer(node + slots_at + 8 * (above % count))
        if tag == 2 and entry & 3 == 2 and entry < 4 * count:  # xa_is_sibling()
            entry = lowlevel.read_pointer(node + slots_at + 8 * (entry >> 2))
    if not entry or (not node and index):
        return None, None
    return StructResult(node_type, node), entry


def _head_of(root: int) -> int:
    if compat.has("struct radix_tree_root.rnode"):
        return root + _offset("struct radix_tree_root", "rnode")
    return root + _offset("struct xarray", "xa_head")


def top_shift(root: int) -> int | None:
    """By how many bits an index is shifted for the top node's slots; None without a node.

    :param root: ``struct radix_tree_root *`` or ``struct xarray *``.
    """
    node_type = "struct xa_node" if compat.has("struct xa_node") else "struct radix_tree_node"
    tag = 2 if node_type == "struct xa_node" else 1
    entry = lowlevel.read_pointer(_head_of(root))
    if entry & 3 != tag or entry <= 4096:
        return None
    return lowlevel.read_uint(entry - tag + _offset(node_type, "shift"), 1)


def slot_bits() -> int:
    """Of how many bits of an index a node of these trees is."""
    node_type = "struct xa_node" if compat.has("struct xa_node") else "struct radix_tree_node"
    return _count(node_type, "slots").bit_length() - 1


def _top(root: int, tag: int) -> int:
    return lowlevel.read_pointer(_head_of(root)) - tag


def walk_page_tree(tree: int, checkfordups: bool = False) -> Iterator[int]:
    """Address of each ``struct page`` of a page cache (``address_space.i_pages``), by index.

    :param checkfordups: warn of a page that is there for indices that are not one after another.
    """
    walk = radix_tree(int(tree))
    seen = set()
    for _, _, entry in walk.entries:
        if entry & 1 or not entry >> 63:  # a number: what was swapped out or evicted
            continue
        if checkfordups and entry in seen:
            pylog.warning(f"page {entry:#x} is in the tree at {int(tree):#x} more than once")
        seen.add(entry)
        yield entry
    if walk.end != "complete":
        pylog.warning(f"page tree {int(tree):#x} is broken ({walk.end} at {walk.stopped_at:#x})")
