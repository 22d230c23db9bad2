# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that wait: for a peer, a lock in user memory, a folder, a disk, a child, a freezer.

A note per situation: {kind pid comm state function holder ...}: ``function`` is one on the waiting
task's stack, ``holder`` the pid of who could end it, null when nobody can.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import select
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
UNREAD = 9  # opened by plant-volumes.sh


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
    if facts.get("state") == "D":  # before the next comes
        wait_until(lambda: state_of(pid) == (comm, "D"))
    note(name, pid=pid, comm=comm, **{"holder": None, "state": "S", **facts})
    return pid


def state_of(pid: int) -> tuple[str, str]:
    before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
    return before.partition("(")[2], after[0]


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

    plant_tcp6()

    def accept() -> None:
        listener.accept()

    facts = {"kind": "socket", "wants": "accept", "function": "inet_csk_accept"}
    waits("tcp_acceptor", "tcp-acceptor", accept, inode=inode_of(listener.fileno()), **facts)
    listener.close()


def plant_tcp6() -> None:
    """The same as the reader of TCP, over IPv6."""
    with socket.create_server(("::1", 7776), family=socket.AF_INET6) as listener:
        client = socket.create_connection(("::1", 7776))
        server, _ = listener.accept()
    peer = child("tcp6-silent", client.close)

    def receive() -> None:
        server.close()
        client.recv(1)

    facts = {"kind": "socket", "wants": "read", "function": "tcp_recvmsg"}
    inodes = {"inode": inode_of(client.fileno()), "peer_inode": inode_of(server.fileno())}
    ports = {"port": client.getsockname()[1], "peer_port": 7776, "address": "::1"}
    waits("tcp6_reader", "tcp6-reader", receive, holder=peer, **inodes, **ports, **facts)
    client.close()
    server.close()


def plant_pollers() -> None:
    """Processes that wait in epoll_wait() and poll() for one socket, whose peer says nothing."""
    for name, function in ("epoll", "do_epoll_wait"), ("poll", "do_sys_poll"):
        ours, theirs = socket.socketpair()
        peer = child(f"{name}-silent", ours.close)

        def wait(name: str = name, ours: Any = ours, theirs: Any = theirs) -> None:
            theirs.close()
            waiter: Any = select.epoll() if name == "epoll" else select.poll()
            waiter.register(ours.fileno(), select.EPOLLIN)
            waiter.poll()

        facts = {"kind": "poll", "function": function, "holder": peer}
        inodes = {"inode": inode_of(ours.fileno()), "peer_inode": inode_of(theirs.fileno())}
        waits(f"{name}_waiter", f"{name}-waiter", wait, **inodes, **facts)
        ours.close()
        theirs.close()


def word_in_shared_memory() -> tuple[mmap.mmap, int]:
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    return memory, ctypes.addressof(ctypes.c_uint32.from_buffer(memory))


def futex(address: int, operation: int, value: int) -> None:
    arguments = [SYS_FUTEX, address, operation, value, 0, 0, 0]
    libc().syscall(*map(ctypes.c_long, arguments))


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise RuntimeError("what was planted does not come about")


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


def plant_volumes() -> None:
    """Who waits for file systems and disks whose device keeps what is written and read."""
    ext4 = {"state": "D", "device": dm_name("hang_ext4"), "mount": "/mnt/hang_ext4"}

    def write() -> None:
        descriptor = os.open("/mnt/hang_ext4/file", os.O_WRONLY)
        os.write(descriptor, b"other content")
        os.fsync(descriptor)

    facts = {**ext4, "kind": "page", "wants": "write-back"}
    waits("volume_writer", "volume-writer", write, function="file_write_and_wait_range", **facts)

    # With a handle of the running transaction in its hands it has to read the inode's block.
    facts = {**ext4, "kind": "buffer", "function": "ext4_setattr"}
    handle = waits("handle_holder", "handle-holder", lambda: os.fchmod(UNREAD, 0o600), **facts)

    def commit(mount: str, change: Callable[[str], None]) -> None:
        change(mount)
        os.fsync(os.open(mount, os.O_RDONLY))

    jbd2 = pid_of(f"jbd2/{ext4['device']}-8")
    facts = {**ext4, "kind": "journal", "function": "jbd2_log_wait_commit", "holder": jbd2}
    waits("ext4_log", "ext4-log", lambda: commit("/mnt/hang_ext4", change_mode), **facts)
    facts = {**ext4, "kind": "journal", "function": "jbd2_journal_commit_transaction"}
    note("jbd2", pid=jbd2, comm=f"jbd2/{ext4['device']}-8", holder=handle, **facts)

    facts = {"state": "D", "device": dm_name("hang_xfs"), "mount": "/mnt/hang_xfs"}
    facts |= {"kind": "xfs_log", "function": "xfs_log_force_seq"}
    waits("xfs_log", "xfs-log", lambda: commit("/mnt/hang_xfs", make_folder), **facts)

    def read(name: str) -> None:
        os.preadv(os.open(f"/dev/mapper/{name}", os.O_RDONLY | O_DIRECT), [mmap.mmap(-1, 4096)], 0)

    facts = {"kind": "block_request", "state": "D", "sector": 0, "bytes": 4096}
    facts |= {"device": dm_name("hang_mpath"), "paths": 1, "usable_paths": 0}
    waits("no_path", "no-path", lambda: read("hang_mpath"), function="blkdev_read_iter", **facts)


def change_mode(folder: str) -> None:
    os.chmod(folder, 0o700)


def make_folder(folder: str) -> None:
    os.mkdir(f"{folder}/new")


def dm_name(volume: str) -> str:
    return f"dm-{os.minor(os.stat(f'/dev/mapper/{volume}').st_rdev)}"


def pid_of(comm: str) -> int:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it may just have ended
            if Path(f"/proc/{pid}/comm").read_text().strip() == comm:
                return int(pid)
    raise RuntimeError(f"there is no {comm}")


def plant_throttled() -> None:
    """Who has more memory than its cgroup wants it to have, and sleeps for that."""
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    group = Path("/sys/fs/cgroup/throttled")
    group.mkdir()
    (group / "memory.high").write_text(str(1 << 20))

    def grow() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))
        pieces = []
        while True:
            pieces.append(b"x" * (1 << 20))

    facts = {"kind": "memcg", "cgroup": "/throttled", "state": "D", "high_bytes": 1 << 20}
    waits("throttled", "throttled", grow, function="mem_cgroup_handle_over_high", **facts)


def main() -> None:
    plant_volumes()
    plant_throttled()
    plant_pollers()
    plant_pipes()
    plant_sockets()
    plant_futexes()
    plant_folder_and_disk()
    plant_system_v()
    plant_freezers()


if __name__ == "__main__":
    main()
