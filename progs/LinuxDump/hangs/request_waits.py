# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for pages, bits, buffers and block requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from LinuxDump import wait_bits, whatis
from LinuxDump.block_requests import Bio, BlockRequest
from LinuxDump.hangs import device_mapper, disk_states, lock_waits, rpc_waits
from LinuxDump.hangs.device_mapper import KeptBio
from LinuxDump.hangs.entries import offset
from LinuxDump.hangs.filesystems import inode_text
from LinuxDump.hangs.finder import Finder, Target, key_of
from LinuxDump.hangs.sleepers import Sleeper
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_PAGE_WAIT = Layout("struct wait_page_queue", "Page", "bit_nr")
_BIT_WAIT = Layout("struct wait_bit_queue_entry", "key.flags", "key.bit_nr")
_WAIT_FUNC = Layout("struct wait_queue_entry", "func")
_PAGE = Layout("struct page", "Flags", "mapping")
_MAPPING = Layout("struct address_space", "host")
_BUFFER = Layout("struct buffer_head", "b_page", "b_blocknr", "b_size")
_MAPPING_KINDS = 3  # include/linux/page-flags.h: low bits of page.mapping


def add_request(finder: Finder, request: BlockRequest) -> str:
    """The node of a block request, and that of its disk."""
    if finder.has("request", request.addr):
        return key_of("request", request.addr)
    text = (
        f"{request.operation} of {request.size_bytes} bytes at sector {request.sector} of "
        f"{request.disk} (request {request.addr:#x}, {request.state})"
    )
    key = finder.add("request", request.addr, text, request.age_ns)
    if not finder.has("disk", request.disk_addr):
        _add_disk_of(finder, request)
    # Multipath: the end of a clone is told to what lies behind the request that it is of.
    behind = request.addr + lowlevel.sizeof("struct request")
    clones = [other for other in finder.requests if other.end_io_data_addr == behind]
    for clone in clones:
        finder.link(key, add_request(finder, clone), "cloned into", "request.end_io_data")
    if not clones:
        evidence = {"in flight": "the driver has it", "queued": "it is queued"}
        disk = key_of("disk", request.disk_addr)
        finder.link(key, disk, "on", evidence.get(request.state, ""))
    return key


def _add_disk_of(finder: Finder, request: BlockRequest) -> None:
    same = [other for other in finder.requests if other.disk_addr == request.disk_addr]
    disk = next((disk for disk in finder.disks if disk.addr == request.disk_addr), None)
    count = f"{len(same)} request{'s' if len(same) != 1 else ''} not answered"
    text = f"disk {request.disk} with {count}"
    if disk is not None and device_mapper.is_mapped(disk):
        state = device_mapper.state_text(finder, disk)
        name = device_mapper.name_of(finder, disk)
        text = f"dm device {name} with {count}{': ' if state else ''}{state}"
    elif disk is not None:
        state = disk_states.state_text(finder, disk)
        text += f" ({state})" if state else ""
    oldest = max((other.age_ns or 0 for other in same), default=0)
    finder.add("disk", request.disk_addr, text, oldest)


def add_kept(finder: Finder, kept: KeptBio) -> str:
    """The node of a bio that a suspended device keeps, and that of the device."""
    if finder.has("bio", kept.bio.addr):
        return key_of("bio", kept.bio.addr)
    text = (
        f"{kept.operation} of {kept.size_bytes} bytes at sector {kept.sector} of {kept.disk.name} "
        f"(bio {kept.bio.addr:#x}, kept back)"
    )
    key = finder.add("bio", kept.bio.addr, text)
    finder.link(key, lock_waits.add_disk(finder, kept.disk), "kept by", "mapped_device.deferred")
    return key


@dataclass(frozen=True)
class _Pending:
    """A bio that has not ended, and where it is."""

    bio: Bio
    place: BlockRequest | KeptBio

    def add(self, finder: Finder) -> str:
        if isinstance(self.place, KeptBio):
            return add_kept(finder, self.place)
        return add_request(finder, self.place)


