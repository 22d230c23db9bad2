# SPDX-License-Identifier: GPL-2.0-or-later
"""Namespaces that are not the first ones, and who is in them (include/linux/nsproxy.h)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import task_details
from LinuxDump.task_records import Task
from LinuxDump.task_selection import comm
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.walks import walk_list

_PROXY = Layout("struct task_struct", "nsproxy", "thread_pid")
_PID_SPACE = Layout("struct pid_namespace", "level", "parent")
_MAX_LEVEL = 32  # MAX_PID_NS_LEVEL
#: What of a proxy is compared with the first one.
_KINDS = ("uts", "ipc", "mnt", "net", "cgroup", "time", "user")


@dataclass(frozen=True)
class Member:
    """A process in a namespace."""

    addr: int  #: struct task_struct *
    pid: int
    comm: str
    numbers: tuple[int, ...]  #: its pid in each namespace, from the first one inwards
    threads: tuple[int, ...]  #: pids of the other threads


@dataclass(frozen=True)
class ProxyGroup:
    """Processes with the same namespaces, some of which are not the first ones."""

    addr: int  #: struct nsproxy *
    differing: dict[str, int]  #: kind -> address: {"net": struct net *}
    members: tuple[Member, ...]


@dataclass(frozen=True)
class PidSpace:
    """A pid namespace that is not the first one."""

    addr: int  #: struct pid_namespace *
    level: int  #: 1: within the first one
    parent_addr: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Namespaces:
    """All that are not the first ones."""

    proxies: tuple[ProxyGroup, ...]
    pid_spaces: tuple[PidSpace, ...]  #: outer ones before those within them
    unused_nets: tuple[int, ...]  #: struct net * without a process


def namespaces(tasks: Sequence[Task]) -> Namespaces:
    """The namespaces of these tasks."""
    leaders = [task for task in tasks if task.pid == task.tgid and task.idle_cpu is None]
    threads: dict[int, list[int]] = defaultdict(list)
    for task in tasks:
        if task.pid != task.tgid:
            threads[task.tgid].append(task.pid)
    addrs = [task.addr for task in leaders]
    details = task_details.details(addrs)
    rows = _PROXY.read_many(addrs)
    first = _first_spaces()
    by_proxy: dict[int, list[Member]] = defaultdict(list)
    by_space: dict[int, list[Member]] = defaultdict(list)
    differing: dict[int, dict[str, int]] = {}
    nets = set()
    for task, detail, row in zip(leaders, details, rows):
        if detail is None or row is None or not row.nsproxy:
            continue
        spaces = {kind: space.addr for kind, space in detail.namespaces.items()}
        nets.add(spaces.get("net", 0))
        other = {
            kind: spaces[kind]
            for kind in _KINDS
            if kind in spaces and spaces[kind] != first.get(kind, spaces[kind])
        }
        inner = spaces.get("pid", 0)
        if not other and inner in (0, first.get("pid")):
            continue
        member = Member(
            task.addr, task.pid, comm(task), _numbers(row.thread_pid), tuple(threads[task.tgid])
        )
        if other:
            by_proxy[row.nsproxy].append(member)
            differing[row.nsproxy] = other
        if inner not in (0, first.get("pid")):
            by_space[inner].append(member)
    return Namespaces(
        proxies=tuple(
            ProxyGroup(addr, differing[addr], tuple(members)) for addr, members in by_proxy.items()
        ),
        pid_spaces=tuple(sorted(_pid_spaces(by_space), key=lambda space: space.level)),
        unused_nets=tuple(addr for addr in _all_nets() if addr not in nets and addr),
    )


def _first_spaces() -> dict[str, int]:
    # Those of the first idle task; cgroup, time and user namespaces have variables of their own.
    init = lowlevel.symbol_address("init_task")
    (detail,) = task_details.details([init])
    found = {} if detail is None else {k: s.addr for k, s in detail.namespaces.items()}
    for kind, symbol in (("pid", "init_pid_ns"), ("user", "init_user_ns"), ("net", "init_net")):
        addr = lowlevel.find_symbol(symbol)
        if addr is not None:
            found[kind] = addr
    # The first process mounts the root file system in a namespace that its children share.
    return found


def _numbers(pid: int) -> tuple[int, ...]:
    row = Layout("struct pid", "level").read(pid) if pid else None
    if row is None or row.level > _MAX_LEVEL:
        return ()
    start = pid + lowlevel.member("struct pid", "numbers").offset
    size = lowlevel.sizeof("struct upid")
    places = [start + size * level for level in range(row.level + 1)]
    rows = Layout("struct upid", "nr").read_many(places)
    return tuple(each.nr for each in rows if each is not None)


def _pid_spaces(by_space: dict[int, list[Member]]) -> Iterator[PidSpace]:
    for (addr, members), row in zip(by_space.items(), _PID_SPACE.read_many(list(by_space))):
        if row is None or row.level > _MAX_LEVEL:
            pylog.warning(f"struct pid_namespace {addr:#x} cannot be read and is left out")
        else:
            yield PidSpace(addr, row.level, row.parent, tuple(members))


def _all_nets() -> list[int]:
    head = lowlevel.find_symbol("net_namespace_list")
    if head is None:
        return []
    at = lowlevel.member("struct net", "list").offset
    try:
        return [node - at for node in walk_list(head).nodes]
    except PykdumpError:
        return []


# --- text


def lines(found: Namespaces, *, detail: int) -> Iterator[str]:
    """The namespaces as text.

    :param detail: with the pids inside of each.
    """
    yield " Non-standard Namespaces ".center(70, "=")
    for group in found.proxies:
        yield f" <struct nsproxy {group.addr:#x}> ".center(70, ".")
        yield "   " + " ".join(f"{kind}_ns={addr:#x}" for kind, addr in group.differing.items())
        yield from (_member(member, detail, "     ") for member in group.members)
    if found.unused_nets:
        yield " Network namespaces without processes ".center(70, ".")
        yield from (f"     <struct net {addr:#x}>" for addr in found.unused_nets)
    if found.pid_spaces:
        yield " PID Namespaces ".center(70, "=")
    for space in found.pid_spaces:
        indent = "  " * space.level
        yield f"{indent}+--- <struct pid_namespace {space.addr:#x}> level {space.level} ---"
        yield from (_member(member, detail, f"{indent}|  ") for member in space.members)
        yield f"{indent}+---"


def _member(member: Member, detail: int, indent: str) -> str:
    inside = f"[{','.join(map(str, member.numbers[1:]))}]" if detail else ""
    threads = f"  threads {' '.join(map(str, member.threads))}" if member.threads else ""
    return f"{indent}PID={member.pid}{inside} CMD={printable(member.comm)}{threads}"
