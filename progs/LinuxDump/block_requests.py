# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests in the queues of disks (block/blk-mq.c): for what, since when, with which bios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import timekeeping, trees
from LinuxDump.block_devices import Disk, disks
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_REQUEST = "struct request"
compat.member(_REQUEST, "Bytes", "__data_len")
compat.member(_REQUEST, "Sector", "__sector")
# v5.16 0a467d0fdd95 ("block: switch to atomic_t for request references")
compat.member(_REQUEST, "Users", "ref.counter", "ref.refs.counter")
# v5.16 ("block: move elevator tags into struct blk_mq_hw_ctx ..."): a pointer from 5.10 to 5.15
_TAGS = Layout("struct blk_mq_tags", "nr_tags", "rqs", "static_rqs")
_BITMAP = Layout("struct sbitmap", "depth", "shift", "map_nr", "map")
_WORD = Layout("struct sbitmap_word", "word", "cleared")
_WORD_ONLY = Layout("struct sbitmap_word", "word")
_HCTX = Layout("struct blk_mq_hw_ctx", "tags", "sched_tags", "queue_num", "state")
_FIELDS = Layout(
    _REQUEST,
    *("q", "cmd_flags", "tag", "internal_tag", "Bytes", "Sector", "bio", "state"),
    *("start_time_ns", "io_start_time_ns", "end_io_data"),
)
_BIO = Layout(
    "struct bio",
    *("bi_next", "bi_private", "bi_io_vec", "bi_vcnt", "bi_end_io", "bi_iter.bi_idx"),
    "bi_iter.bi_size",
)
_VEC = Layout("struct bio_vec", "bv_page", "bv_len", "bv_offset")

# include/linux/blk_types.h
_OP_MASK = 0xFF
# enum mq_rq_state
_STATES = ("queued", "in flight", "complete")

_MAX_TAGS = 1 << 16
_MAX_QUEUES = 1 << 13
_MAX_BIOS = 4096
_MAX_PAGES = 256  # BIO_MAX_VECS
_MAX_PAGES_OF_VEC = 1024


@dataclass(frozen=True)
class Bio:
    """A ``struct bio`` of a request."""

    addr: int
    private_addr: int  #: bi_private: what its end tells; struct completion *, buffer_head *, ...
    end_io_addr: int
    page_addrs: tuple[int, ...]  #: struct page * of what is read or written


@dataclass(frozen=True)
class BlockRequest:
    """A ``struct request`` that is not over."""

    addr: int
    disk: str
    disk_addr: int  #: struct gendisk *
    queue_addr: int  #: struct request_queue *
    operation: str  #: READ, WRITE, FLUSH ..., as in enum req_op
    sector: int  #: the first, of 512 bytes
    size_bytes: int
    state: str  #: "queued", "in flight": the driver has it, "complete"
    tag: int  #: of the driver, -1 while it has none
    age_ns: int | None  #: since it was made
    in_flight_ns: int | None  #: since the driver has it
    end_io_data_addr: int  #: what its end is told to; of a clone the one that it is of
    bios: tuple[Bio, ...]


def block_requests(of: Sequence[Disk] | None = None) -> list[BlockRequest]:
    """Requests of these disks, or of all, the oldest first; damage is warned of."""
    now = timekeeping.monotonic_ns()
    found = {}
    for disk in disks() if of is None else of:
        try:
            addrs = _request_addrs(disk)
        except PykdumpError as error:
            pylog.warning(f"requests of {disk.name} cannot be read: {error}")
            continue
        for request in _records(disk, addrs, now):
            found[request.addr] = request
    return sorted(found.values(), key=lambda request: -(request.age_ns or 0))


def _request_addrs(disk: Disk) -> list[int]:
    found: dict[int, None] = {}
    hctxs = _hctxs(disk.queue_addr)
    for row in _HCTX.read_many(hctxs):
        # With a scheduler a request has a tag of its own before it gets one of the driver.
        if row and row.sched_tags:
            found.update(dict.fromkeys(_of_tags(row.sched_tags, "internal_tag")))
        if row and row.tags:
            found.update(dict.fromkeys(_of_tags(row.tags, "tag")))
    return list(found)


def _hctxs(queue: int) -> list[int]:
    struct = "struct request_queue"
    # v5.18 4e5cc99e1e48 ("blk-mq: manage hctx map via xarray"); v6.19 made an array of it again.
    if compat.has(f"{struct}.hctx_table"):
        at = lowlevel.member(struct, "hctx_table")
        if "xarray" in at.type_name:
            return [entry[2] for entry in trees.xarray(queue + at.offset).entries]
        table = lowlevel.read_pointer(queue + at.offset)
    else:
        table = lowlevel.read_pointer(queue + lowlevel.member(struct, "queue_hw_ctx").offset)
    count = lowlevel.read_uint(queue + lowlevel.member(struct, "nr_hw_queues").offset, 4)
    if not table:
        return []
    if count > _MAX_QUEUES:
        raise PykdumpError(f"request_queue {queue:#x} has {count} hardware queues: no sense")
    found = [lowlevel.read_pointer(table + 8 * number) for number in range(count)]
    return [addr for addr in found if addr]


