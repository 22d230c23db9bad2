# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in /proc/sys, for every namespace: entries and values (fs/proc/proc_sysctl.c).

Folders are red-black trees of ``ctl_node``; the same number in ``ctl_table`` is the entry. What is
different in each namespace is in a set of tables in that namespace; in the common tree there are
links in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from LinuxDump import trees
from LinuxDump.kernel_text import string_at
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.symbols import addr2sym
from pykdump.walks import walk_list

_ENTRY = Layout(
    "struct ctl_table",
    *("procname", "data", "maxlen", "mode", "proc_handler", "extra1", "extra2"),
)
_HEADER = Layout("struct ctl_table_header", "ctl_table", "node")
_NODE = Layout("struct ctl_node", "header")
_TASK = Layout("struct task_struct", "nsproxy", "cred.user_ns")
_PROXY = Layout("struct nsproxy", "ipc_ns", "net_ns", "pid_ns_for_children")

_DEPTH_MAX = 32
# include/uapi/linux/stat.h
_S_IFMT, _S_IFDIR, _S_IFLNK = 0o170000, 0o040000, 0o120000


@dataclass(frozen=True)
class Entry:
    """A file of /proc/sys."""

    addr: int  #: struct ctl_table *
    path: str  #: as sysctl(8) writes it: net.ipv4.ip_forward
    data_addr: int  #: what the handler works on, mostly the value
    maxlen_bytes: int
    mode: int
    handler: str  #: function behind reads and writes, "?" without a name
    min_addr: int  #: extra1: for handlers named minmax the lowest value, or NULL
    max_addr: int
    set_addr: int  #: struct ctl_table_set *: which set of tables has it


@dataclass(frozen=True)
class TableSet:
    """The tables of one namespace, or those that all share."""

    kind: str  #: "common", or what kind of namespace: "net", "user", "ipc", "mq", "pid"
    addr: int  #: struct ctl_table_set *
    namespace_addr: int  #: struct net *, struct user_namespace *, ...; 0 for the common ones


#: Where namespaces have their set of tables: kind, struct and member.
_SETS = (
    ("net", "struct net", "sysctls"),
    ("user", "struct user_namespace", "set"),
    # v5.19 1f5c135ee509 ("ipc: Store ipc sysctls in the ipc namespace") and 3544e1cd6a7a for mq
    ("ipc", "struct ipc_namespace", "ipc_set"),
    ("mq", "struct ipc_namespace", "mq_set"),
    ("pid", "struct pid_namespace", "set"),
)


def table_sets(tasks: list[int]) -> list[TableSet]:
    """The common tables, then those of the namespaces of these tasks and all of the network.

    :param tasks: ``struct task_struct *``.
    """
    root = lowlevel.symbol_address("sysctl_table_root")
    default = lowlevel.member("struct ctl_table_root", "default_set").offset
    namespaces = _namespaces(tasks)
    found = [TableSet("common", root + default, 0)]
    for kind, struct, member in _SETS:
        if compat.has(f"{struct}.{member}"):
            offset = lowlevel.member(struct, member).offset
            found += [TableSet(kind, addr + offset, addr) for addr in namespaces[struct]]
    return found


def _namespaces(tasks: list[int]) -> dict[str, list[int]]:
    rows = [row for row in _TASK.read_many(tasks) if row is not None]
    proxies = list(dict.fromkeys(row.nsproxy for row in rows if row.nsproxy))
    known = [row for row in _PROXY.read_many(proxies) if row is not None]
    nets = [*_all_nets(), *(row.net_ns for row in known)]
    return {
        "struct net": list(dict.fromkeys(nets)),
        "struct user_namespace": list(dict.fromkeys(row.cred_user_ns for row in rows)),
        "struct ipc_namespace": list(dict.fromkeys(row.ipc_ns for row in known)),
        "struct pid_namespace": list(dict.fromkeys(row.pid_ns_for_children for row in known)),
    }


def _all_nets() -> list[int]:
    head = lowlevel.find_symbol("net_namespace_list")
    if head is None:
        return []
    walk = walk_list(head)
    if walk.end != "complete":
        pylog.warning(
            f"net_namespace_list is broken at {walk.stopped_at:#x} ({walk.end}): "
            "network namespaces may be missing"
        )
    offset = lowlevel.member("struct net", "list").offset
    return [node - offset for node in walk.nodes]


def entries(table_set: int) -> list[Entry]:
    """Files of a set of tables by path; folders and links to other sets are left out.

    What cannot be read is left out with a warning.

    :param table_set: ``struct ctl_table_set *``.
    """
    directory = table_set + lowlevel.member("struct ctl_table_set", "dir").offset
    found = _folder(directory, "", table_set, {directory})
    return sorted(found, key=lambda entry: entry.path)


def _folder(directory: int, prefix: str, table_set: int, seen: set[int]) -> Iterator[Entry]:
    # `directory` is a struct ctl_dir; a folder's own entry has the header that its ctl_dir has.
    walk = trees.for_rbtree(directory + lowlevel.member("struct ctl_dir", "root").offset)
    if walk.end != "complete":
        pylog.warning(
            f"sysctl folder {prefix or '/'} ({directory:#x}) is broken at {walk.stopped_at:#x} "
            f"({walk.end}): entries may be missing"
        )
    node_at = lowlevel.member("struct ctl_node", "node").offset
    nodes = [node - node_at for node in walk.nodes]
    headers = [0 if row is None else row.header for row in _NODE.read_many(nodes)]
    addrs = [_entry_of(node, header) for node, header in zip(nodes, _HEADER.read_many(headers))]
    for addr, header, row in zip(addrs, headers, _ENTRY.read_many(addrs)):
        if row is None:
            pylog.warning(f"sysctl folder {prefix or '/'}: ctl_table {addr:#x} cannot be read")
            continue
        path = prefix + string_at(row.procname, 256)
        kind = row.mode & _S_IFMT
        if kind == _S_IFDIR:
            if header not in seen and prefix.count(".") < _DEPTH_MAX:
                seen.add(header)
                yield from _folder(header, path + ".", table_set, seen)
        elif kind != _S_IFLNK:
            yield _record(addr, path, row, table_set)


def entry_at(addr: int) -> Entry | None:
    """An entry by its address, without path and set; None when it cannot be read.

    :param addr: ``struct ctl_table *``.
    """
    row = _ENTRY.read(addr)
    return None if row is None else _record(addr, string_at(row.procname, 256), row, 0)


def _entry_of(node: int, header: Any) -> int:
    if header is None:
        return 0
    number = (node - header.node) // lowlevel.sizeof("struct ctl_node")
    return int(header.ctl_table + number * lowlevel.sizeof("struct ctl_table"))


def _record(addr: int, path: str, row: Any, table_set: int) -> Entry:
    function, _ = addr2sym(row.proc_handler, True) if row.proc_handler else (None, 0)
    return Entry(
        addr=addr,
        path=path,
        data_addr=row.data,
        maxlen_bytes=row.maxlen,
        mode=row.mode,
        handler=function or "?",
        min_addr=row.extra1,
        max_addr=row.extra2,
        set_addr=table_set,
    )