def bios(finder: Finder) -> list[_Pending]:
    """Bios of requests and of suspended devices, and those that device-mapper cloned into them."""
    places: list[tuple[Bio, BlockRequest | KeptBio]] = []
    places += [(bio, request) for request in finder.requests for bio in request.bios]
    places += [(kept.bio, kept) for kept in device_mapper.kept_bios(finder)]
    found = []
    for bio, place in places:
        inner: Bio | None = bio
        for _ in range(_MOST_DM_LEVELS):
            if inner is None:
                break
            found.append(_Pending(inner, place))
            inner = device_mapper.original_bio(finder, inner)
    return found


_MOST_DM_LEVELS = 8


def io_with_private(finder: Finder, private: int) -> str | None:
    """The node of the I/O with a bio whose end tells this object; None without one."""
    for pending in finder.once(bios):
        if pending.bio.private_addr == private:
            return pending.add(finder)
    return None


def io_of_object_with(finder: Finder, addr: int) -> str | None:
    """The same for the object of a slab cache that this address lies in: a buffer, a log's page."""
    if not finder.once(bios):
        return None
    try:
        place = whatis.what_is(addr)
    except PykdumpError:
        return None
    start = place.details.get("object_addr") if place.kind == "slab" else None
    return io_with_private(finder, start) if isinstance(start, int) and start else None


def io_with_page(finder: Finder, page: int, pages: int = 1) -> str | None:
    """The node of the I/O that reads or writes a page; None without one.

    :param page: ``struct page *`` or ``struct folio *``.
    :param pages: how many pages it has.
    """
    end = page + pages * lowlevel.sizeof("struct page")
    for pending in finder.once(bios):
        if any(page <= at < end for at in pending.bio.page_addrs):
            return pending.add(finder)
    return None


def page(finder: Finder, sleeper: Sleeper) -> Target:
    """In folio_wait_bit_common() or wait_on_page_bit_common()."""
    wait_at = offset("struct wait_page_queue", "wait")
    for entry in finder.entries.find_all(sleeper, "struct wait_queue_entry"):
        row = _PAGE_WAIT.read(entry.addr - wait_at)
        func = _WAIT_FUNC.read(entry.addr)
        if row is None or func.func != lowlevel.find_symbol("wake_page_function"):
            continue
        evidence = f"its wait_page_queue {entry.addr - wait_at:#x} is linked"
        return _page_target(finder, row.Page, row.bit_nr, evidence)
    return Target("page", "", evidence=f"it is in {sleeper.waits_in}()")


def _page_target(finder: Finder, addr: int, bit: int, evidence: str) -> Target:
    flag = _page_flag(bit)
    row = _PAGE.read(addr)
    owner = ""
    if row is not None and row.mapping and not row.mapping & _MAPPING_KINDS:
        host = _MAPPING.read(row.mapping)
        text = inode_text(host.host, finder.names.systems) if host is not None else None
        owner = f" of {text}" if text else ""
    key = finder.add("page", addr, f"bit {flag} of page {addr:#x}{owner}")
    request = io_with_page(finder, addr, _pages_of(addr))
    finder.link(key, request, "in", "a bio of the request holds the page")
    wants = {"locked": "lock", "writeback": "write-back"}.get(flag, flag)
    return Target("page", key, wants, evidence=evidence)


def _page_flag(bit: int) -> str:
    for name, number in lowlevel.enumerators("enum pageflags").items():
        if number == bit:
            return name.replace("PG_", "")
    return str(bit)


def _pages_of(folio: int) -> int:
    at = lowlevel.find_member("struct folio", "_folio_nr_pages")
    flag = lowlevel.enumerators("enum pageflags").get("PG_head")
    row = _PAGE.read(folio)
    if at is None or flag is None or row is None or not row.Flags >> flag & 1:
        return 1
    count = lowlevel.read_uint(folio + at.offset, 4)
    return count if 0 < count <= 1 << 18 else 1


def bit(finder: Finder, sleeper: Sleeper) -> Target:
    """In __wait_on_bit(), __wait_on_bit_lock() or wait_var_event()."""
    at = offset("struct wait_bit_queue_entry", "wq_entry")
    for entry in finder.entries.find_all(sleeper, "struct wait_queue_entry"):
        row, func = _BIT_WAIT.read(entry.addr - at), _WAIT_FUNC.read(entry.addr)
        waker = _wakers().get(func.func) if func is not None else None
        if row is None or waker is None:
            continue
        evidence = f"its wait_bit_queue_entry {entry.addr - at:#x} is linked"
        if waker == "var_wake_function":
            key = finder.add_named("variable", row.key_flags)
            return Target("variable", key, evidence=evidence)
        return _bit_target(finder, sleeper, row.key_flags, row.key_bit_nr, evidence)
    return Target("bit", "", evidence=f"it is in {sleeper.waits_in}()")


