# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log (kernel/printk/printk_ringbuffer.h, v5.10 and newer)."""

from __future__ import annotations

import re
from typing import Any

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("prb",)

_RING = Layout(
    "struct printk_ringbuffer",
    *("desc_ring.count_bits", "desc_ring.descs", "desc_ring.infos"),
    *("text_data_ring.size_bits", "text_data_ring.data"),
)
_DESC = Layout("struct prb_desc", "text_blk_lpos.begin")
_INFO = Layout("struct printk_info", "text_len")

_PANIC = re.compile(rb"Kernel panic - not syncing: ")


def panic_message() -> str:
    """What panic() logged; "" when it logged nothing, or the log is not in the dump."""
    prb = lowlevel.find_symbol("prb")
    if prb is None or not compat.has("struct printk_ringbuffer"):
        return ""
    try:
        ring = _RING.read(lowlevel.read_pointer(prb))
        if ring is None:
            return ""
        text_size = 1 << min(ring.text_data_ring_size_bits, 27)
        text = lowlevel.dump().read(ring.text_data_ring_data, text_size)
        found = _PANIC.search(text)
        return "" if found is None else _record_with(ring, text, found.start(), text_size)
    except PykdumpError:
        return ""


def _record_with(ring: Any, text: bytes, at: int, text_size: int) -> str:
    # Records do not mark where they end: their lengths are in the descriptors.
    count = 1 << min(ring.desc_ring_count_bits, 20)
    desc_size, info_size = lowlevel.sizeof("struct prb_desc"), lowlevel.sizeof("struct printk_info")
    descs = _DESC.read_many([ring.desc_ring_descs + i * desc_size for i in range(count)])
    for index, desc in enumerate(descs):
        if desc is None:
            continue
        begin = desc.text_blk_lpos_begin % text_size + 8  # each block begins with its id
        if begin <= at < begin + 1024:
            info = _INFO.read(ring.desc_ring_infos + index * info_size)
            if info is not None and at < begin + info.text_len:
                return text[begin : begin + info.text_len].decode("utf-8", "backslashreplace")
    return ""
