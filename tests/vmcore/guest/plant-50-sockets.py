# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets of every family, in the states that an analyst meets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from planting import daemon, note

KEPT: list[Any] = []  # sockets that stay open as long as their process lives
IPPROTO_SCTP = 132
UNREAD = b"unread data " * 100


def keep(name: str, make: Callable[[], dict[str, Any]]) -> None:
    """Run ``make`` in a process of its own, which keeps the sockets; note what it returns."""

    def body() -> None:
        note(f"socket_{name}", pid=os.getpid(), comm=f"sk-{name}"[:15], **make())

    daemon(body, f"sk-{name}"[:15].encode())


def endpoints(sock: socket.socket) -> dict[str, Any]:
    return {"local": sock.getsockname()[:2], "inode": os.fstat(sock.fileno()).st_ino}


def listener(family: int, address: str, backlog: int = 5) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind((address, 0))
    sock.listen(backlog)
    KEPT.append(sock)
    return sock


def pair(family: int, address: str) -> tuple[socket.socket, socket.socket, socket.socket]:
    """A listener, a client and the server's end of their connection."""
    listening = listener(family, address)
    client = socket.create_connection(listening.getsockname()[:2])
    server, _ = listening.accept()
    KEPT.extend([client, server])
    return listening, client, server


def tcp_unread(family: int, address: str) -> dict[str, Any]:
    listening, client, server = pair(family, address)
    client.sendall(UNREAD)
    return {
        "listener": endpoints(listening),
        "client": endpoints(client),
        "server": endpoints(server),
        "unread_bytes": len(UNREAD),
    }


def tcp_close_wait() -> dict[str, Any]:
    """The peer has closed, our end has not noticed: CLOSE_WAIT and FIN_WAIT2."""
    listening, client, server = pair(socket.AF_INET, "127.0.0.1")
    client.shutdown(socket.SHUT_WR)
    return {"close_wait": endpoints(server), "fin_wait2": endpoints(client)}


def tcp_accept_queue() -> dict[str, Any]:
    """Connections that the listener has not accepted."""
    listening = listener(socket.AF_INET, "127.0.0.1", backlog=8)
    clients = [socket.create_connection(listening.getsockname()) for _ in range(3)]
    KEPT.extend(clients)
    return {"listener": endpoints(listening), "queued": 3, "clients": [*map(endpoints, clients)]}


def tcp_time_wait() -> dict[str, Any]:
    listening, client, server = pair(socket.AF_INET, "127.0.0.1")
    local = client.getsockname()[:2]
    client.close()
    server.close()
    return {"time_wait_local": local, "remote": listening.getsockname()[:2]}


def tcp_send_full() -> dict[str, Any]:
    """A sender whose peer does not read: the send queue is full."""
    _, client, server = pair(socket.AF_INET, "127.0.0.1")
    client.setblocking(False)
    sent = 0
    try:
        while True:
            sent += client.send(b"x" * 65536)
    except BlockingIOError:
        pass
    return {"client": endpoints(client), "server": endpoints(server), "sent_bytes": sent}


def tcp_syn_sent() -> dict[str, Any]:
    """A connection to a neighbour that does not answer."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("192.0.2.254", 9))
    KEPT.append(sock)
    return {"client": endpoints(sock), "remote": ["192.0.2.254", 9], "state": "SYN_SENT"}


def udp(family: int, address: str) -> dict[str, Any]:
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind((address, 0))
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname()[:2])
    for _ in range(3):
        sender.send(b"datagram")
    KEPT.extend([receiver, sender])
    return {"receiver": endpoints(receiver), "sender": endpoints(sender), "unread_packets": 3}


def unix_sockets() -> dict[str, Any]:
    inodes = {}
    for kind, path in ((socket.SOCK_STREAM, "/run/stream.sock"), (socket.SOCK_DGRAM, "\0abstract")):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(path)
        if kind == socket.SOCK_STREAM:
            sock.listen(3)
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            client.sendall(UNREAD)
            KEPT.append(client)
            inodes["client"] = os.fstat(client.fileno()).st_ino
        inodes[path.replace("\0", "@")] = os.fstat(sock.fileno()).st_ino
        KEPT.append(sock)
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.send(b"passing descriptors")
    socket.send_fds(left, [b"fd"], [0])
    KEPT.extend([left, right])
    inodes["pair"] = [os.fstat(s.fileno()).st_ino for s in (left, right)]
    return {"inodes": inodes, "unread_bytes": len(UNREAD)}


def raw() -> dict[str, Any]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    KEPT.append(sock)
    return {"inode": os.fstat(sock.fileno()).st_ino, "protocol": socket.IPPROTO_ICMP}


def packet() -> dict[str, Any]:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
    sock.bind(("dummy0", 0x88B5))
    KEPT.append(sock)
    return {"inode": os.fstat(sock.fileno()).st_ino, "interface": "dummy0", "protocol": 0x88B5}


def netlink() -> dict[str, Any]:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    sock.bind((0, 0x11))
    KEPT.append(sock)
    portid, groups = sock.getsockname()
    return {"inode": os.fstat(sock.fileno()).st_ino, "portid": portid, "groups": groups}


def sctp() -> dict[str, Any]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(3)
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    client.connect(listening.getsockname())
    KEPT.extend([listening, client])
    return {"listener": endpoints(listening), "client": endpoints(client)}


def multicast() -> dict[str, Any]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 5353))
    member = struct.pack("4s4s", socket.inet_aton("224.0.0.251"), socket.inet_aton("192.0.2.1"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    KEPT.append(sock)
    return {"socket": endpoints(sock), "group": "224.0.0.251"}


def main() -> None:
    keep("tcp4", lambda: tcp_unread(socket.AF_INET, "127.0.0.1"))
    keep("tcp6", lambda: tcp_unread(socket.AF_INET6, "::1"))
    keep("close_wait", tcp_close_wait)
    keep("accept_queue", tcp_accept_queue)
    keep("time_wait", tcp_time_wait)
    keep("send_full", tcp_send_full)
    keep("syn_sent", tcp_syn_sent)
    keep("udp4", lambda: udp(socket.AF_INET, "127.0.0.1"))
    keep("udp6", lambda: udp(socket.AF_INET6, "::1"))
    keep("unix", unix_sockets)
    keep("raw", raw)
    keep("packet", packet)
    keep("netlink", netlink)
    keep("sctp", sctp)
    keep("multicast", multicast)


if __name__ == "__main__":
    main()
