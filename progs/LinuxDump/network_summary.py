# SPDX-License-Identifier: GPL-2.0-or-later
"""The network in numbers: sockets by state, queues that are full, interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import socket_tables, timers
from LinuxDump.inet_tables import NEW_SYN_RECV, TIME_WAIT, tcp_sockets
from LinuxDump.socket_tables import SocketRow
from pykdump import compat, lowlevel, vmcorearch
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import counted, printable
from pykdump.walks import walk_list

#: include/net/tcp_states.h, in order from 1.
STATES = (
    *("ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE"),
    *("CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"),
)
_ESTABLISHED, _LISTEN = 1, 10
_LONG_S = 36_000
_FULL = 0.75
_NAGLE_OFF = 1  # TCP_NAGLE_OFF, include/net/tcp.h
_MAX_DEVICES = 10_000
_U64 = (1 << 64) - 1

# Names of fields of a row cannot begin with an underscore.
compat.member("struct net_device", "TxQueues", "_tx")

_LISTENER = Layout("struct sock", "sk_ack_backlog", "sk_max_ack_backlog")
_TCP = Layout(
    "struct tcp_sock",
    *("inet_conn.icsk_retransmits", "snd_wnd", "rcv_wnd", "packets_out"),
)
_NODELAY = Layout("struct tcp_sock", "nonagle")
_USER_DATA = Layout("struct sock", "sk_user_data")
_DEVICE = Layout("struct net_device", "name", "TxQueues")
_QUEUE = Layout("struct netdev_queue", "trans_start")


@dataclass(frozen=True)
class Unusual:
    """A TCP socket that something is the matter with."""

    sock_addr: int  #: struct sock *
    local_port: int
    remote_port: int
    what: str


@dataclass(frozen=True)
class FullBuffer:
    """A socket of UDP whose buffer is nearly full."""

    sock_addr: int  #: struct sock *
    which: str  #: "receive", "send"
    used_bytes: int
    limit_bytes: int


@dataclass(frozen=True)
class Interface:
    """A network interface."""

    addr: int  #: struct net_device *
    name: str
    sent_ago_s: float | None  #: None: never, or the kernel does not keep it


@dataclass(frozen=True)
class NetworkSummary:
    """Of the first network namespace."""

    tcp: dict[str, int]  #: state -> sockets
    tcp_nodelay: int  #: of them with TCP_NODELAY
    tcp_user_data: int  #: of them in use by the kernel itself, as NFS does
    unusual: tuple[Unusual, ...]
    udp: dict[str, int]
    unix: dict[str, int]
    raw: dict[str, int]
    full_buffers: tuple[FullBuffer, ...]
    interfaces: tuple[Interface, ...]


def network_summary() -> NetworkSummary:
    """The first network namespace in numbers; damage is warned of."""
    net = lowlevel.find_symbol("init_net")
    if net is None:  # CONFIG_NET is off
        return NetworkSummary({}, 0, 0, (), {}, {}, {}, (), ())
    sockets = [each for each in tcp_sockets([net]) if each.net_addr == net]
    counts = Counter(each.state for each in sockets)
    listening = [each for each in sockets if each.state == _LISTEN]
    connected = [each for each in sockets if each.state == _ESTABLISHED]
    unusual: list[Unusual] = []
    for each, row in zip(listening, _LISTENER.read_many([each.addr for each in listening])):
        if row is not None and row.sk_ack_backlog:
            full = row.sk_ack_backlog > row.sk_max_ack_backlog
            what = f"listen queue {'full' if full else 'not empty'}: {row.sk_ack_backlog}"
            unusual.append(Unusual(each.addr, each.local_port, each.remote_port, what))
    for each, row in zip(connected, _TCP.read_many([each.addr for each in connected])):
        for what in _troubles(row):
            unusual.append(Unusual(each.addr, each.local_port, each.remote_port, what))
    udp = socket_tables.udp_sockets(net)
    whole = [each.addr for each in sockets if each.state not in (TIME_WAIT, NEW_SYN_RECV)]
    user_data = [row.sk_user_data for row in _USER_DATA.read_many(whole) if row is not None]
    nodelay = _NODELAY.read_many([each.addr for each in connected])
    return NetworkSummary(
        tcp=_by_state(counts),
        tcp_nodelay=sum(1 for row in nodelay if row is not None and row.nonagle & _NAGLE_OFF),
        tcp_user_data=sum(map(bool, user_data)),
        unusual=tuple(unusual),
        udp=_by_state(Counter(each.state for each in udp)),
        unix=_by_state(Counter(each.state for each in socket_tables.unix_sockets(net))),
        raw=_by_state(Counter(each.state for each in socket_tables.raw_sockets(net))),
        full_buffers=tuple(_full_buffers(udp)),
        interfaces=tuple(_interfaces(net)),
    )


def _by_state(counts: Counter[int]) -> dict[str, int]:
    return {_state(state): number for state, number in sorted(counts.items())}


def _full_buffers(sockets: Sequence[SocketRow]) -> Iterator[FullBuffer]:
    for each in sockets:
        for which, used, limit in (
            ("receive", each.received_bytes, each.receive_limit_bytes),
            ("send", each.sent_bytes, each.send_limit_bytes),
        ):
            if limit > 0 and used >= limit * _FULL:
                yield FullBuffer(each.addr, which, used, limit)


def _state(number: int) -> str:
    return STATES[number - 1] if 0 < number <= len(STATES) else f"state {number}"


def _troubles(row: object) -> Iterator[str]:
    if row is None:
        return
    retransmits = getattr(row, "inet_conn_icsk_retransmits")
    if retransmits:
        yield f"retransmitting, {retransmits} times"
    if getattr(row, "snd_wnd") == 0:
        yield "send window closed"
    if getattr(row, "rcv_wnd") == 0:
        yield "receive window closed"


def _interfaces(net: int) -> Iterator[Interface]:
    head = net + lowlevel.member("struct net", "dev_base_head").offset
    node_at = lowlevel.member("struct net_device", "dev_list").offset
    walk = walk_list(head, limit=_MAX_DEVICES)
    if walk.end != "complete":
        pylog.warning(f"the list of interfaces is broken at {walk.stopped_at:#x} ({walk.end})")
    now, hz = timers.jiffies(), int(vmcorearch.sys_info["HZ"])
    addrs = [node - node_at for node in walk.nodes]
    for addr, row in zip(addrs, _DEVICE.read_many(addrs)):
        if row is None:
            pylog.warning(f"struct net_device {addr:#x} cannot be read and is left out")
            continue
        yield Interface(addr, row.name.decode("utf-8", "replace"), _sent_ago(row.TxQueues, now, hz))


def _sent_ago(queue: int, now: int, hz: int) -> float | None:
    if not queue or not compat.has("struct netdev_queue.trans_start"):
        return None
    try:
        row = _QUEUE.read(queue)
    except PykdumpError:
        return None
    if row is None or not row.trans_start:
        return None
    return float((now - row.trans_start) & _U64) / hz


def lines(found: NetworkSummary) -> Iterator[str]:
    """The summary as text."""
    yield "TCP Connection Info"
    yield "-------------------"
    yield from (f"{state:>15}  {number:5d}" for state, number in found.tcp.items())
    if found.tcp_nodelay:
        yield f"\t{counted(found.tcp_nodelay, 'socket')} with TCP_NODELAY set"
    if found.tcp_user_data:
        yield f"\t{counted(found.tcp_user_data, 'socket')} with user_data set"
    if found.unusual:
        yield "  Unusual Situations:"
        counts = Counter(each.what.partition(":")[0].partition(",")[0] for each in found.unusual)
        yield from (f"    {what + ':':<24} {number:4d}" for what, number in counts.items())
        if any(each.what.startswith("retransmitting") for each in found.unusual):
            yield "    for more, run: xportshow --retrans"
    yield ""
    yield "UDP Connection Info"
    yield "-------------------"
    total = sum(found.udp.values())
    yield f"  {total} UDP sockets, {found.udp.get('ESTABLISHED', 0)} in ESTABLISHED"
    for full in found.full_buffers:
        share = full.used_bytes * 100 // full.limit_bytes
        yield f"    <struct sock {full.sock_addr:#x}> its {full.which} buffer is {share} % full"
    yield ""
    yield "Unix Connection Info"
    yield "--------------------"
    yield from (f"{state:>15}  {number:5d}" for state, number in found.unix.items())
    yield ""
    yield "Raw sockets info"
    yield "----------------"
    yield from (f"{state:>15}  {number:5d}" for state, number in found.raw.items())
    yield ""
    yield "Interfaces Info"
    yield "---------------"
    yield "      Name        RX          TX"
    yield "      ----    ----------    ---------"
    for each in found.interfaces:
        sent = "n/a" if each.sent_ago_s is None else f"{each.sent_ago_s:.1f}"
        if each.sent_ago_s is not None and each.sent_ago_s > _LONG_S:
            sent = ">10hours"
        yield f"{printable(each.name):>10}  {'n/a':>10}  {sent:>13}"
