# SPDX-License-Identifier: GPL-2.0-or-later
"""Audit messages that no daemon has fetched yet (kernel/audit.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

# Messages wait in these lists of struct sk_buff.
_QUEUES = ("audit_queue", "audit_hold_queue", "audit_retry_queue")
_SKB = Layout("struct sk_buff", "data", "len")
_HEADER = Layout("struct nlmsghdr", "nlmsg_len", "nlmsg_type")
_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class AuditMessage:
    """A message of the audit subsystem."""

    addr: int  #: struct sk_buff *
    queue: str  #: which list it waits in
    type: int  #: AUDIT_*
    text: bytes


def audit_messages() -> Iterator[AuditMessage]:
    """Messages of all queues, in their order; damaged ones are skipped with a warning."""
    for name in _QUEUES:
        head = lowlevel.find_symbol(name)
        if head is None:
            continue
        # struct sk_buff_head begins as struct sk_buff does, with the two pointers of a list_head.
        walk = walk_list(head)
        if walk.end != "complete":
            pylog.warning(f"{name} is broken: {walk.end} at {walk.stopped_at:#x}")
        for addr in walk.nodes:
            try:
                yield _message(addr, name)
            except ReadError as error:
                pylog.warning(f"{name}: struct sk_buff {addr:#x}: {error}")


def _message(addr: int, queue: str) -> AuditMessage:
    row = _SKB.read(addr)
    if row is None:
        raise ReadError(lowlevel.why_unreadable(addr))
    header = _HEADER.read(row.data)
    size = lowlevel.sizeof("struct nlmsghdr")
    if header is None or not size <= header.nlmsg_len <= _MAX_BYTES:
        raise ReadError("it holds no message")
    text = lowlevel.dump().read(row.data + size, header.nlmsg_len - size)
    return AuditMessage(addr, queue, header.nlmsg_type, text.rstrip(b"\0"))
