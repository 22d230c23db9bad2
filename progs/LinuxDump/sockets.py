# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets that tasks have open (include/linux/net.h, include/net/sock.h)."""

from __future__ import annotations

import socket as hosts
from dataclasses import dataclass

from LinuxDump.open_files import OpenFile, open_files
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog

# The first member of struct sock.
_SOCK = Layout(
    "struct sock_common",
    *("skc_family", "skc_state", "skc_num", "skc_dport", "skc_rcv_saddr", "skc_daddr"),
)
_SOCKET = Layout("struct socket", "sk", "type")

#: include/linux/socket.h
FAMILIES = {
    **{1: "UNIX", 2: "INET", 3: "AX25", 4: "IPX", 9: "X25", 10: "INET6", 16: "NETLINK"},
    **{17: "PACKET", 21: "RDS", 29: "CAN", 30: "TIPC", 31: "BLUETOOTH", 38: "ALG", 40: "VSOCK"},
    **{43: "SMC", 44: "XDP", 45: "MCTP"},
}
TYPES = {1: "STREAM", 2: "DGRAM", 3: "RAW", 4: "RDM", 5: "SEQPACKET", 6: "DCCP", 10: "PACKET"}


@dataclass(frozen=True)
class Socket:
    """An open socket."""

    fd: int
    addr: int  #: struct socket *
    sock_addr: int  #: struct sock *, 0 for one that is being closed
    family: str
    type: str
    source: str  #: ADDRESS-PORT of INET and INET6, else ""
    destination: str


def sockets_of(task: int) -> list[Socket]:
    """Sockets of a task by descriptor; damage is warned of.

    :param task: ``struct task_struct *``.
    """
    found = []
    for file in open_files(task):
        if file.type == "SOCK":
            record = _socket(file)
            if record is not None:
                found.append(record)
    return found


def _socket(file: OpenFile) -> Socket | None:
    # struct socket_alloc: the socket, then the inode.
    inode_at = lowlevel.member("struct socket_alloc", "vfs_inode").offset
    addr = file.inode_addr - inode_at + lowlevel.member("struct socket_alloc", "socket").offset
    head = _SOCKET.read(addr)
    if head is None:
        pylog.warning(f"descriptor {file.fd}: struct socket {addr:#x} cannot be read")
        return None
    row = _SOCK.read(head.sk) if head.sk else None
    if row is None:
        return Socket(file.fd, addr, head.sk, "?", TYPES.get(head.type, str(head.type)), "", "")
    number, _, port, remote, local_ip, remote_ip = row
    family = FAMILIES.get(number, str(number))
    source = destination = ""
    if family == "INET":
        source = f"{_ip4(local_ip)}-{port}"
        destination = f"{_ip4(remote_ip)}-{_swap(remote)}"
    elif family == "INET6":
        source = f"{_ip6(head.sk, 'skc_v6_rcv_saddr')}-{port}"
        destination = f"{_ip6(head.sk, 'skc_v6_daddr')}-{_swap(remote)}"
    return Socket(
        file.fd, addr, head.sk, family, TYPES.get(head.type, str(head.type)), source, destination
    )


def _ip4(value: int) -> str:
    return hosts.inet_ntoa((value & 0xFFFF_FFFF).to_bytes(4, "little"))


def _ip6(sock: int, member: str) -> str:
    try:
        at = lowlevel.member("struct sock_common", member).offset
        return hosts.inet_ntop(hosts.AF_INET6, lowlevel.dump().read(sock + at, 16))
    except PykdumpError:
        return "?"


def _swap(port: int) -> int:
    return int.from_bytes((port & 0xFFFF).to_bytes(2, "little"), "big")