@lru_cache(maxsize=1)
def _wakers_of(generation: int) -> dict[int, str]:
    lowlevel.prefetch_symbols(wait_bits.SYMBOLS)
    names = ("wake_bit_function", "var_wake_function")
    return {addr: name for name in names if (addr := lowlevel.find_symbol(name)) is not None}


def _wakers() -> dict[int, str]:
    return _wakers_of(lowlevel.generation)


def _bit_target(finder: Finder, sleeper: Sleeper, word: int, number: int, evidence: str) -> Target:
    if sleeper.waits_in.startswith("rpc_wait_bit") or sleeper.has("__rpc_execute"):
        return rpc_waits.target(finder, word, evidence)
    if sleeper.has("__wait_on_buffer", "__lock_buffer", "wait_on_buffer", "lock_buffer"):
        return _buffer(finder, word, evidence)
    name = finder.names.of(word)
    if name == f"buffer_head {word:#x}+0x0":
        return _buffer(finder, word, evidence)
    text = f"bit {number} of {word:#x}" + (f" ({name})" if name else "")
    return Target("bit", finder.add("bit", word, text), evidence=evidence)


def _buffer(finder: Finder, head: int, evidence: str) -> Target:
    # b_state, with the bit, is the first member.
    row = _BUFFER.read(head)
    block = f", block {row.b_blocknr}" if row is not None else ""
    key = finder.add("buffer", head, f"buffer_head {head:#x}{block}")
    request = io_with_private(finder, head)
    finder.link(key, request, "in", "bio.bi_private is the buffer_head")
    if request is None and row is not None and row.b_page:
        request = io_with_page(finder, row.b_page)
        finder.link(key, request, "in", "a bio of the request holds its page")
    return Target("buffer", key, "lock", evidence=evidence)


def direct_io(finder: Finder, sleeper: Sleeper) -> Target:
    """In direct I/O: the end of its bio tells the task, or an object that its stack names."""
    key = io_with_private(finder, sleeper.task.addr)
    if key is not None:
        return Target("block_request", key, evidence="bio.bi_private is the task")
    for word in dict.fromkeys(sleeper.words()):
        key = io_with_private(finder, word)
        if key is not None:
            evidence = f"bio.bi_private {word:#x} lies on its stack"
            return Target("block_request", key, is_inferred=True, evidence=evidence)
    return Target("block_request", "", evidence=f"it is in {sleeper.waits_in}()")


# --- queues of disks


def queue_entry(finder: Finder, sleeper: Sleeper) -> Target:
    """In blk_queue_enter(), blk_mq_freeze_queue_wait(): until a queue is thawed or empty."""
    member = lowlevel.find_member("struct request_queue", "mq_freeze_wq")
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if member is None or entry is None or not entry.head_addr:
        return Target("block_queue", "", evidence=f"it is in {sleeper.waits_in}()")
    head = entry.head_addr - offset("struct wait_queue_head", "head")
    return _on_queue(finder, head - member.offset, "block_queue", sleeper.waits_in)


def tag(finder: Finder, sleeper: Sleeper) -> Target:
    """In blk_mq_get_tag(): all tags are in use. The queue's address lies on the stack."""
    queues = {disk.queue_addr for disk in finder.disks}
    for word in sleeper.words():
        if word in queues:
            return _on_queue(finder, word, "block_tag", sleeper.waits_in, is_inferred=True)
    return Target("block_tag", "", evidence=f"it is in {sleeper.waits_in}()")


def _on_queue(
    finder: Finder, queue: int, kind: str, function: str, is_inferred: bool = False
) -> Target:
    disk = next((disk for disk in finder.disks if disk.queue_addr == queue), None)
    name = f" of {disk.name}" if disk else ""
    key = finder.add("queue", queue, f"request queue {queue:#x}{name}")
    for request in finder.requests:
        if request.queue_addr == queue:
            finder.link(key, add_request(finder, request), "behind", "it is not over", is_inferred)
            break
    return Target(kind, key, "entry", is_inferred, f"it is in {function}()")
