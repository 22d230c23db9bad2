# SPDX-License-Identifier: GPL-2.0-or-later
"""Network devices, their addresses, and neighbours of IPv4 (include/linux/netdevice.h)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_hash_table, walk_list

_DEVICE = Layout("struct net_device", "name", "ip_ptr", "ip6_ptr", "ifindex", "flags", "mtu")
_IFA = Layout("struct in_ifaddr", "ifa_next", "ifa_local", "ifa_prefixlen")
# v6.13 made hlists of what were chains by neighbour.next.
compat.member("struct neigh_hash_table", "Heads", "hash_heads", "hash_buckets")

_DEV = Layout("struct net_device", "name", "type", "addr_len")
_MOST = 1 << 16

#: include/net/neighbour.h
STATES = (
    *((0x01, "INCOMPLETE"), (0x02, "REACHABLE"), (0x04, "STALE"), (0x08, "DELAY")),
    *((0x10, "PROBE"), (0x20, "FAILED"), (0x40, "NOARP"), (0x80, "PERMANENT")),
)


@dataclass(frozen=True)
class NetDevice:
    """A device."""

    addr: int  #: struct net_device *
    name: str
    ifindex: int
    flags: int
    mtu: int
    addresses: tuple[str, ...]  #: of IPv4, and then of IPv6


@dataclass(frozen=True)
class Neighbour:
    """What a table of neighbours knows."""

    addr: int  #: struct neighbour *
    ip: str
    device: str
    hardware_type: int  #: ARPHRD_*
    hardware: bytes
    states: tuple[str, ...]


def net_devices(net: int = 0) -> list[NetDevice]:
    """Devices of a network namespace; damage is warned of.

    :param net: ``struct net *``, by default the first.
    """
    net = net or lowlevel.symbol_address("init_net")
    head = net + lowlevel.member("struct net", "dev_base_head").offset
    rows, walk = _DEVICE.read_list(head, "dev_list")
    if walk.end != "complete":
        pylog.warning(f"the list of devices of net {net:#x} is broken at {walk.stopped_at:#x}")
    at = lowlevel.member("struct net_device", "dev_list").offset
    found = []
    for node, row in zip(walk.nodes, rows):
        if row is None:
            pylog.warning(f"net_device {node - at:#x} cannot be read")
            continue
        name = row.name.decode("utf-8", "backslashreplace")
        addresses = (*_addresses(row.ip_ptr), *_addresses_6(row.ip6_ptr))
        found.append(NetDevice(node - at, name, row.ifindex, row.flags, row.mtu, addresses))
    return found


def _addresses(in_device: int) -> Iterator[str]:
    if not in_device:
        return
    at = lowlevel.member("struct in_device", "ifa_list").offset
    try:
        addr = lowlevel.read_pointer(in_device + at)
    except PykdumpError as error:
        pylog.warning(f"in_device {in_device:#x}: {error}")
        return
    seen: set[int] = set()
    while addr and addr not in seen and len(seen) < _MOST:
        seen.add(addr)
        row = _IFA.read(addr)
        if row is None:
            pylog.warning(f"in_ifaddr {addr:#x} cannot be read")
            return
        yield socket.inet_ntoa(row.ifa_local.to_bytes(4, "little"))
        addr = row.ifa_next


def _addresses_6(in_device: int) -> Iterator[str]:
    # A module may have IPv6, and nobody loaded its debug info.
    if not in_device or not compat.has("struct inet6_dev"):
        return
    walk = walk_list(in_device + lowlevel.member("struct inet6_dev", "addr_list").offset)
    if walk.end != "complete":
        pylog.warning(f"the addresses of inet6_dev {in_device:#x} break off")
    link = lowlevel.member("struct inet6_ifaddr", "if_list").offset
    at = lowlevel.member("struct inet6_ifaddr", "addr").offset - link
    for node in walk.nodes:
        try:
            yield socket.inet_ntop(socket.AF_INET6, lowlevel.dump().read(node + at, 16))
        except PykdumpError:
            pylog.warning(f"inet6_ifaddr {node - link:#x} cannot be read")


def arp_neighbours() -> list[Neighbour]:
    """Neighbours of IPv4 in all namespaces."""
    table = lowlevel.symbol_address("arp_tbl")
    hashes = lowlevel.read_pointer(table + lowlevel.member("struct neigh_table", "nht").offset)
    heads = compat.spelling("struct neigh_hash_table", "Heads")
    buckets_at = lowlevel.member("struct neigh_hash_table", heads).offset
    shift_at = lowlevel.member("struct neigh_hash_table", "hash_shift").offset
    buckets, shift = lowlevel.read_pointer(hashes + buckets_at), lowlevel.read_uint(
        hashes + shift_at, 4
    )
    if shift > 20:
        raise PykdumpError(f"neigh_hash_table {hashes:#x} is damaged: 2^{shift} buckets")
    addrs = _chained(buckets, 1 << shift)
    key_at = lowlevel.member("struct neighbour", "primary_key").offset
    found = []
    for addr, row in zip(
        addrs, Layout("struct neighbour", "ha", "dev", "nud_state").read_many(addrs)
    ):
        device = _DEV.read(row.dev) if row is not None and row.dev else None
        if row is None or device is None:
            pylog.warning(f"neighbour {addr:#x} cannot be read")
            continue
        ip = socket.inet_ntoa(lowlevel.dump().read(addr + key_at, 4))
        states = tuple(name for bit, name in STATES if row.nud_state & bit)
        name = device.name.decode("utf-8", "backslashreplace")
        hardware = bytes(row.ha[: min(device.addr_len, 32)])
        found.append(Neighbour(addr, ip, name, device.type, hardware, states))
    return found


def _chained(buckets: int, count: int) -> list[int]:
    # v6.13 made hlists of what were chains by neighbour.next.
    if compat.has("struct neighbour.next"):
        at = lowlevel.member("struct neighbour", "next").offset
        found: list[int] = []
        for number in range(count):
            addr = lowlevel.read_pointer(buckets + 8 * number)
            while addr and addr not in found and len(found) < _MOST:
                found.append(addr)
                addr = lowlevel.read_pointer(addr + at)
        return found
    node_at = lowlevel.member("struct neighbour", "hash").offset
    return [node - node_at for node in walk_hash_table(buckets, count).nodes]
