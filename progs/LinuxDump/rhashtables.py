# SPDX-License-Identifier: GPL-2.0-or-later
"""Resizable hash tables (lib/rhashtable.c, include/linux/rhashtable-types.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.walks import LIMIT, Chain, walk_chain

#: Tables that are being moved into the next one; a working kernel has two at most.
_MOST_TABLES = 8

#: A nested table has a page of pointers on each level (union nested_table).
_PAGE = 4096
_FANOUT = _PAGE // 8


@dataclass
class Entries:
    """What a table holds, and where it is broken."""

    addrs: list[int] = field(default_factory=list)  #: struct rhash_head *
    table_addrs: list[int] = field(default_factory=list)  #: struct bucket_table *
    claimed: int = 0  #: how many there are by the table's own count
    broken: list[str] = field(default_factory=list)  #: a sentence for each place


@dataclass(frozen=True)
class _Buckets:
    addr: int
    count: int


def entries(table: int, *, limit: int = LIMIT) -> Entries:
    """All entries of a ``struct rhashtable``, also while it is being resized.

    Of a ``struct rhltable``, whose member ``ht`` is one, these are the first of each list of equal
    ones: same_key() has the others.

    :param table: ``struct rhashtable *``.
    """
    found, table = Entries(), int(table)  # what is added to a struct counts structs
    try:
        found.claimed = lowlevel.read_int(table + _offset("struct rhashtable", "nelems"), 4)
        addr = lowlevel.read_pointer(table + _offset("struct rhashtable", "tbl"))
        while addr and addr not in found.table_addrs:
            if len(found.table_addrs) == _MOST_TABLES:
                found.broken.append(f"more than {_MOST_TABLES} tables follow each other")
                break
            found.table_addrs.append(addr)
            _take_table(addr, found, limit)
            addr = lowlevel.read_pointer(addr + _offset("struct bucket_table", "future_tbl"))
    except ReadError as error:
        found.broken.append(str(error))
    return found


def same_key(entry: int, *, limit: int = LIMIT) -> list[int]:
    """An entry of a ``struct rhltable`` and those with the same key (``struct rhlist_head *``)."""
    first = int(entry) - _offset("struct rhlist_head", "rhead")
    chain = Chain(next_offset=_offset("struct rhlist_head", "next"))
    return [
        first,
        *walk_chain(first + chain.next_offset, chain, limit=limit).nodes,
    ]


def _take_table(addr: int, found: Entries, limit: int) -> None:
    size = lowlevel.read_uint(addr + _offset("struct bucket_table", "size"), 4)
    nest = lowlevel.read_uint(addr + _offset("struct bucket_table", "nest"), 4)
    if size == 0 or size & size - 1 or 1 << nest > size:
        found.broken.append(f"bucket_table {addr:#x} has {size} buckets, nested by {nest} bits")
        return
    for buckets in _arrays(addr, size, nest):
        room = limit - len(found.addrs)
        walk = trees.hash_table(buckets.addr, buckets.count, _chain(), limit=room)
        found.addrs += walk.nodes
        found.broken += [
            f"bucket_table {addr:#x}: chains of buckets {first} to {last} of {buckets.addr:#x} "
            f"end at {stopped_at:#x} ({end})"
            for first, last, end, stopped_at in walk.broken
        ]


def _chain() -> Chain:
    # v5.2 ba6306e3f648 ("rhashtable: don't hold lock on first table throughout insertion") and its
    # neighbours made bit 0 of a bucket a lock; before, an empty bucket held an odd marker.
    is_lock = lowlevel.has_type("struct rhash_lock_head")
    return Chain(
        next_offset=_offset("struct rhash_head", "next"),
        head_tag_mask=int(is_lock),
        end_mask=1,
    )


def _arrays(table: int, size: int, nest: int) -> Iterator[_Buckets]:
    """The arrays that the buckets of a table lie in: one, or the leaves of a nested table."""
    start = table + _offset("struct bucket_table", "buckets")
    if not nest:
        yield _Buckets(start, size)
        return
    root = lowlevel.read_pointer(start)
    level = [child for child in _children(root, 1 << nest) if child]
    left = size >> nest
    while left > _FANOUT:
        level = [child for node in level for child in _children(node, _FANOUT) if child]
        left //= _FANOUT
    for leaf in level:
        yield _Buckets(leaf, left)


def _children(node: int, count: int) -> Iterator[int]:
    if not node:
        return
    for i in range(min(count, _FANOUT)):
        yield lowlevel.read_pointer(node + 8 * i)


def _offset(struct: str, name: str) -> int:
    return lowlevel.member(struct, name).offset


def is_known() -> bool:
    """Whether the kernel's debug info has these tables."""
    return compat.has("struct bucket_table.buckets")
