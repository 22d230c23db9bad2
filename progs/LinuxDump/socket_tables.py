# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets of UDP, raw IP and UNIX in hash tables (include/net/udp.h, raw.h, af_unix.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import HLIST, HLIST_NULLS

# v6.2 9804985bf27f ("udp: Introduce optional per-netns hash table."): a pointer in each namespace
compat.member("struct net", "UdpTable", "ipv4.udp_table")
# v6.0 cf2f225e2653 ("af_unix: Put a socket into a per-netns hash table.")
compat.member("struct net", "UnixBuckets", "unx.table.buckets")
# Names of fields of a row cannot begin with an underscore.
compat.member("struct sock", "Family", "__sk_common.skc_family")
compat.member("struct sock", "State", "__sk_common.skc_state")
compat.member("struct sock", "Net", "__sk_common.skc_net.net")

_UNIX_HASH_SIZE = 512  # include/net/af_unix.h
_MAX_BUCKETS = 1 << 20

_SOCK = Layout(
    "struct sock",
    *("Family", "State", "Net"),
    *("sk_backlog.rmem_alloc.counter", "sk_rcvbuf", "sk_wmem_alloc.refs.counter", "sk_sndbuf"),
)


@dataclass(frozen=True)
class SocketRow:
    """A socket and how full its buffers are."""

    addr: int  #: struct sock *
    family: int
    state: int  #: include/net/tcp_states.h
    received_bytes: int  #: that nobody has read yet
    receive_limit_bytes: int
    sent_bytes: int  #: that are still on their way
    send_limit_bytes: int


def udp_sockets(net: int) -> list[SocketRow]:
    """UDP sockets of a namespace, UDP-Lite not; damage is a warning.

    :param net: ``struct net *``.
    """
    table = lowlevel.find_symbol("udp_table") or 0
    if compat.find_declared("struct net", "UdpTable"):
        at = lowlevel.member("struct net", compat.spelling("struct net", "UdpTable")).offset
        table = lowlevel.read_pointer(net + at)
    if not table:
        return []
    buckets = lowlevel.read_pointer(table + lowlevel.member("struct udp_table", "hash").offset)
    mask = lowlevel.read_uint(table + lowlevel.member("struct udp_table", "mask").offset, 4)
    slot = "struct udp_hslot"
    head = lowlevel.member(slot, "head").offset
    return _rows(_nodes("udp_table", buckets, mask + 1, lowlevel.sizeof(slot), head), net)


def raw_sockets(net: int) -> list[SocketRow]:
    """Raw sockets of IP and IPv6 of a namespace; damage is a warning.

    :param net: ``struct net *``.
    """
    addrs: list[int] = []
    for name in "raw_v4_hashinfo", "raw_v6_hashinfo":
        info = lowlevel.find_symbol(name)
        if info is None:
            continue
        table = lowlevel.member("struct raw_hashinfo", "ht")
        count = table.size // 8
        # v6.0 0daf07e52709 ("raw: convert raw sockets to RCU") to v6.4: hlist_nulls_head
        has_nulls = "nulls" in table.type_name
        addrs += _nodes(name, info + table.offset, count, 8, 0, has_nulls=has_nulls)
    return _rows(addrs, net)


def unix_sockets(net: int) -> list[SocketRow]:
    """UNIX sockets of a namespace, those without a name too; damage is a warning.

    :param net: ``struct net *``.
    """
    if compat.find_declared("struct net", "UnixBuckets"):
        at = lowlevel.member("struct net", compat.spelling("struct net", "UnixBuckets")).offset
        buckets, count = lowlevel.read_pointer(net + at), _UNIX_HASH_SIZE
    else:
        buckets = lowlevel.find_symbol("unix_socket_table") or 0
        count = lowlevel.variable_size("unix_socket_table") // 8 if buckets else 0
    return _rows(_nodes("unix_socket_table", buckets, count, 8, 0), net)


def _nodes(
    name: str, buckets: int, count: int, stride: int, head: int, *, has_nulls: bool = False
) -> list[int]:
    # struct sock * of a hash table; skc_node and skc_nulls_node are a union.
    if not buckets or not 0 < count <= _MAX_BUCKETS:
        if buckets:
            pylog.warning(f"{name} at {buckets:#x} has {count} buckets: not believed")
        return []
    chain = HLIST_NULLS if has_nulls else HLIST
    walk = trees.hash_table(buckets, count, chain, stride=stride, head_offset=head)
    for first, last, end, stopped_at in walk.broken:
        pylog.warning(
            f"{name}[{first}..{last}] ends at {stopped_at:#x} ({end}), sockets may be missing"
        )
    node_at = lowlevel.member("struct sock_common", "skc_node").offset
    return [node - node_at for node in walk.nodes]


def _rows(addrs: Sequence[int], net: int) -> list[SocketRow]:
    found = []
    lost = 0
    for addr, row in zip(addrs, _SOCK.read_many(addrs)):
        if row is None:
            lost += 1
            continue
        family, state, of_net, received, receive_limit, sent, send_limit = row
        if of_net == net:
            # One is counted for the socket itself.
            sizes = received, receive_limit, max(0, sent - 1), send_limit
            found.append(SocketRow(addr, family, state, *sizes))
    if lost:
        pylog.warning(f"{lost} sockets cannot be read and are left out, the first at {addrs[0]:#x}")
    return found
