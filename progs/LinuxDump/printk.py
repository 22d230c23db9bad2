# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log (kernel/printk/): what dmesg would have shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("prb", "log_buf", "log_buf_len", "log_first_idx", "log_next_idx")

# v5.10 896fbe20b4e2 ("printk: use the lockless ringbuffer"): descriptors in a ring beside the text
_RING = Layout(
    "struct printk_ringbuffer",
    *("desc_ring.count_bits", "desc_ring.descs", "desc_ring.infos"),
    *("desc_ring.head_id.counter", "desc_ring.tail_id.counter"),
    *("text_data_ring.size_bits", "text_data_ring.data"),
)
_DESC = Layout("struct prb_desc", "state_var.counter", "text_blk_lpos.begin", "text_blk_lpos.next")
_INFO = Layout("struct printk_info", "seq", "ts_nsec", "text_len", "facility", "level")
# Up to v5.9 records lay one behind the other, each with its length.
_OLD = Layout("struct printk_log", "ts_nsec", "len", "text_len", "dict_len", "facility", "level")
_DEVICE = Layout("struct printk_info", "dev_info.subsystem", "dev_info.device")
# v5.1 15ff2069cb7f ("printk: Add caller information to printk() output."): an option of the build,
# which v5.10 stores in any case
_CALLER = Layout("struct printk_info", "caller_id")
IN_INTERRUPT = 0x8000_0000  # printk_caller_id(): a CPU follows, no pid
_PLAIN = re.compile(rb"(?:<(\d+)>)?(?:\[ *(\d+)\.(\d{6})\] )?")

_ID_MASK = (1 << 62) - 1  # the two bits above are the state
_HOLDS_TEXT = (1, 2)  # committed, finalized
_WORD = 8  # each block of text begins with its descriptor's id
_MAX_BITS = 30
_MAX_OLD_BYTES = 1 << 30

# arch/x86/kernel/traps.c, arch/x86/mm/fault.c, lib/bug.c, drivers/tty/sysrq.c
_FAULT = re.compile(
    rb"BUG: |kernel BUG at |Oops: (?!Oops|[0-9a-f]{4} )"
    rb"|Unable to handle kernel |divide error: |stack segment: "
    rb"|general protection fault|invalid opcode: |double fault: |sysrq: Trigger a crash"
)
_PANIC = b"Kernel panic - not syncing: "


@dataclass(frozen=True)
class LogRecord:
    """One call of printk()."""

    ts_ns: int  #: by the clock of the scheduler, which begins with the boot
    level: int  #: 0 emergency ... 7 debug
    facility: int  #: 0 for the kernel itself
    text: bytes
    origin: tuple[tuple[str, str], ...] = ()  #: SUBSYSTEM and DEVICE, when they were asked for
    caller_id: int | None = None  #: a thread's pid, or IN_INTERRUPT and a CPU; when asked for


def log_records(*, devices: bool = False, callers: bool = False) -> Iterator[LogRecord]:
    """The records still in the log, oldest first; damaged ones are skipped with a warning.

    :param devices: with what dev_printk() noted of the device.
    :param callers: with who called printk(), which kernels note since 5.10.
    """
    lowlevel.prefetch_symbols(SYMBOLS)
    if lowlevel.find_symbol("prb") is not None and compat.has("struct printk_ringbuffer"):
        return _ring_records(devices, callers)
    if lowlevel.find_symbol("log_first_idx") is None:
        return _plain_records()
    return _old_records(devices)


def has_callers() -> bool:
    """Whether the log tells who called printk()."""
    return compat.has("struct printk_info.caller_id")


def panic_message() -> str:
    """What panic() logged; "" when it logged nothing, or the log is not in the dump."""
    try:
        for record in log_records():
            if _PANIC in record.text:
                return record.text.decode("utf-8", "backslashreplace")
    except PykdumpError:
        pass
    return ""


def crash_message() -> str:
    """What panic() logged; where the kernel was dumped without a panic(), the fault that was the
    reason; "" when nothing of the kind is in the log."""
    found = panic_message()
    if not found:
        try:
            faults = [record.text for record in log_records() if _FAULT.match(record.text)]
        except PykdumpError:
            faults = []
        found = faults[-1].decode("utf-8", "backslashreplace") if faults else ""
    return found.rstrip("\n")


def _ring_records(devices: bool, callers: bool) -> Iterator[LogRecord]:
    addr = lowlevel.read_pointer(lowlevel.symbol_address("prb"))
    ring = _RING.read(addr)
    bits = (0, 0) if ring is None else (ring.desc_ring_count_bits, ring.text_data_ring_size_bits)
    if ring is None or max(bits) > _MAX_BITS:
        raise ReadError(f"the kernel's log cannot be read: its ring buffer at {addr:#x} is damaged")
    count = 1 << ring.desc_ring_count_bits
    first = ring.desc_ring_tail_id_counter & _ID_MASK
    ids = [first + i for i in range(_used(ring, first, count))]
    places = [number % count for number in ids]
    desc_size, info_size = lowlevel.sizeof("struct prb_desc"), lowlevel.sizeof("struct printk_info")
    descs = _DESC.read_many([ring.desc_ring_descs + at * desc_size for at in places])
    info_addrs = [ring.desc_ring_infos + at * info_size for at in places]
    infos = _INFO.read_many(info_addrs)
    has_devices = devices and compat.has("struct printk_info.dev_info")
    origins = _DEVICE.read_many(info_addrs) if has_devices else [None] * len(places)
    who: list[Any] = [None] * len(places)
    if callers and has_callers():
        who = [None if row is None else row.caller_id for row in _CALLER.read_many(info_addrs)]
    lost = 0
    for number, desc, info, origin, caller in zip(ids, descs, infos, origins, who):
        if desc is None or info is None:
            lost += 1
        elif _holds_text(desc, number):
            text = _ring_text(ring, desc, number, info.text_len)
            lost += text is None
            if text is not None:
                where = () if origin is None else _origin(*origin)
                yield LogRecord(info.ts_nsec, info.level, info.facility, text, where, caller)
    if lost:
        pylog.warning(f"{lost} records of the kernel's log cannot be read and are skipped")


