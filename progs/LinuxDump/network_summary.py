# SPDX-License-Identifier: GPL-2.0-or-later
"""The network in numbers: TCP sockets by state, queues that are full, interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import timers
from LinuxDump.inet_tables import tcp_sockets
from pykdump import compat, lowlevel, vmcorearch
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.walks import walk_list

#: include/net/tcp_states.h, in order from 1.
STATES = (
    *("ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE"),
    *("CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"),
)
_ESTABLISHED, _LISTEN = 1, 10
_LONG_S = 36_000
_MAX_DEVICES = 10_000
_U64 = (1 << 64) - 1

# Names of fields of a row cannot begin with an underscore.
compat.member("struct net_device", "TxQueues", "_tx")

_LISTENER = Layout("struct sock", "sk_ack_backlog", "sk_max_ack_backlog")
_TCP = Layout(
    "struct tcp_sock",
    *("inet_conn.icsk_retransmits", "snd_wnd", "rcv_wnd", "packets_out"),
)
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
class Interface:
    """A network interface."""

    addr: int  #: struct net_device *
    name: str
    sent_ago_s: float | None  #: None: never, or the kernel does not keep it


@dataclass(frozen=True)
class NetworkSummary:
    """Of the first network namespace."""

    tcp: dict[str, int]  #: state -> sockets
    unusual: tuple[Unusual, ...]
    interfaces: tuple[Interface, ...]


def network_summary() -> NetworkSummary:
    """The first network namespace in numbers; damage is warned of."""
    net = lowlevel.find_symbol("init_net")
    if net is None:  # CONFIG_NET is off
        return NetworkSummary({}, (), ())
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
    return NetworkSummary(
        {_state(state): number for state, number in sorted(counts.items())},
        tuple(unusual),
        tuple(_interfaces(net)),
    )


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
    if found.unusual:
        yield "  Unusual Situations:"
        counts = Counter(each.what.partition(":")[0].partition(",")[0] for each in found.unusual)
        yield from (f"    {what + ':':<24} {number:4d}" for what, number in counts.items())
        if any(each.what.startswith("retransmitting") for each in found.unusual):
            yield "    for more, run: xportshow --retrans"
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
