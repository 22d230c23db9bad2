# SPDX-License-Identifier: GPL-2.0-or-later
"""ext2, ext3 and ext4 file systems that are mounted, for scripts (fs/ext4/super.c)."""

from __future__ import annotations

from LinuxDump.fs import mounts
from pykdump import compat
from pykdump.layout import Layout
from pykdump.star import with_api

_SUPER = Layout("struct super_block", "s_fs_info", "s_writers.frozen")
_INFO = Layout("struct ext4_sb_info", "s_journal", "s_mount_opt")
_JOURNAL = Layout("struct journal_s", "j_flags", "j_errno", "j_running_transaction")
_EXT = ("ext2", "ext3", "ext4")
_SB_RDONLY = 1


def showExt3() -> None:
    """Print a line a mounted ext2, ext3 or ext4 file system, and the state of its journal."""
    shown: set[int] = set()
    for mount in mounts.mounts():
        if mount.fstype in _EXT and mount.sb_addr not in shown:
            shown.add(mount.sb_addr)
            state = "ro" if mount.is_read_only else "rw"
            print(f"{mount.device} on {mount.mountpoint} {mount.fstype} {state}", end=" ")
            print(f"<struct super_block {mount.sb_addr:#x}>{_frozen(mount.sb_addr)}")
            print(f"    {_journal(mount.sb_addr)}")


def _frozen(sb: int) -> str:
    row = _SUPER.read(sb)
    return " frozen" if row is not None and row.s_writers_frozen else ""


def _journal(sb: int) -> str:
    if not compat.has("struct ext4_sb_info.s_journal") or not compat.has("struct journal_s"):
        return 'no debug info of ext4 and jbd2; load it with loadModule("ext4")'
    row = _SUPER.read(sb)
    info = None if row is None else _INFO.read(row.s_fs_info)
    if info is None:
        return "its ext4_sb_info cannot be read"
    journal = _JOURNAL.read(info.s_journal) if info.s_journal else None
    if journal is None:
        return "without a journal" if not info.s_journal else "its journal cannot be read"
    told = f"journal_t {info.s_journal:#x} flags {journal.j_flags:#x}"
    if journal.j_errno:
        told += f" aborted with error {journal.j_errno}"
    return f"{told} running transaction {journal.j_running_transaction:#x}"


__getattr__ = with_api(globals())
