# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP sockets in the kernel's hash tables (include/net/inet_hashtables.h)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import HLIST_NULLS

# v6.1 d1e5e6408b30 ("tcp: Introduce optional per-netns ehash."): tables of their own.
compat.member("struct net", "TcpTables", "ipv4.tcp_death_row.hashinfo")

_MAX_BUCKETS = 1 << 26

_SOCK = Layout(
    "struct sock_common",
    *("skc_family", "skc_state", "skc_num", "skc_dport", "skc_rcv_saddr", "skc_daddr"),
    "skc_net.net",
)

TIME_WAIT = 6  # include/net/tcp_states.h
LISTEN = 10
NEW_SYN_RECV = 12


@dataclass(frozen=True)
class TcpSocket:
    """A socket, or what stands for one in the states TIME_WAIT and NEW_SYN_RECV."""

    addr: int  #: struct sock *, inet_timewait_sock * or request_sock *: all begin with sock_common
    family: int
    state: int  #: include/net/tcp_states.h
    local_port: int
    remote_port: int
    local_ip4: int  #: in network order, as it lies in memory
    remote_ip4: int
    net_addr: int  #: struct net *


def tcp_sockets(namespaces: Sequence[int] = ()) -> Iterator[TcpSocket]:
    """Every TCP socket that listens or is connected; damage is a warning.

    :param namespaces: ``struct net *`` of those that may have tables of their own.
    """
    for hashinfo in _tables(namespaces):
        addrs = [*_connected(hashinfo), *_listening(hashinfo)]
        for addr, row in zip(addrs, _SOCK.read_many(addrs)):
            if row is None:
                pylog.warning(f"sock {addr:#x} cannot be read and is left out")
                continue
            yield TcpSocket(
                addr=addr,
                family=row.skc_family,
                state=row.skc_state,
                local_port=row.skc_num,
                remote_port=int.from_bytes(row.skc_dport.to_bytes(2, "little"), "big"),
                local_ip4=row.skc_rcv_saddr,
                remote_ip4=row.skc_daddr,
                net_addr=row.skc_net_net,
            )


def _tables(namespaces: Sequence[int]) -> list[int]:
    """Every ``struct inet_hashinfo *``."""
    tables = [lowlevel.symbol_address("tcp_hashinfo")]
    if compat.find_declared("struct net", "TcpTables"):
        at = lowlevel.member("struct net", compat.spelling("struct net", "TcpTables")).offset
        for net in namespaces:
            try:
                tables.append(lowlevel.read_pointer(net + at))
            except ReadError as error:
                pylog.warning(f"net {net:#x}: {error}")
    return list(dict.fromkeys(table for table in tables if table))


def _connected(hashinfo: int) -> list[int]:
    buckets = _pointer(hashinfo, "ehash")
    count = _uint(hashinfo, "ehash_mask") + 1
    return _socks(hashinfo, "ehash", buckets, count, "struct inet_ehash_bucket", "chain")


def _listening(hashinfo: int) -> list[int]:
    # v6.0 cae3873c5b3a ("net: inet: Retire port only listening_hash") left the second table.
    old = lowlevel.find_member("struct inet_hashinfo", "listening_hash")
    bucket = "struct inet_listen_hashbucket"
    head = "nulls_head" if lowlevel.find_member(bucket, "nulls_head") else "head"
    if old:
        count = old.size // lowlevel.sizeof(bucket)
        return _socks(hashinfo, "listening_hash", hashinfo + old.offset, count, bucket, head)
    buckets = _pointer(hashinfo, "lhash2")
    count = _uint(hashinfo, "lhash2_mask") + 1
    return _socks(hashinfo, "lhash2", buckets, count, bucket, head)


def _socks(hashinfo: int, name: str, buckets: int, count: int, bucket: str, head: str) -> list[int]:
    if count > _MAX_BUCKETS:
        pylog.warning(f"inet_hashinfo {hashinfo:#x}: {name} has {count} buckets: not believed")
        return []
    walk = trees.hash_table(
        buckets,
        count,
        HLIST_NULLS,
        stride=lowlevel.sizeof(bucket),
        head_offset=lowlevel.member(bucket, head).offset,
    )
    for first, last, end, stopped_at in walk.broken:
        pylog.warning(
            f"inet_hashinfo {hashinfo:#x}: {name}[{first}..{last}] ends at "
            f"{stopped_at:#x} ({end}), sockets may be missing"
        )
    node_at = lowlevel.member("struct sock_common", "skc_nulls_node").offset
    return [node - node_at for node in walk.nodes]


def _pointer(hashinfo: int, name: str) -> int:
    return lowlevel.read_pointer(hashinfo + lowlevel.member("struct inet_hashinfo", name).offset)


def _uint(hashinfo: int, name: str) -> int:
    return lowlevel.read_uint(hashinfo + lowlevel.member("struct inet_hashinfo", name).offset, 4)
