# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tasks the mini kernel has: the plan, which is also the ground truth for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

RUNNING, INTERRUPTIBLE, UNINTERRUPTIBLE, STOPPED, TRACED = 0, 1, 2, 4, 8
PARKED, DEAD, NOLOAD, NEW = 0x40, 0x80, 0x400, 0x800
EXIT_DEAD, EXIT_ZOMBIE = 0x10, 0x20
IDLE = UNINTERRUPTIBLE | NOLOAD
PF_KTHREAD, PF_IDLE = 0x00200000, 0x2

ODD_COMMS = (
    b"",
    b"fifteen_letters",
    b"sixteen_no_NUL__",
    b"<a&b>\"c'd",
    b"#$}*",
    b"two words",
    b"line\nfeed\x1b[1m",
    b"\xff\xfe\x80",
    "blåbær".encode(),
    b"(sd-pam)",
    b"kworker/u8:2-ev",
)
USER_STATES = (INTERRUPTIBLE, INTERRUPTIBLE, UNINTERRUPTIBLE, STOPPED, TRACED, RUNNING)
KERNEL_STATES = (IDLE, INTERRUPTIBLE, IDLE, PARKED, UNINTERRUPTIBLE)


@dataclass
class Task:
    """A task, as planned and, from `addr` on, as planted."""

    pid: int
    tgid: int
    comm: bytes
    state: int
    chain: str  #: of stacks.CHAINS, or "user" for one that runs user code
    cpu: int
    kernel_thread: bool = False
    exit_state: int = 0
    running: bool = False  #: is on its CPU
    parent: int = 0  #: pid
    last_arrival: int = 0
    threads: list[int] = field(default_factory=list)  #: pids of a leader's group, itself first
    addr: int = 0
    stack: int = 0  #: lowest address of the stack
    sp: int = 0  #: thread.sp of a task that is not running, else the stack pointer
    bp: int = 0  #: %rbp of its innermost frame
    mm: int = 0
    pgd: int = 0
    parent_addr: int = 0
    leader_addr: int = 0

    @property
    def is_leader(self) -> bool:
        """Whether it leads its thread group."""
        return self.pid == self.tgid


def plan_tasks(count: int, cpus: int) -> Iterator[Task]:
    """`count` tasks that sleep: init, kthreadd, then kernel threads and processes with threads."""
    yield Task(1, 1, b"systemd", INTERRUPTIBLE, "nanosleep", 0)
    yield Task(2, 2, b"kthreadd", INTERRUPTIBLE, "kthreadd", 0, kernel_thread=True)
    pid = 3
    while pid <= count:
        cpu = pid % cpus
        if pid % 3 == 0:
            yield _kernel_thread(pid, cpu)
            pid += 1
            continue
        for thread in range(min(1 + pid % 4, count + 1 - pid)):
            yield _user_thread(pid + thread, pid, cpu)
        pid += 1 + pid % 4


def _kernel_thread(pid: int, cpu: int) -> Task:
    state = KERNEL_STATES[pid % len(KERNEL_STATES)]
    name = b"kworker/%d:%d" % (cpu, pid)
    return Task(pid, pid, name, state, "worker", cpu, kernel_thread=True, parent=2)


def _user_thread(pid: int, tgid: int, cpu: int) -> Task:
    state = USER_STATES[pid % len(USER_STATES)]
    chain = "io" if state == UNINTERRUPTIBLE else "nanosleep"
    comm = ODD_COMMS[pid % len(ODD_COMMS)] if pid < 100 else b"task-%d" % pid
    task = Task(pid, tgid, comm, state, chain, cpu, parent=1)
    if pid % 17 == 0:
        task.state, task.exit_state, task.chain = DEAD, EXIT_ZOMBIE, "exit"
    return task


def plan_running(cpu: int, pid: int, panics: bool) -> Task:
    """The task that runs on a CPU: panicking, or in user code; idle ones are not made here."""
    comm, chain = (b"bash", "panic") if panics else (b"spinner", "user")
    return Task(pid, pid, comm, RUNNING, chain, cpu, running=True, parent=1)


def idle_task(cpu: int, running: bool) -> Task:
    """swapper/CPU."""
    name = b"swapper/%d" % cpu
    chain = "idle" if running else "idle, preempted"
    return Task(0, 0, name, RUNNING, chain, cpu, kernel_thread=True, running=running)
