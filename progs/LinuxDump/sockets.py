# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets that tasks have open (include/linux/net.h, include/net/sock.h)."""

from __future__ import annotations

import socket as hosts
from dataclasses import dataclass
from typing import Any

from LinuxDump.open_files import open_files
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
    files = [file for file in open_files(task) if file.type == "SOCK"]
    # struct socket_alloc: the socket, then the inode.
    inode_at = lowlevel.member("struct socket_alloc", "vfs_inode").offset
    at = lowlevel.member("struct socket_alloc", "socket").offset - inode_at
    heads = _SOCKET.read_many([file.inode_addr + at for file in files])
    socks = _SOCK.read_many([0 if head is None else head.sk for head in heads])
    found = []
    for file, head, row in zip(files, heads, socks):
        addr = file.inode_addr + at
        if head is None:
            pylog.warning(f"descriptor {file.fd}: struct socket {addr:#x} cannot be read")
        else:
            found.append(_socket(file.fd, addr, head, row))
    return found


def _socket(fd: int, addr: int, head: Any, row: Any) -> Socket:
    kind = TYPES.get(head.type, str(head.type))
    if row is None:
        return Socket(fd, addr, head.sk, "?", kind, "", "")
    number, _, port, remote, local_ip, remote_ip = row
    family = FAMILIES.get(number, str(number))
    source = destination = ""
    if family == "INET":
        source = f"{_ip4(local_ip)}-{port}"
        destination = f"{_ip4(remote_ip)}-{_swap(remote)}"
    elif family == "INET6":
        source = f"{_ip6(head.sk, 'skc_v6_rcv_saddr')}-{port}"
        destination = f"{_ip6(head.sk, 'skc_v6_daddr')}-{_swap(remote)}"
    return Socket(fd, addr, head.sk, family, kind, source, destination)


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
