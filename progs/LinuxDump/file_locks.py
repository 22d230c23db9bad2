# SPDX-License-Identifier: GPL-2.0-or-later
"""File locks (fs/locks.c): POSIX, OFD and flock locks, leases, and the requests that they block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from LinuxDump import percpu
from LinuxDump.wait_queues import wait_queues
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_hash_table, walk_lists

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (*percpu.SYMBOLS, "file_lock_list")

# include/linux/filelock.h
FL_POSIX = 1
FL_FLOCK = 2
FL_DELEG = 4
FL_ACCESS = 8
FL_LEASE = 32
FL_DOWNGRADE_PENDING = 256
FL_UNLOCK_PENDING = 512
FL_OFDLCK = 1024
FL_LAYOUT = 2048
_OFFSET_MAX = (1 << 63) - 1

_TYPES = ("READ", "WRITE", "UNLCK")  # F_RDLCK, F_WRLCK, F_UNLCK

_LIMIT = 16 * 1024 * 1024

_LOCK = "struct file_lock"
# v6.9 a69ce85ec9af ("filelock: split common fields into struct file_lock_core")
for _name in ("link", "owner", "flags", "type", "pid", "wait", "file", "list"):
    compat.member(_LOCK, _name.capitalize(), f"c.flc_{_name}", f"fl_{_name}")
# v5.0 ada5c1da8660 ("fs/locks: rename some lists and pointers."): one list was head and node
compat.member(_LOCK, "Blocker", "c.flc_blocker", "fl_blocker", "fl_next")
compat.member(_LOCK, "Requests", "c.flc_blocked_requests", "fl_blocked_requests", "fl_block")
compat.member(_LOCK, "Request", "c.flc_blocked_member", "fl_blocked_member", "fl_block")

_CORE = Layout(_LOCK, "Flags", "Type", "Pid", "Owner", "File", "Blocker")
_RANGE = Layout(_LOCK, "fl_start", "fl_end")
_INODE = Layout("struct file", "f_inode", "f_inode.i_ino", "f_inode.i_sb.s_dev")
_CONTEXT = Layout("struct inode", "i_flctx")


@dataclass(frozen=True)
class FileLock:
    """A lock on a file, or a request for one."""

    addr: int  #: struct file_lock *, struct file_lease * for a lease of 6.9 and newer
    flags: int  #: FL_*
    type: str  #: "READ", "WRITE" or "UNLCK"; of a lease being broken what it is to become
    pid: int  #: of the process; -1: the lock belongs to the open file, other negatives: remote
    owner_addr: int  #: fl_owner_t: mostly struct files_struct * or struct file *
    file_addr: int  #: struct file *
    inode_addr: int  #: struct inode *, 0 when the file is not in the dump
    device: int  #: dev_t of its file system
    ino: int
    start: int  #: first byte
    end: int | None  #: last byte; None: up to the end of the file
    blocked: tuple[FileLock, ...] = ()  #: requests that wait for it
    sleepers: tuple[int, ...] = ()  #: struct task_struct * that sleep in this request

    @property
    def kind(self) -> str:
        """The kind as /proc/locks names it."""
        return lock_kind(self.flags)


def lock_kind(flags: int) -> str:
    """Name of the kind of lock that has these flags: as in /proc/locks."""
    if flags & FL_POSIX:
        return "ACCESS" if flags & FL_ACCESS else "OFDLCK" if flags & FL_OFDLCK else "POSIX"
    if flags & FL_FLOCK:
        return "FLOCK"
    if flags & (FL_LEASE | FL_DELEG | FL_LAYOUT):
        return "DELEG" if flags & FL_DELEG else "LEASE"
    return "UNKNOWN"


def lock_type(flags: int, type_: int) -> str:
    """Name of a lock's type (F_RDLCK, ...); a lease being broken has that which it will have."""
    if flags & FL_UNLOCK_PENDING:
        return "UNLCK"
    if flags & FL_DOWNGRADE_PENDING:
        return "READ"
    return _TYPES[type_] if type_ < len(_TYPES) else "?"


def file_locks() -> list[FileLock]:
    """All locks that are held, as /proc/locks lists them, with the requests that they block."""
    lowlevel.prefetch_symbols(SYMBOLS)
    link_at = _offset("Link")
    addrs: list[int] = []
    head_at = lowlevel.member("struct file_lock_list_struct", "hlist").offset
    for cpu in range(len(percpu.per_cpu_offsets())):
        head = percpu.per_cpu("file_lock_list", cpu) + head_at
        walk = walk_hash_table(head, 1, limit=_LIMIT)
        if walk.end != "complete":
            pylog.warning(
                f"file_lock_list of CPU {cpu} is broken behind {len(walk.nodes)} locks "
                f"({walk.end} at {walk.stopped_at:#x})"
            )
        addrs += [node - link_at for node in walk.nodes]
    return _with_blocked(addrs)


