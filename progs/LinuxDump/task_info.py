# SPDX-License-Identifier: GPL-2.0-or-later
"""All about one task, as `taskinfo --pidinfo` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import credentials, task_details, task_limits, task_rows
from LinuxDump.credentials import Credentials
from LinuxDump.task_details import Details
from LinuxDump.task_limits import Limit
from LinuxDump.task_records import Task, TaskTable
from LinuxDump.task_rows import TaskRow
from LinuxDump.task_selection import comm
from LinuxDump.task_states import decode_tflags
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.printing import printable

_CREDS = Layout("struct task_struct", "cred", "real_cred", "parent", "stack")
_FLAGS = Layout("struct task_struct", "thread_info.flags")
_FLAGS_ON_STACK = Layout("struct thread_info", "flags")

#: include/linux/sched.h
_PF = {
    0x2: "PF_IDLE",
    0x4: "PF_EXITING",
    0x20: "PF_WQ_WORKER",
    0x40: "PF_FORKNOEXEC",
    0x100: "PF_SUPERPRIV",
    0x200: "PF_DUMPCORE",
    0x400: "PF_SIGNALED",
    0x800: "PF_MEMALLOC",
    0x1000: "PF_NPROC_EXCEEDED",
    0x2000: "PF_USED_MATH",
    0x8000: "PF_NOFREEZE",
    0x20000: "PF_KSWAPD",
    0x200000: "PF_KTHREAD",
    0x400000: "PF_RANDOMIZE",
}


@dataclass(frozen=True)
class Relative:
    """A task by its pid and name."""

    addr: int
    pid: int
    comm: str


@dataclass(frozen=True)
class TaskInfo:
    """A task."""

    row: TaskRow
    details: Details
    parent: Relative | None
    real_parent: Relative | None
    children: tuple[Relative, ...]
    threads: tuple[Relative, ...]  #: of its process, itself too
    thread_flags: int
    cred: Credentials | None
    real_cred: Credentials | None
    limits: tuple[Limit, ...]
    thread_info_addr: int  #: struct thread_info *
    stack_addr: int


def task_info(task: Task, table: TaskTable) -> TaskInfo | None:
    """All about a task; None when it cannot be read."""
    (details,) = task_details.details([task.addr])
    row = _CREDS.read(task.addr)
    if details is None or row is None:
        return None
    is_inside = compat.has("struct task_struct.thread_info")
    info_addr = (
        task.addr + lowlevel.member("struct task_struct", "thread_info").offset
        if is_inside
        else row.stack
    )
    flags = _FLAGS.read(task.addr) if is_inside else _FLAGS_ON_STACK.read(row.stack)
    return TaskInfo(
        row=task_rows.rows([task])[0],
        details=details,
        parent=_relative(row.parent, table),
        real_parent=_relative(details.real_parent_addr, table),
        children=tuple(_children(task, table)),
        threads=tuple(
            Relative(each.addr, each.pid, comm(each))
            for each in table.tasks
            if each.tgid == task.tgid and each.idle_cpu is None
        ),
        thread_flags=0 if flags is None else flags[0],
        cred=credentials.credentials(row.cred),
        real_cred=credentials.credentials(row.real_cred),
        limits=tuple(task_limits.limits(task.addr)),
        thread_info_addr=info_addr,
        stack_addr=row.stack,
    )


def _relative(addr: int, table: TaskTable) -> Relative | None:
    task = table.by_addr.get(addr)
    return None if task is None else Relative(task.addr, task.pid, comm(task))


def _children(task: Task, table: TaskTable) -> Iterator[Relative]:
    leaders = [each for each in table.tasks if each.pid == each.tgid and each.idle_cpu is None]
    for each, detail in zip(leaders, task_details.details([each.addr for each in leaders])):
        if detail is not None and detail.real_parent_addr == task.addr:
            yield Relative(each.addr, each.pid, comm(each))


# --- text


def lines(info: TaskInfo, *, detail: int) -> Iterator[str]:
    """The task as text.

    :param detail: with its children and threads by name.
    """
    row = info.row
    name = printable(row.comm)
    yield f"---- {row.pid:6d}({row.state}) <struct task_struct {row.addr:#x}> {name}"
    yield f"   -- CPU {row.cpu}, ran {row.ran_ago_ms} ms ago"
    yield f"   -- Parent: {_named(info.parent)}   Real parent: {_named(info.real_parent)}"
    yield f"   -- {len(info.children)} children"
    if detail:
        yield from (f"         {each.pid:6d} {printable(each.comm)}" for each in info.children)
    flags = " ".join(name for bit, name in _PF.items() if info.details.flags & bit)
    yield f"   -- Flags: {info.details.flags:#x} {flags}"
    bits = [str(bit) for bit in range(64) if info.thread_flags >> bit & 1]
    names = decode_tflags(info.thread_flags)
    yield f"   -- Thread flags: {info.thread_flags:#x} bits {' '.join(bits) or '-'} {names}"
    role = "leader" if row.is_leader else f"member of {row.tgid}"
    yield f"   -- Threads: {len(info.threads)} live of {info.details.threads}, this is the {role}"
    if detail:
        yield "         " + " ".join(str(each.pid) for each in info.threads)
    if info.cred is not None:
        yield from _credentials("Credentials", info.cred)
    if info.real_cred is not None and info.real_cred != info.cred:
        yield from _credentials("Real credentials", info.real_cred)
    policy = f"policy {info.details.policy}, nice {info.details.nice}"
    yield f"   -- Started {info.details.start_time_ns / 1e9:.3f} s after boot, {policy}"
    spaces = " ".join(
        f"{kind}:[{space.number}]" for kind, space in sorted(info.details.namespaces.items())
    )
    yield f"   -- Namespaces: {spaces or 'none'}"
    yield "   -- Rlimits:"
    for number, limit in enumerate(info.limits):
        current, maximum = _limit(limit.current), _limit(limit.maximum)
        yield f"      {number:02d} (RLIMIT_{limit.name}) cur={current} max={maximum}"
    yield f"   -- <struct thread_info {info.thread_info_addr:#x}> stack {info.stack_addr:#x}"


def _named(task: Relative | None) -> str:
    return "?" if task is None else f"{task.pid} {printable(task.comm)}"


def _limit(value: int | None) -> str:
    return "INFINITY" if value is None else str(value)


def _credentials(title: str, cred: Credentials) -> Iterator[str]:
    yield f"   -- {title} <struct cred {cred.addr:#x}>"
    yield (
        f"      uid/gid={cred.uid}/{cred.gid} suid={cred.suid}/{cred.sgid} "
        f"euid={cred.euid}/{cred.egid} fsuid={cred.fsuid}/{cred.fsgid}"
    )
    counts = " ".join(f"{name}={value}" for name, value in cred.user_counts.items())
    yield f"      <struct user_struct {cred.user_addr:#x}> {counts}".rstrip()
    if cred.rlimit_counts:
        told = " ".join(f"{name}={value}" for name, value in cred.rlimit_counts.items())
        yield f"      counted for limits: {told}"
    yield f"      groups: {' '.join(map(str, cred.groups)) or 'none'}"
