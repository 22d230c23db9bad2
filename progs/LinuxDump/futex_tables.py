# SPDX-License-Identifier: GPL-2.0-or-later
"""Where waiters for futexes queue (kernel/futex/core.c): a table for all, one of a process."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.task_records import task_table
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog

# 7.3 has it in a structure of its own; v6.16 ("futex: Allow to resize the private local
# hash") brought it. While a process gets a larger table, both have waiters.
compat.member("struct mm_struct", "Futexes", "futex.phash.hash", "futex_phash")
compat.member("struct mm_struct", "New_futexes", "futex.phash.hash_new", "futex_phash_new")

_HASH = "__futex_data"
_MM_OF = Layout("struct task_struct", "mm")
_TABLES_OF = Layout("struct mm_struct", "Futexes", "New_futexes")
_PRIVATE = "struct futex_private_hash"
_MASK = Layout(_PRIVATE, "hash_mask")

_MAX_BUCKETS = 1 << 24
_MAX_NODES = 1 << 10


@dataclass(frozen=True)
class _Table:
    first: int  #: struct futex_hash_bucket *
    count: int
    what: str


def queue_heads() -> list[int]:
    """Addresses of the ``node_list`` of all buckets; what cannot be found is warned of."""
    tables: list[_Table] = []
    for find in (_shared_tables, _private_tables):
        try:
            tables += find()
        except PykdumpError as error:
            pylog.warning(f"some waiters for futexes cannot be found: {error}")
    if not tables:
        return []
    size = lowlevel.sizeof("struct futex_hash_bucket")
    chain = lowlevel.member("struct futex_hash_bucket", "chain.node_list").offset
    heads: list[int] = []
    for table in tables:
        if not 0 < table.count <= _MAX_BUCKETS:
            pylog.warning(f"{table.what} claims {table.count} buckets, which makes no sense")
            continue
        heads += range(table.first + chain, table.first + chain + size * table.count, size)
    return heads


def _shared_tables() -> list[_Table]:
    if lowlevel.find_symbol(_HASH) is None:
        return _tables_of_nodes(
            lowlevel.code_constant("__futex_queues", 8),
            lowlevel.read_uint(lowlevel.symbol_address("__futex_mask"), 4),
        )
    table = lowlevel.symbol_address(_HASH)
    queues = table + lowlevel.member_of_variable(_HASH, "queues").offset
    if compat.has(_PRIVATE):  # with it came a table for each node
        mask = table + lowlevel.member_of_variable(_HASH, "hashmask").offset
        return _tables_of_nodes(queues, lowlevel.read_uint(mask, 8))
    count = lowlevel.read_uint(table + lowlevel.member_of_variable(_HASH, "hashsize").offset, 8)
    return [_Table(lowlevel.read_pointer(queues), count, f"{_HASH} at {table:#x}")]


def _tables_of_nodes(queues: int, mask: int) -> list[_Table]:
    where = lowlevel.find_symbol("nr_node_ids")
    nodes = 1 if where is None else lowlevel.read_uint(where, 4)
    if not 0 < nodes <= _MAX_NODES:
        raise PykdumpError(f"nr_node_ids is {nodes}, which makes no sense")
    firsts = [lowlevel.read_pointer(queues + 8 * node) for node in range(nodes)]
    return [_Table(first, mask + 1, "the table of futexes") for first in firsts if first]


def _private_tables() -> list[_Table]:
    if not compat.has(_PRIVATE):
        return []
    rows = _MM_OF.read_many(list(task_table().by_addr))
    spaces = {row.mm: None for row in rows if row is not None and row.mm}
    found = {
        hash_addr: mm
        for mm, row in zip(spaces, _TABLES_OF.read_many(list(spaces)))
        for hash_addr in row or ()
        if hash_addr
    }
    queues = lowlevel.member(_PRIVATE, "queues").offset
    tables = []
    for (addr, mm), row in zip(found.items(), _MASK.read_many(list(found))):
        if row is None:
            pylog.warning(f"the table of futexes {addr:#x} of mm {mm:#x} is unreadable, skipped")
        # A process may choose to have none: prctl(PR_FUTEX_HASH).
        elif row.hash_mask:
            what = f"the table of futexes {addr:#x} of mm {mm:#x}"
            tables.append(_Table(addr + queues, row.hash_mask + 1, what))
    return tables
