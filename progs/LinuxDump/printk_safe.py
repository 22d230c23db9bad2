# SPDX-License-Identifier: GPL-2.0-or-later
"""Per-CPU buffers of printk() in NMIs and in itself, up to 5.14 (kernel/printk/printk_safe.c).

What was not flushed before the kernel died is only there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import percpu
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_NAMES = ("nmi_print_seq", "safe_print_seq")
_STRUCT = "struct printk_safe_seq_buf"
_BUFFER = Layout(_STRUCT, "len.counter", "message_lost.counter")


@dataclass(frozen=True)
class SafeBuffer:
    """A CPU's buffer."""

    name: str
    cpu: int
    addr: int  #: struct printk_safe_seq_buf *
    length: int  #: bytes in use
    lost: int  #: messages for which there was no room
    text: bytes


def exist() -> bool:
    """Whether this kernel has such buffers."""
    return any(percpu.find_per_cpu(name, 0) is not None for name in _NAMES)


def safe_buffers() -> Iterator[SafeBuffer]:
    """Buffers of all CPUs; those that cannot be read are left out with a warning."""
    for name in _NAMES:
        for cpu in range(len(percpu.per_cpu_offsets())):
            addr = percpu.find_per_cpu(name, cpu)
            if addr is not None:
                try:
                    yield _buffer(name, cpu, addr)
                except ReadError as error:
                    pylog.warning(f"{name} of CPU {cpu}: {error}")


def _buffer(name: str, cpu: int, addr: int) -> SafeBuffer:
    row, buffer = _BUFFER.read(addr), lowlevel.member(_STRUCT, "buffer")
    if row is None:
        raise ReadError(lowlevel.why_unreadable(addr))
    length = row.len_counter
    if not 0 <= length <= buffer.size:
        raise ReadError(f"its length {length} makes no sense")
    text = lowlevel.dump().read(addr + buffer.offset, length) if length else b""
    return SafeBuffer(name, cpu, addr, length, row.message_lost_counter, text)