def _of_tags(tags: int, member: str) -> Iterator[int]:
    # The request with a tag is noted in rqs by the driver's only, and stays there when it is over;
    # one of static_rqs is it, unless the tags belong to a driver below a scheduler.
    row = _TAGS.read(tags)
    if row is None or not 0 < row.nr_tags <= _MAX_TAGS:
        pylog.warning(f"blk_mq_tags {tags:#x} make no sense or are not in the dump")
        return
    tag_at = lowlevel.member(_REQUEST, member).offset
    for name in "bitmap_tags", "breserved_tags":
        at = lowlevel.member("struct blk_mq_tags", name)
        bitmap = tags + at.offset
        if at.size == 8:  # 5.10 to 5.15
            bitmap = lowlevel.read_pointer(bitmap)
        # struct sbitmap_queue begins with its struct sbitmap; normal tags follow the reserved ones
        shift = 0 if name == "breserved_tags" else _reserved(tags)
        for bit in _set_bits(bitmap, row.nr_tags):
            tag = shift + bit
            for table in (row.rqs, row.static_rqs) if tag < row.nr_tags else ():
                addr = lowlevel.read_pointer(table + 8 * tag) if table else 0
                if addr and _is_alive(addr, tag_at, tag):
                    yield addr
                    break


def _is_alive(addr: int, tag_at: int, tag: int) -> bool:
    # Tables keep requests that are over, of which nobody has a reference.
    try:
        users = lowlevel.read_uint(addr + _offset("Users"), 4)
        return bool(users) and lowlevel.read_uint(addr + tag_at, 4) == tag
    except ReadError:
        return True  # which is told when it is read


def _offset(member: str) -> int:
    return lowlevel.member(_REQUEST, compat.spelling(_REQUEST, member)).offset


def _reserved(tags: int) -> int:
    at = lowlevel.member("struct blk_mq_tags", "nr_reserved_tags")
    return lowlevel.read_uint(tags + at.offset, 4)


def _set_bits(bitmap: int, most: int) -> Iterator[int]:
    row = _BITMAP.read(bitmap)
    if row is None or not row.map or row.depth > most or row.map_nr > most + 1:
        return
    # v5.0 ea86ea2cdced ("sbitmap: ammortize cost of clearing bits")
    has_cleared = compat.has("struct sbitmap_word.cleared")
    words = (_WORD if has_cleared else _WORD_ONLY).read_array(row.map, row.map_nr)
    for number, word in enumerate(words):
        bits = 0 if word is None else word.word & ~(word.cleared if has_cleared else 0)
        while bits:
            low = bits & -bits
            index = (number << row.shift) + low.bit_length() - 1
            if index < row.depth:
                yield index
            bits ^= low


def _records(disk: Disk, addrs: Sequence[int], now: int | None) -> Iterator[BlockRequest]:
    for addr, row in zip(addrs, _FIELDS.read_many(addrs)):
        if row is None:
            pylog.warning(f"request {addr:#x} of {disk.name}: page is not in the dump, skipped")
        elif row.q == disk.queue_addr:  # tags are shared by the disks of a host
            yield BlockRequest(
                *(addr, disk.name, disk.addr, row.q, operation(row.cmd_flags)),
                *(row.Sector, row.Bytes),
                _STATES[row.state] if row.state < len(_STATES) else "?",
                _signed(row.tag),
                _age(now, row.start_time_ns),
                _age(now, row.io_start_time_ns),
                row.end_io_data,
                tuple(_bios(addr, row.bio)),
            )


def operation(flags: int) -> str:
    """READ, WRITE, ... as the flags of a request or bio tell."""
    # v6.0 ff07a02e9e8e ("treewide: Rename enum req_opf into enum req_op")
    for enum in "enum req_op", "enum req_opf":
        if lowlevel.has_type(enum):
            for name, value in lowlevel.enumerators(enum).items():
                if value == flags & _OP_MASK:
                    return name.replace("REQ_OP_", "")
    return f"operation {flags & _OP_MASK}"


def _age(now: int | None, since: int) -> int | None:
    return max(0, now - since) if now is not None and since else None


def _signed(tag: int) -> int:
    return tag - (1 << 32) if tag >> 31 > 0 else tag


def _bios(request: int, first: int) -> Iterator[Bio]:
    addr, seen = first, set[int]()
    while addr:
        row = _BIO.read(addr)
        if row is None or addr in seen or len(seen) >= _MAX_BIOS:
            pylog.warning(f"request {request:#x}: its bios end or repeat at {addr:#x}")
            return
        seen.add(addr)
        yield _bio(addr, row)
        addr = row.bi_next


def read_bio(addr: int) -> Bio | None:
    """The bio at this address; None when it cannot be read.

    :param addr: ``struct bio *``.
    """
    row = _BIO.read(addr)
    return None if row is None else _bio(addr, row)


def _bio(addr: int, row: Any) -> Bio:
    return Bio(addr, row.bi_private, row.bi_end_io, _pages(row))


def _pages(row: Any) -> tuple[int, ...]:
    if not row.bi_io_vec:
        return ()
    # A clone has no count of its own: the size tells how far it goes.
    first, left = (0, None) if row.bi_vcnt else (row.bi_iter_bi_idx, row.bi_iter_bi_size)
    count = min(row.bi_vcnt or _MAX_PAGES, _MAX_PAGES)
    vec_size = lowlevel.sizeof("struct bio_vec")
    page, size = lowlevel.sizeof("struct page"), lowlevel.dump().page_size
    found: list[int] = []
    for number in range(first, first + count):
        vec = _VEC.read(row.bi_io_vec + vec_size * number) if left is None or left > 0 else None
        if vec is None:
            break
        # v5.1 07173c3ec276 ("block: enable multipage bvecs")
        pages = min(-(-(vec.bv_offset + vec.bv_len) // size), _MAX_PAGES_OF_VEC)
        found += [vec.bv_page + page * at for at in range(pages)]
        left = None if left is None else left - vec.bv_len
    return tuple(found)
