# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for the other end of a pipe, FIFO or socket."""

from __future__ import annotations

import socket
from typing import Any, Tuple

from LinuxDump.hangs.entries import offset
from LinuxDump.hangs.file_holders import FMODE_READ, FMODE_WRITE, Opener
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.sleepers import Sleeper
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout

_PIPE = Layout("struct pipe_inode_info", "readers", "writers")
_SOCKET = Layout("struct socket", "sk", "state", "file")
_SOCK = Layout("struct sock_common", "skc_family", "skc_state")
_INET = Layout("struct sock_common", "skc_rcv_saddr", "skc_daddr", "skc_dport", "skc_num")
_INET6 = Layout("struct sock_common", "skc_v6_rcv_saddr", "skc_v6_daddr", "skc_dport", "skc_num")
_UNIX = Layout("struct unix_sock", "peer", "sk.sk_socket", "addr")

_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_FAMILIES = {_AF_UNIX: "UNIX", _AF_INET: "IPv4", _AF_INET6: "IPv6", 16: "netlink", 17: "packet"}


def _head_of(finder: Finder, sleeper: Sleeper) -> int:
    # struct wait_queue_head * that the task sleeps on, 0 when not found
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr:
        return 0
    return entry.head_addr - offset("struct wait_queue_head", "head")


# --- pipes


def pipe(finder: Finder, sleeper: Sleeper) -> Target:
    """In pipe_read(), pipe_write(), or opening a FIFO."""
    head = _head_of(finder, sleeper)
    wants = {"pipe_read": "read", "pipe_write": "write"}.get(sleeper.waits_in, "open")
    if not head:
        return Target("pipe", "", wants, evidence=f"it is in {sleeper.waits_in}()")
    for member in "rd_wait", "wr_wait", "wait":
        at = lowlevel.find_member("struct pipe_inode_info", member)
        row = None if at is None else _PIPE.read(head - at.offset)
        if at is not None and row is not None and _is_right(member, wants):
            key = _add_pipe(finder, head - at.offset, wants, row)
            return Target("pipe", key, wants, evidence="it sleeps on the pipe's wait queue")
    return Target("pipe", "", wants, evidence=f"it is in {sleeper.waits_in}()")


def _is_right(member: str, wants: str) -> bool:
    return member == "wait" or (member == "wr_wait") == (wants == "write")


def _add_pipe(finder: Finder, addr: int, wants: str, row: Any) -> str:
    what = {"read": "empty pipe", "write": "full pipe"}.get(wants, "FIFO")
    other = FMODE_READ if wants == "write" else FMODE_WRITE
    count = row.readers if wants == "write" else row.writers
    end = "reader" if wants == "write" else "writer"
    text = f"{what} {addr:#x} with {count} {end}{'s' if count != 1 else ''}"
    key = finder.add("pipe", addr, text)
    if not finder.is_linked(key):
        _link_openers(finder, key, addr, other, f"{end} is")
    return key


def _link_openers(finder: Finder, key: str, private: int, mode: int, how: str) -> None:
    # Any of them could act.
    who = [opener for opener in finder.openers.get(private, ()) if opener.mode & mode]
    for opener in who:
        task = finder.add_known_task(opener.task)
        finder.link(key, task, how, _evidence(opener, len(who)), inferred=True, any_of=True)


def _evidence(opener: Opener, count: int) -> str:
    only = "the only one that has" if count == 1 else f"one of {count} that have"
    return f"{only} that end open, as descriptor {opener.fd}"


# --- sockets


def sock(finder: Finder, sleeper: Sleeper) -> Target:
    """In a system call on a socket: until its peer sends, reads, or comes."""
    head = _head_of(finder, sleeper)
    wants = _wants(sleeper)
    if not head:
        return Target("socket", "", wants, evidence=f"it is in {sleeper.waits_in}()")
    if sleeper.has("unix_wait_for_peer"):
        return _peer_wait(finder, head)
    addr = head - offset("struct socket", "wq") - offset("struct socket_wq", "wait")
    key = add_socket(finder, addr, with_peer=wants != "accept")
    if not key:
        return Target("socket", "", wants, evidence=f"it is in {sleeper.waits_in}()")
    return Target("socket", key, wants, evidence="it sleeps on the socket's wait queue")


def add_socket(finder: Finder, addr: int, with_peer: bool = True) -> str:
    """The node of a socket, with who has its peer open; "" for what is no socket.

    :param addr: ``struct socket *``.
    """
    row = _SOCKET.read(addr)
    common = _SOCK.read(row.sk) if row is not None and row.sk else None
    if common is None:
        return ""
    key = finder.add("socket", addr, f"{_text(row.sk, common)} (socket {addr:#x})")
    peer = _peer(finder, row.sk, common.skc_family) if with_peer else 0
    if peer and not finder.is_linked(key):
        _link_openers(finder, key, peer, FMODE_READ | FMODE_WRITE, "its peer is")
    return key


def add_pipe(finder: Finder, addr: int) -> str:
    """The node of a pipe that is polled, with who could write to it; "" for what is none.

    :param addr: ``struct pipe_inode_info *``.
    """
    row = _PIPE.read(addr)
    return _add_pipe(finder, addr, "read", row) if row is not None else ""


