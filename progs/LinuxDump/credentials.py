# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose a task is: users, groups and what is counted for them (include/linux/cred.h)."""

from __future__ import annotations

from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_CRED = Layout(
    "struct cred",
    *("uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid", "group_info", "user"),
)
_GROUPS = Layout("struct group_info", "ngroups")
_MAX_GROUPS = 65536  # NGROUPS_MAX
# What user_struct counts, by kernel; processes, pending signals and locked memory went to ucounts:
# v5.14 21d1c5e386bc, 6e52a9f0532f and d7c9e99aee48 ("Reimplement RLIMIT_... on top of ucounts")
_USER_COUNTS = ("processes", "files", "sigpending", "locked_shm", "locked_vm", "unix_inflight")


@dataclass(frozen=True)
class Credentials:
    """Of a ``struct cred``."""

    addr: int  #: struct cred *
    uid: int
    gid: int
    suid: int
    sgid: int
    euid: int
    egid: int
    fsuid: int
    fsgid: int
    groups: tuple[int, ...]
    user_addr: int  #: struct user_struct *
    user_counts: dict[str, int]  #: of all processes of the user
    rlimit_counts: dict[str, int]  #: in its user namespace


def credentials(cred: int) -> Credentials | None:
    """Of a ``struct cred *``; None when it cannot be read."""
    row = _CRED.read(cred) if cred else None
    if row is None:
        return None
    ids = {name: _id(getattr(row, name)) for name in _CRED.members[:8]}
    return Credentials(
        addr=cred,
        **ids,
        groups=_groups(row.group_info),
        user_addr=row.user,
        user_counts=_counts("struct user_struct", row.user),
        rlimit_counts=_rlimit_counts(cred),
    )


def _id(raw: bytes) -> int:
    return int.from_bytes(raw[:4], "little")


def _groups(addr: int) -> tuple[int, ...]:
    row = _GROUPS.read(addr) if addr else None
    if row is None or not 0 < row.ngroups <= _MAX_GROUPS:
        return ()
    at = addr + lowlevel.member("struct group_info", "gid").offset
    try:
        raw = lowlevel.dump().read(at, 4 * row.ngroups)
    except PykdumpError:
        return ()
    return tuple(_id(raw[4 * place : 4 * place + 4]) for place in range(row.ngroups))


def _counts(struct: str, addr: int) -> dict[str, int]:
    found = {}
    for name in _USER_COUNTS:
        for path in (f"{name}.counter", f"{name}.refs.counter", name):
            member = lowlevel.find_member(struct, path)
            if member is None or member.size > 8:
                continue
            try:
                size = member.size
                found[name] = lowlevel.read_int(addr + member.offset, size)
            except PykdumpError:
                pass
            break
    return found


def _rlimit_counts(cred: int) -> dict[str, int]:
    # v5.14 905ae01c4ae2 ("Add a reference to ucounts for each cred")
    if not compat.has("struct cred.ucounts") or not lowlevel.has_type("enum rlimit_type"):
        return {}
    row = Layout("struct cred", "ucounts").read(cred)
    member = lowlevel.find_member("struct ucounts", "rlimit")
    if row is None or not row.ucounts or member is None:
        return {}
    found = {}
    for name, number in lowlevel.enumerators("enum rlimit_type").items():
        if not name.endswith("_COUNTS"):
            try:
                value = lowlevel.read_int(row.ucounts + member.offset + 8 * number, 8)
            except PykdumpError:
                continue
            found[name.removeprefix("UCOUNT_RLIMIT_").lower()] = value
    return found
