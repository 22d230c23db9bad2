# SPDX-License-Identifier: GPL-2.0-or-later
"""More about tasks: whose they are, their relatives, signals and namespaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pykdump import collector, compat, lowlevel
from pykdump.layout import Layout

_TASK = Layout(
    "struct task_struct",
    *("real_parent", "parent", "group_leader", "flags", "static_prio", "policy"),
    *("start_time", "pending.signal", "blocked", "signal", "sighand"),
    *("real_cred", "nsproxy", "thread_pid"),
)
_SIGNAL = Layout("struct signal_struct", "shared_pending.signal", "nr_threads")
_SIGHAND = Layout("struct sighand_struct", "action")
_CRED = Layout("struct cred", "uid", "euid", "suid", "fsuid", "gid", "egid", "user_ns")
_TGID = Layout("struct task_struct", "tgid")

_SIGNALS = 64
_NICE_0 = 120  # include/linux/sched/prio.h

#: Member of ``struct nsproxy`` and name in /proc/PID/ns.
_PROXY_SPACES = {
    "uts_ns": "uts",
    "ipc_ns": "ipc",
    "mnt_ns": "mnt",
    "pid_ns_for_children": "pid_for_children",
    "net_ns": "net",
    "time_ns": "time",
    "time_ns_for_children": "time_for_children",
    "cgroup_ns": "cgroup",
}


@dataclass(frozen=True)
class Signals:
    """Sets of signals: bit 0 is signal 1."""

    pending: int  #: of the thread
    shared_pending: int  #: of the process
    blocked: int
    ignored: int
    caught: int


@dataclass(frozen=True)
class Namespace:
    """A namespace that a task is in."""

    addr: int  #: struct uts_namespace *, struct net *, ...
    number: int  #: as in ``uts:[4026531838]``


@dataclass(frozen=True)
class Details:
    """A task as it was when the dump was taken."""

    addr: int  #: struct task_struct *
    real_parent_addr: int
    ppid: int  #: of the process that made it
    tracer_pid: int  #: 0: not traced
    uid: int
    euid: int
    gid: int
    egid: int
    flags: int  #: PF_KTHREAD, ...
    nice: int
    policy: int  #: SCHED_OTHER, ...
    start_time_ns: int  #: after boot
    threads: int  #: of the process; 0 for a dead task
    signals: Signals
    namespaces: dict[str, Namespace]  #: by their names in /proc/PID/ns; none for a dead task


#: What was read of the open dump.
_of_kernel: tuple[lowlevel.Kernel, dict[int, Details | None]] | None = None


def details(tasks: Sequence[int]) -> list[Details | None]:
    """Details of each task, read once a dump; None for what cannot be read.

    :param tasks: ``struct task_struct *``.
    """
    global _of_kernel
    if _of_kernel is None or _of_kernel[0] is not lowlevel.kernel():
        _of_kernel = (lowlevel.kernel(), {})
    found = _of_kernel[1]
    fresh = [addr for addr in tasks if addr not in found]
    if fresh:
        found.update(zip(fresh, _read(fresh)))
    return [found[addr] for addr in tasks]


def _read(tasks: Sequence[int]) -> list[Details | None]:
    rows = _TASK.read_many(tasks)
    known = _Known([row for row in rows if row is not None])
    with collector.paused():
        return [
            None if row is None else _record(addr, row, known) for addr, row in zip(tasks, rows)
        ]


class _Known:
    # What the tasks point to, read together.
    def __init__(self, rows: list[Any]) -> None:
        self.signals = _by_addr(_SIGNAL, [row.signal for row in rows])
        self.sighands = _by_addr(_SIGHAND, [row.sighand for row in rows])
        self.creds = _by_addr(_CRED, [row.real_cred for row in rows])
        parents = [addr for row in rows for addr in (row.real_parent, row.parent)]
        tgids = _by_addr(_TGID, parents)
        self.tgids = {addr: row.tgid for addr, row in tgids.items()}
        self.spaces = _namespaces(list({row.nsproxy for row in rows if row.nsproxy}))
        users = list({row.user_ns for row in self.creds.values()})
        self.users = _numbers("struct user_namespace", users)
        self.pids = _pid_namespaces(list({row.thread_pid for row in rows if row.thread_pid}))


def _by_addr(layout: Layout, addrs: Sequence[int]) -> dict[int, Any]:
    known = list({addr for addr in addrs if addr})
    return {addr: row for addr, row in zip(known, layout.read_many(known)) if row is not None}


def _record(addr: int, row: Any, known: _Known) -> Details:
    cred, signal = known.creds.get(row.real_cred), known.signals.get(row.signal)
    uid, euid, gid, egid = (
        (-1,) * 4 if cred is None else map(_u32, (cred.uid, cred.euid, cred.gid, cred.egid))
    )
    is_traced = row.parent != row.real_parent
    spaces = dict(known.spaces.get(row.nsproxy, {}))
    if cred is not None and cred.user_ns in known.users and row.nsproxy:
        spaces["user"] = known.users[cred.user_ns]
    if row.thread_pid in known.pids and row.nsproxy:
        spaces["pid"] = known.pids[row.thread_pid]
    return Details(
        addr=addr,
        real_parent_addr=row.real_parent,
        ppid=known.tgids.get(row.real_parent, 0),
        tracer_pid=known.tgids.get(row.parent, 0) if is_traced else 0,
        uid=uid,
        euid=euid,
        gid=gid,
        egid=egid,
        flags=row.flags,
        nice=row.static_prio - _NICE_0,
        policy=row.policy,
        start_time_ns=row.start_time,
        threads=0 if signal is None else signal.nr_threads,
        signals=_signals(row, signal, known.sighands.get(row.sighand)),
        namespaces=spaces,
    )


def _u32(raw: bytes) -> int:
    # kuid_t and kgid_t
    return int.from_bytes(raw[:4], "little")


def _set(raw: bytes) -> int:
    # sigset_t
    return int.from_bytes(raw, "little")


def _signals(row: Any, signal: Any, sighand: Any) -> Signals:
    ignored = caught = 0
    if sighand is not None:
        size = lowlevel.sizeof("struct k_sigaction")
        at = lowlevel.member("struct k_sigaction", "sa.sa_handler").offset
        for number in range(_SIGNALS):
            start = number * size + at
            handler = int.from_bytes(sighand.action[start : start + 8], "little")
            ignored |= (handler == 1) << number  # SIG_IGN
            caught |= (handler > 1) << number
    shared = 0 if signal is None else _set(signal.shared_pending_signal)
    return Signals(_set(row.pending_signal), shared, _set(row.blocked), ignored, caught)


def _namespaces(proxies: list[int]) -> dict[int, dict[str, Namespace]]:
    # By struct nsproxy *, what /proc/PID/ns shows of it.
    members = [name for name in _PROXY_SPACES if compat.has(f"struct nsproxy.{name}")]
    rows = Layout("struct nsproxy", *members).read_many(proxies)
    found: dict[int, dict[str, Namespace]] = {proxy: {} for proxy in proxies}
    for member in members:
        name = _PROXY_SPACES[member]
        kind = name.partition("_")[0]
        struct = "struct net" if kind == "net" else f"struct {kind}_namespace"
        addrs = {getattr(row, member) for row in rows if row is not None}
        numbers = _numbers(struct, [addr for addr in addrs if addr])
        for proxy, row in zip(proxies, rows):
            if row is not None and getattr(row, member) in numbers:
                found[proxy][name] = numbers[getattr(row, member)]
    return found


def _numbers(struct: str, addrs: list[int]) -> dict[int, Namespace]:
    if not compat.has(f"{struct}.ns.inum"):
        return {}
    rows = Layout(struct, "ns.inum").read_many(addrs)
    return {addr: Namespace(addr, row.ns_inum) for addr, row in zip(addrs, rows) if row is not None}


def _pid_namespaces(pids: list[int]) -> dict[int, Namespace]:
    # By struct pid *, the innermost namespace that has it: ns_of_pid().
    start = lowlevel.member("struct pid", "numbers").offset
    size = lowlevel.sizeof("struct upid")
    rows = Layout("struct pid", "level").read_many(pids)
    levels = {pid: row.level for pid, row in zip(pids, rows) if row is not None and row.level <= 32}
    places = [pid + start + level * size for pid, level in levels.items()]
    found = Layout("struct upid", "ns").read_many(places)
    spaces = {pid: row.ns for pid, row in zip(levels, found) if row is not None and row.ns}
    numbers = _numbers("struct pid_namespace", list(set(spaces.values())))
    return {pid: numbers[space] for pid, space in spaces.items() if space in numbers}