def _wants(sleeper: Sleeper) -> str:
    if sleeper.has("inet_csk_accept", "unix_accept", "do_accept"):
        return "accept"
    if sleeper.has("__sys_connect", "inet_stream_connect", "unix_stream_connect"):
        return "connect"
    is_write = sleeper.has(
        *("sock_alloc_send_pskb", "sk_stream_wait_memory", "unix_wait_for_peer", "sock_sendmsg"),
        *("__sock_sendmsg", "sock_write_iter"),
    )
    return "write" if is_write else "read"


def _text(sk: int, common: Any) -> str:
    family = _FAMILIES.get(common.skc_family, f"family {common.skc_family}")
    ends = _ends(sk, common.skc_family)
    if ends is None:
        return f"{family} socket"
    (ours, our_port), (theirs, their_port) = ends
    return f"{family} socket {_shown(ours)}:{our_port} <-> {_shown(theirs)}:{their_port}"


def _shown(addr: bytes) -> str:
    if len(addr) == 4:
        return socket.inet_ntop(socket.AF_INET, addr)
    return f"[{socket.inet_ntop(socket.AF_INET6, addr)}]"


_End = Tuple[bytes, int]


def _ends(sk: int, family: int) -> tuple[_End, _End] | None:
    # Own address and port, and the peer's, of a socket of the Internet.
    if family == _AF_INET:
        row, size = _INET.read(sk), 4
    elif family == _AF_INET6 and compat.has("struct sock_common.skc_v6_daddr"):
        row, size = _INET6.read(sk), 16
    else:
        return None
    if row is None:
        return None
    ours, theirs = (_bytes(value, size) for value in row[:2])
    if theirs[:12] == _MAPPED or ours[:12] == _MAPPED:  # IPv4 by a socket of IPv6
        ours, theirs = ours[-4:], theirs[-4:]
    return (ours, row.skc_num), (theirs, socket.ntohs(row.skc_dport))


def _bytes(value: Any, size: int) -> bytes:
    return value.to_bytes(size, "little") if isinstance(value, int) else bytes(value)[:size]


_MAPPED = bytes(10) + b"\xff\xff"


def _peer(finder: Finder, sk: int, family: int) -> int:
    # struct socket * of the other end, where that is on the same machine, else 0
    if family == _AF_UNIX:
        row = _UNIX.read(sk)
        other = _UNIX.read(row.peer) if row is not None and row.peer else None
        return int(other.sk_sk_socket) if other is not None else 0
    ends = _ends(sk, family)
    if ends is None or not ends[1][1]:
        return 0
    return finder.once(inet_sockets).get((ends[1], ends[0]), 0)


def inet_sockets(finder: Finder) -> dict[tuple[_End, _End], int]:
    """Connected sockets of the Internet by own address and port, and those of the peer."""
    addrs = list(finder.openers)  # private data of all files, sockets among them
    found = {}
    for addr, row in zip(addrs, _SOCKET.read_many(addrs)):
        if row is None or not row.sk or not row.file or not _is_file_of(row.file, addr):
            continue
        common = _SOCK.read(row.sk)
        ends = _ends(row.sk, common.skc_family) if common is not None else None
        if ends is not None and ends[1][1]:
            found[ends] = addr
    return found


def _is_file_of(file: int, socket_addr: int) -> bool:
    try:
        at = lowlevel.member("struct file", "private_data").offset
        return lowlevel.read_pointer(file + at) == socket_addr
    except ReadError:
        return False


def _peer_wait(finder: Finder, head: int) -> Target:
    # unix_wait_for_peer(): the receiver's queue is full.
    sk = head - offset("struct unix_sock", "peer_wait")
    row = _UNIX.read(sk)
    path = unix_path(row.addr) if row is not None else ""
    key = finder.add(
        "unix_sock", sk, f"UNIX socket {path or '(without a name)'}, whose queue is full"
    )
    if row is not None and row.sk_sk_socket and not finder.is_linked(key):
        _link_openers(finder, key, row.sk_sk_socket, FMODE_READ | FMODE_WRITE, "receiver is")
    return Target("unix_socket", key, "write", evidence="it sleeps on unix_sock.peer_wait")


def unix_path(address: int) -> str:
    """The path in a ``struct unix_address *``; "@name" of an abstract one."""
    if not address or not compat.has("struct unix_address.name"):
        return ""
    at = address + lowlevel.member("struct unix_address", "name").offset + 2  # sun_family
    try:
        size = lowlevel.read_uint(address + lowlevel.member("struct unix_address", "len").offset, 4)
        raw = lowlevel.dump().read(at, min(max(size - 2, 0), 108))
    except ReadError:
        return ""
    text = raw[1:] if raw[:1] == b"\0" else raw.partition(b"\0")[0]
    return ("@" if raw[:1] == b"\0" else "") + text.decode("utf-8", "backslashreplace")


def path_of(sk: int) -> str:
    """The path that a ``struct unix_sock *`` is bound to, "" without one."""
    row = _UNIX.read(sk)
    return unix_path(row.addr) if row is not None else ""
