# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that wait: for a peer, a lock in user memory, a folder, a disk, a child, a freezer.

A note per situation: {kind pid comm state function holder ...}: ``function`` is one on the waiting
task's stack, ``holder`` the pid of who could end it, null when nobody can.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from planting import gettid, libc, note, set_comm

SYS_FUTEX, SYS_SEMGET, SYS_SEMOP, SYS_MSGGET, SYS_MSGRCV = 202, 64, 65, 68, 70
FUTEX_WAIT, FUTEX_LOCK_PI = 0, 6
DISK = "/dev/pykdump_hang"
FOLDER = "/run/locked-folder"
O_DIRECT = 0o40000


def child(comm: str, body: Callable[[], Any]) -> int:
    """Run ``body``, then sleep for good, in a child of ours."""
    pid = os.fork()
    if pid == 0:
        set_comm(comm.encode())
        try:
            body()
        finally:
            while True:
                signal.pause()
    return pid


def waits(name: str, comm: str, body: Callable[[], Any], **facts: Any) -> int:
    pid = child(comm, body)
    note(name, pid=pid, comm=comm, **{"holder": None, "state": "S", **facts})
    return pid


def inode_of(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino


def plant_pipes() -> None:
    """A writer before a full pipe, a reader before an empty one; the peer sleeps."""
    reader, writer = os.pipe()
    capacity = 65536
    peer = child("pipe-no-reader", lambda: os.close(writer))

    def fill() -> None:
        os.close(reader)
        os.write(writer, b"x" * (capacity + 1))

    facts = {"kind": "pipe", "wants": "write", "function": "pipe_write", "holder": peer}
    inode = inode_of(writer)
    waits("pipe_full", "pipe-full", fill, inode=inode, bytes=capacity, **facts)
    os.close(reader)
    os.close(writer)

    reader, writer = os.pipe()
    peer = child("pipe-no-writer", lambda: os.close(reader))

    def drain() -> None:
        os.close(writer)
        os.read(reader, 1)

    facts = {"kind": "pipe", "wants": "read", "function": "pipe_read", "holder": peer}
    waits("pipe_empty", "pipe-empty", drain, inode=inode_of(reader), bytes=0, **facts)
    os.close(reader)
    os.close(writer)


def plant_sockets() -> None:
    """Readers whose peer says nothing, a writer whose peer does not read."""
    ours, theirs = socket.socketpair()
    peer = child("unix-silent", ours.close)

    def read() -> None:
        theirs.close()
        ours.recv(1)

    facts = {"kind": "socket", "wants": "read", "function": "unix_stream_read_generic"}
    inodes = {"inode": inode_of(ours.fileno()), "peer_inode": inode_of(theirs.fileno())}
    waits("unix_reader", "unix-reader", read, holder=peer, **inodes, **facts)
    ours.close()
    theirs.close()

    ours, theirs = socket.socketpair()
    peer = child("unix-deaf", ours.close)

    def write() -> None:
        theirs.close()
        while True:
            ours.sendall(b"x" * 4096)

    facts = {"kind": "socket", "wants": "write", "function": "sock_alloc_send_pskb"}
    inodes = {"inode": inode_of(ours.fileno()), "peer_inode": inode_of(theirs.fileno())}
    waits("unix_writer", "unix-writer", write, holder=peer, **inodes, **facts)
    ours.close()
    theirs.close()

    listener = socket.create_server(("127.0.0.1", 7777))
    client = socket.create_connection(("127.0.0.1", 7777))
    server, _ = listener.accept()
    peer = child("tcp-silent", client.close)

    def receive() -> None:
        server.close()
        listener.close()
        client.recv(1)

    facts = {"kind": "socket", "wants": "read", "function": "tcp_recvmsg"}
    inodes = {"inode": inode_of(client.fileno()), "peer_inode": inode_of(server.fileno())}
    ports = {"port": client.getsockname()[1], "peer_port": 7777}
    waits("tcp_reader", "tcp-reader", receive, holder=peer, **inodes, **ports, **facts)
    client.close()
    server.close()

    def accept() -> None:
        listener.accept()

    facts = {"kind": "socket", "wants": "accept", "function": "inet_csk_accept"}
    waits("tcp_acceptor", "tcp-acceptor", accept, inode=inode_of(listener.fileno()), **facts)
    listener.close()


def word_in_shared_memory() -> tuple[mmap.mmap, int]:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    return memory, ctypes.addressof(ctypes.c_uint32.from_buffer(memory))


def futex(address: int, operation: int, value: int) -> None:
    arguments = [SYS_FUTEX, address, operation, value, 0, 0, 0]
    libc().syscall(*map(ctypes.c_long, arguments))


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def plant_futexes() -> None:
    """A word that holds the thread id of its owner, and a lock whose owner the kernel knows."""
    memory, address = word_in_shared_memory()

    def own() -> None:
        memory[:4] = struct.pack("I", gettid())

    owner = child("futex-owner", own)
    wait_until(lambda: memory[:4] != bytes(4))
    facts = {"kind": "futex", "function": "futex_wait_queue", "user_addr": address}
    waits(
        "futex_shared",
        "futex-shared",
        lambda: futex(address, FUTEX_WAIT, owner),
        holder=owner,
        word=owner,
        **facts,
    )

    pi_memory, pi_address = word_in_shared_memory()
    owner = child("pi-owner", lambda: futex(pi_address, FUTEX_LOCK_PI, 0))
    wait_until(lambda: pi_memory[:4] != bytes(4))
    facts = {"kind": "futex_pi", "function": "futex_lock_pi", "user_addr": pi_address}
    waits(
        "futex_pi",
        "futex-pi",
        lambda: futex(pi_address, FUTEX_LOCK_PI, 0),
        holder=owner,
        **facts,
    )


def plant_folder_and_disk() -> None:
    """Who wants to create in the locked folder, or to read from the disk that never answers."""

    def create() -> None:
        open(f"{FOLDER}/new", "w")

    inode = os.stat(FOLDER).st_ino
    facts = {"kind": "rwsem", "path": FOLDER, "inode": inode, "state": "D"}
    facts["function"] = "rwsem_down_write_slowpath"
    told = json.loads(Path("/proc/pykdump_hang").read_text())["threads"]
    (holder,) = [thread["pid"] for thread in told if thread["comm"] == "hang_in_holder"]
    waits("folder_creator", "creator", create, holder=holder, **facts)

    def read() -> None:
        os.preadv(os.open(DISK, os.O_RDONLY | O_DIRECT), [mmap.mmap(-1, 8192)], 512 * 1024)

    request = {"kind": "block_request", "device": DISK, "sector": 1024, "bytes": 8192, "state": "D"}
    waits("disk_reader", "disk-reader", read, function="blkdev_read_iter", **request)

    def wait_for_child() -> None:
        stuck = waits("stuck_child", "stuck-child", create, holder=holder, **facts)
        waiter = {"kind": "child", "pid": os.getpid(), "comm": "parent", "state": "S"}
        note("waiting_parent", **waiter, function="do_wait", holder=stuck)
        os.waitpid(stuck, 0)

    child("parent", wait_for_child)


def plant_system_v() -> None:
    """A semaphore that nobody raises, a message that nobody sends."""
    library = libc()
    semaphore = library.syscall(SYS_SEMGET, 0, 1, 0o600)
    queue = library.syscall(SYS_MSGGET, 0, 0o600)
    operation = ctypes.create_string_buffer(struct.pack("Hhh", 0, -1, 0))
    room = ctypes.create_string_buffer(64)
    facts = {"kind": "sysv_semaphore", "function": "do_semtimedop", "id": semaphore}
    waits(
        "sysv_semaphore",
        "sem-waiter",
        lambda: library.syscall(SYS_SEMOP, semaphore, operation, 1),
        **facts,
    )
    facts = {"kind": "sysv_message", "function": "do_msgrcv", "id": queue}
    waits(
        "sysv_message",
        "msg-waiter",
        lambda: library.syscall(SYS_MSGRCV, queue, room, 8, 0, 0),
        **facts,
    )


def plant_freezers() -> None:
    """A frozen cgroup of version 2, and one of version 1, whose tasks are in state D."""
    group = Path("/sys/fs/cgroup/frozen")
    group.mkdir()
    pid = child("frozen-v2", lambda: None)
    (group / "cgroup.procs").write_text(str(pid))
    (group / "cgroup.freeze").write_text("1")
    facts = {"kind": "freezer", "cgroup": "/frozen", "function": "get_signal"}
    note("frozen_v2", pid=pid, comm="frozen-v2", state="S", holder=None, **facts)

    mount_point = Path("/run/freezer")
    mount_point.mkdir()
    if os.system("mount -t cgroup -o freezer freezer /run/freezer"):
        print("PYKDUMP: no freezer of version 1")
        return
    group = mount_point / "icy"
    group.mkdir()
    pid = child("frozen-v1", lambda: None)
    (group / "cgroup.procs").write_text(str(pid))
    (group / "freezer.state").write_text("FROZEN")
    facts = {"kind": "freezer", "cgroup": "/icy", "function": "__refrigerator"}
    note("frozen_v1", pid=pid, comm="frozen-v1", state="D", holder=None, **facts)


def main() -> None:
    plant_pipes()
    plant_sockets()
    plant_futexes()
    plant_folder_and_disk()
    plant_system_v()
    plant_freezers()


if __name__ == "__main__":
    main()
