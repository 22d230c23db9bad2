# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks in every state, with every sort of name; locks they hold and wait for."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import threading
import time

from planting import daemon, gettid, libc, note, set_comm

ODD_COMMS = {
    "spaces": b"two  spaces ",
    "markup": b"<&\"> 'quoted'",
    "shell": b"# $ } * ` \\ |;",
    "not_utf8": b"caf\xe9 \xff\xfe\x80",
    "utf8": "smörgås→".encode(),
    "control": b"tab\there\x1b[1m",
    "parentheses": b") R 1 (x) (",
    "longest": b"fifteen-letters",
    "newline": b"line\nbreak",
    "number": b"12345",
    "kworker_like": b"kworker/9:9-not",
}


def plant_comms() -> None:
    for name, comm in ODD_COMMS.items():
        pid = daemon(lambda: None, comm)
        note(f"comm_{name}", pid=pid, comm_hex=comm.hex(), state="S")


def plant_threads() -> None:
    """A process of several named threads."""
    reader, writer = os.pipe()

    def thread(number: int) -> None:
        set_comm(f"worker-{number}".encode())
        os.write(writer, f"{number} {gettid()}\n".encode())
        time.sleep(10_000_000)

    def body() -> None:
        for number in range(5):
            threading.Thread(target=thread, args=(number,), daemon=True).start()
        time.sleep(1)

    pid = daemon(body, b"many-threads")
    lines = os.read(reader, 4096).decode().splitlines()
    tids = {f"worker-{line.split()[0]}": int(line.split()[1]) for line in lines}
    note("threads", pid=pid, comm="many-threads", threads=tids)


def plant_zombie() -> None:
    """A process that does not wait for its child."""
    reader, writer = os.pipe()

    def body() -> None:
        child = os.fork()
        if child == 0:
            set_comm(b"undead")
            os._exit(42)
        os.write(writer, str(child).encode())

    parent = daemon(body, b"bad-parent")
    child = int(os.read(reader, 64))
    note("zombie", pid=child, comm="undead", state="Z", parent=parent, exit_code=42)


def plant_dead_leader() -> None:
    """A thread group whose leader has ended while another thread lives on."""
    reader, writer = os.pipe()

    def survivor() -> None:
        set_comm(b"survivor")
        os.write(writer, f"{os.getpid()} {gettid()}".encode())
        time.sleep(10_000_000)

    middle = os.fork()
    if middle == 0:
        if os.fork():
            os._exit(0)
        set_comm(b"dead-leader")
        threading.Thread(target=survivor, daemon=True).start()
        libc().syscall(60, 0)  # exit, of this thread only
    os.waitpid(middle, 0)
    pid, tid = (int(word) for word in os.read(reader, 64).split())
    note("dead_leader", pid=pid, comm="dead-leader", state="Z", survivor=tid)


def plant_stopped() -> None:
    pid = daemon(lambda: None, b"stopped")
    os.kill(pid, signal.SIGSTOP)
    note("stopped", pid=pid, comm="stopped", state="T")


def plant_traced() -> None:
    """A task stopped by its tracer."""
    tracee = daemon(lambda: None, b"tracee")

    def trace() -> None:
        library = libc()
        library.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        if library.ptrace(16, tracee, None, None):  # PTRACE_ATTACH
            raise OSError("cannot attach")
        os.waitpid(tracee, 0)

    tracer = daemon(trace, b"tracer")
    note("traced", pid=tracee, comm="tracee", state="t", tracer=tracer)


def raw_clone(flags: int) -> int:
    zero = ctypes.c_long(0)
    return int(libc().syscall(ctypes.c_long(56), ctypes.c_long(flags), zero, zero, zero, zero))


def plant_vfork() -> None:
    """A parent in vfork: it waits, killable, until its child lets go of its memory."""
    reader, writer = os.pipe()
    # The child never calls exec.
    middle = os.fork()
    if middle == 0:
        if os.fork():
            os._exit(0)
        set_comm(b"vfork-parent")
        os.write(writer, str(os.getpid()).encode())
        # CLONE_VM would have both run on one stack: CLONE_VFORK
        # alone makes the parent wait all the same.
        if raw_clone(0x4000 | signal.SIGCHLD) == 0:
            set_comm(b"vfork-child")
            while True:
                signal.pause()
    os.waitpid(middle, 0)
    note("vfork_parent", pid=int(os.read(reader, 64)), comm="vfork-parent")


def plant_busy_loop() -> None:
    """A task that never leaves user mode of its own will, at the lowest priority."""

    def body() -> None:
        if os.fork():
            return
        set_comm(b"busy-loop")
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        os.sched_setaffinity(0, {0})
        note("busy_loop", pid=os.getpid(), comm="busy-loop", state="R", policy="SCHED_IDLE")
        while True:
            pass

    daemon(body, b"busy-parent")


def plant_realtime() -> None:
    def body() -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(42))
        os.sched_setaffinity(0, {1})

    pid = daemon(body, b"realtime")
    note("realtime", pid=pid, comm="realtime", policy="SCHED_FIFO", rt_priority=42, cpus=[1])


def plant_locks() -> None:
    """Holders of a flock, a POSIX and an OFD lock, and one that waits for each."""
    path = "/run/locked"
    open(path, "w").write("x" * 1000)
    files = []  # kept open by the daemons that inherit nothing: each opens its own

    def hold(take: str) -> None:
        file = open(path, "r+")
        files.append(file)
        if take == "flock":
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            fcntl.lockf(file, fcntl.LOCK_EX, 100, 50)

    for kind in ("flock", "posix"):
        holder = daemon(lambda: hold(kind), f"{kind}-holder".encode())
        waiter = os.fork()
        if waiter == 0:
            set_comm(f"{kind}-waiter".encode())
            hold(kind)
            os._exit(1)
        inode = os.stat(path).st_ino
        note(f"lock_{kind}", holder=holder, waiter=waiter, path=path, inode=inode)


def plant_futex() -> None:
    """A thread that waits for a lock which its process' other thread holds."""

    def body() -> None:
        lock = threading.Lock()
        lock.acquire()

        def wait() -> None:
            set_comm(b"futex-waiter")
            lock.acquire()

        threading.Thread(target=wait, daemon=True).start()

    note("futex", pid=daemon(body, b"futex-holder"), comm="futex-holder", waiter="futex-waiter")


def plant_pipe_and_epoll() -> None:
    def reader() -> None:
        if os.fork():
            return
        set_comm(b"pipe-reader")
        note("pipe_reader", pid=os.getpid(), comm="pipe-reader", state="S")
        ours, theirs = os.pipe()
        os.read(ours, 1)
        os.close(theirs)

    def poller() -> None:
        if os.fork():
            return
        set_comm(b"epoll-waiter")
        note("epoll_waiter", pid=os.getpid(), comm="epoll-waiter", state="S")
        ours, theirs = os.pipe()
        epoll = select.epoll()
        epoll.register(ours, select.EPOLLIN)
        epoll.poll()
        os.close(theirs)

    daemon(reader, b"pipe-parent")
    daemon(poller, b"epoll-parent")


def main() -> None:
    plant_comms()
    plant_threads()
    plant_zombie()
    plant_dead_leader()
    plant_stopped()
    plant_traced()
    plant_vfork()
    plant_busy_loop()
    plant_realtime()
    plant_locks()
    plant_futex()
    plant_pipe_and_epoll()


if __name__ == "__main__":
    main()