def _origin(subsystem: bytes, device: bytes) -> tuple[tuple[str, str], ...]:
    pairs = (("SUBSYSTEM", subsystem), ("DEVICE", device))
    return tuple(
        (name, value.decode("utf-8", "backslashreplace")) for name, value in pairs if value
    )


def _used(ring: Any, first: int, count: int) -> int:
    # Ids wrap far beyond any count.
    return min(count, ((int(ring.desc_ring_head_id_counter) - first) & _ID_MASK) + 1)


def _holds_text(desc: Any, number: int) -> bool:
    state = desc.state_var_counter & (1 << 64) - 1
    return state >> 62 in _HOLDS_TEXT and state & _ID_MASK == number & _ID_MASK


def _ring_text(ring: Any, desc: Any, number: int, length: int) -> bytes | None:
    if desc.text_blk_lpos_begin & 1:  # a record without text
        return b""
    size = 1 << ring.text_data_ring_size_bits
    # A block that would not fit before the end of the ring lies at its start.
    for at in (desc.text_blk_lpos_begin % size, 0):
        length = min(length, size - at - _WORD)
        try:
            block = lowlevel.dump().read(ring.text_data_ring_data + at, _WORD + max(0, length))
        except ReadError:
            continue
        if int.from_bytes(block[:_WORD], "little") & _ID_MASK == number & _ID_MASK:
            return block[_WORD:]
    return None


def _old_records(devices: bool) -> Iterator[LogRecord]:
    start = lowlevel.read_pointer(lowlevel.symbol_address("log_buf"))
    size, at, end = (
        lowlevel.read_uint(lowlevel.symbol_address(name), 4)
        for name in ("log_buf_len", "log_first_idx", "log_next_idx")
    )
    text_at = lowlevel.sizeof("struct printk_log")
    for _ in range(min(size, _MAX_OLD_BYTES) // text_at):
        if at == end or at >= size:
            return
        record = _OLD.read(start + at)
        if record is None:
            pylog.warning(f"the kernel's log cannot be read behind {start + at:#x}: page missing")
            return
        if record.len == 0:  # the rest of the buffer is unused
            at = 0
            continue
        at_text = start + at + text_at
        at += record.len
        try:
            raw = lowlevel.dump().read(at_text, max(0, record.len - text_at))
        except ReadError as error:
            pylog.warning(f"a record of the kernel's log cannot be read and is skipped: {error}")
            continue
        text = raw[: record.text_len]
        words = raw[record.text_len : record.text_len + record.dict_len] if devices else b""
        pairs = [word.partition(b"=") for word in words.split(b"\0") if word]
        origin = tuple(
            (name.decode("ascii", "replace"), value.decode("utf-8", "backslashreplace"))
            for name, _, value in pairs
        )
        yield LogRecord(record.ts_nsec, record.level, record.facility, text, origin)


def _plain_records() -> Iterator[LogRecord]:
    # Up to v3.4 the log was text: "<6>[    0.000000] ...", in a ring that log_end counts through.
    start = lowlevel.read_pointer(lowlevel.symbol_address("log_buf"))
    size, end, count = (
        lowlevel.read_uint(lowlevel.symbol_address(name), 4)
        for name in ("log_buf_len", "log_end", "logged_chars")
    )
    if not 0 < size <= _MAX_OLD_BYTES:
        raise ReadError(f"the kernel's log cannot be read: its length {size:#x} is damaged")
    count = min(count, size)
    first = (end - count) % size
    pieces = [(first, min(count, size - first)), (0, max(0, count - (size - first)))]
    raw = b"".join(_readable(start + at, length) for at, length in pieces)
    for line in raw.splitlines():
        match = _PLAIN.match(line)
        if match is None:
            yield LogRecord(0, 4, 0, line)
            continue
        seconds, part = match[2] or b"0", match[3] or b"0"
        ts_ns = int(seconds) * 10**9 + int(part) * 1000
        yield LogRecord(ts_ns, int(match[1] or b"4") & 7, 0, line[match.end() :])


def _readable(addr: int, length: int) -> bytes:
    # Page by page; what is missing is left out.
    found = b""
    while length > 0:
        size = min(length, 4096 - addr % 4096)
        try:
            found += lowlevel.dump().read(addr, size)
        except ReadError as error:
            pylog.warning(f"a part of the kernel's log cannot be read and is skipped: {error}")
        addr, length = addr + size, length - size
    return found