def inode_locks(inode: int) -> list[FileLock]:
    """The locks held on a file, with the requests that they block.

    :param inode: ``struct inode *``.
    """
    row = _CONTEXT.read(inode)
    if row is None:
        pylog.warning(f"inode {inode:#x}: page is not in the dump, its locks are unknown")
    if row is None or not row.i_flctx:
        return []
    context = "struct file_lock_context"
    heads = [
        row.i_flctx + lowlevel.member(context, name).offset
        for name in ("flc_posix", "flc_flock", "flc_lease")
    ]
    return _with_blocked([addr for found in _entries(heads, "List") for addr in found])


def _with_blocked(addrs: Sequence[int]) -> list[FileLock]:
    # Level by level: the locks, what they block, what waits behind that.
    requests_at = _offset("Requests")
    blocked: dict[int, list[int]] = {}
    seen = set(addrs)
    level = list(dict.fromkeys(addrs))
    while level:
        found = _entries([addr + requests_at for addr in level], "Request")
        following = []
        for addr, requests in zip(level, found):
            fresh = [request for request in requests if request not in seen]
            seen.update(fresh)
            blocked[addr] = fresh
            following += fresh
        level = following
    records = _read_locks(list(blocked))
    # Requests were met after what blocks them: from the last on, each finds its own complete.
    for addr in reversed(blocked):
        if addr in records:
            waiting = tuple(records[request] for request in blocked[addr] if request in records)
            records[addr] = replace(records[addr], blocked=waiting)
    return [records[addr] for addr in dict.fromkeys(addrs) if addr in records]


def _entries(heads: Sequence[int], node: str) -> list[list[int]]:
    node_at = _offset(node)
    found = []
    for head, walk in zip(heads, walk_lists(heads, limit=_LIMIT)):
        if walk.end != "complete":
            pylog.warning(
                f"the list of file_locks at {head:#x} is broken behind {len(walk.nodes)} "
                f"({walk.end} at {walk.stopped_at:#x})"
            )
        found.append([at - node_at for at in walk.nodes])
    return found


def _read_locks(addrs: Sequence[int]) -> dict[int, FileLock]:
    rows = _CORE.read_many(addrs)
    known = [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"file_lock {addr:#x}: page is not in the dump, lock skipped")
    inodes = _INODE.read_many([row.File for _, row in known])
    ranges = _RANGE.read_many([addr for addr, _ in known])
    wait_at = _offset("Wait")
    sleepers = wait_queues([addr + wait_at for addr, _ in known])
    found = {}
    for (addr, row), inode, part, queue in zip(known, inodes, ranges, sleepers):
        start, end = _range(row.Flags, part)
        found[addr] = FileLock(
            *(addr, row.Flags, lock_type(row.Flags, row.Type), _signed(row.Pid)),
            *(row.Owner, row.File),
            *((0, 0, 0) if inode is None else (inode.f_inode, *_device_and_ino(inode))),
            *(start, end),
            sleepers=tuple(entry.task_addr for entry in queue if entry.task_addr),
        )
    return found


def _device_and_ino(row: Any) -> tuple[int, int]:
    return row.f_inode_i_sb_s_dev, row.f_inode_i_ino


def _range(flags: int, part: Any) -> tuple[int, int | None]:
    if part is None or not flags & FL_POSIX:  # the others are on whole files
        return 0, None
    return part.fl_start, None if part.fl_end == _OFFSET_MAX else part.fl_end


def _signed(pid: int) -> int:
    # v6.9 made fl_pid signed.
    return pid - (1 << 32) if pid >> 31 > 0 else pid


def _offset(name: str) -> int:
    return lowlevel.member(_LOCK, compat.spelling(_LOCK, name)).offset


def flattened(locks: Sequence[FileLock]) -> Iterator[tuple[int, FileLock]]:
    """Locks and requests with their depth, each followed by what it blocks: as /proc/locks."""
    to_do = [(0, lock) for lock in reversed(locks)]
    while to_do:
        level, lock = to_do.pop()
        yield level, lock
        to_do += [(level + 1, request) for request in reversed(lock.blocked)]
