# SPDX-License-Identifier: GPL-2.0-or-later
"""ext2, ext3 and ext4 file systems that are mounted: sizes, and the state of their journals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import percpu
from LinuxDump.fs import mounts
from LinuxDump.fs.mounts import Mount
from pykdump import compat, dlkmload, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

_SUPER = Layout("struct super_block", "s_fs_info", "s_writers.frozen", "s_blocksize")
_INFO = Layout("struct ext4_sb_info", "s_journal", "s_es", "s_cluster_bits")
_DISK = Layout(
    "struct ext4_super_block", "s_inodes_count", "s_blocks_count_lo", "s_blocks_count_hi"
)
_JOURNAL = Layout("struct journal_s", "j_flags", "j_errno", "j_running_transaction")
_TYPES = ("ext2", "ext3", "ext4")


@dataclass(frozen=True)
class Journal:
    """A journal of jbd2."""

    addr: int  #: journal_t *
    flags: int
    error: int  #: why it was aborted
    transaction_addr: int  #: that runs


@dataclass(frozen=True)
class FileSystem:
    """A file system; None for what is not in the dump."""

    device: str
    mountpoint: str
    fstype: str
    sb_addr: int  #: struct super_block *
    is_read_only: bool
    is_frozen: bool
    block_bytes: int
    blocks: int | None
    free_blocks: int | None
    inodes: int | None
    free_inodes: int | None
    journal: Journal | None


def file_systems() -> list[FileSystem]:
    """Those that the first process sees mounted, each once."""
    seen: dict[int, Mount] = {}
    for mount in mounts.mounts():
        if mount.fstype in _TYPES:
            seen.setdefault(mount.sb_addr, mount)
    if seen and not compat.has("struct ext4_sb_info.s_journal"):
        dlkmload.loadModule("ext4")
    return [_record(mount) for mount in seen.values()]


def _record(mount: Mount) -> FileSystem:
    row = _SUPER.read(mount.sb_addr)
    if not compat.has("struct ext4_sb_info.s_journal"):
        pylog.warning("there is no debug info of ext4: sizes and journals are not known")
        info = None
    else:
        info = _INFO.read(row.s_fs_info) if row else None
    disk = _DISK.read(info.s_es) if info else None
    free_blocks = free_inodes = None
    if info is not None:
        counters = ("s_freeclusters_counter", "s_freeinodes_counter")
        free_clusters, free_inodes = percpu.counter_sums(
            [
                row.s_fs_info + lowlevel.member("struct ext4_sb_info", name).offset
                for name in counters
            ]
        )
        free_blocks = None if free_clusters is None else free_clusters << info.s_cluster_bits
    return FileSystem(
        device=mount.device,
        mountpoint=mount.mountpoint,
        fstype=mount.fstype,
        sb_addr=mount.sb_addr,
        is_read_only=mount.is_read_only,
        is_frozen=bool(row and row.s_writers_frozen),
        block_bytes=row.s_blocksize if row else 0,
        blocks=disk.s_blocks_count_lo | disk.s_blocks_count_hi << 32 if disk else None,
        free_blocks=free_blocks,
        inodes=disk.s_inodes_count if disk else None,
        free_inodes=free_inodes,
        journal=_journal(info.s_journal) if info and info.s_journal else None,
    )


def _journal(addr: int) -> Journal | None:
    row = _JOURNAL.read(addr) if compat.has("struct journal_s.j_flags") else None
    return Journal(addr, row.j_flags, row.j_errno, row.j_running_transaction) if row else None


def lines(found: FileSystem) -> Iterator[str]:
    """A file system as text."""
    state = "ro" if found.is_read_only else "rw"
    frozen = " frozen" if found.is_frozen else ""
    yield (
        f"{found.device} on {found.mountpoint} {found.fstype} {state} "
        f"<struct super_block {found.sb_addr:#x}>{frozen}"
    )
    yield (
        f"    blocks of {found.block_bytes} bytes: {_part(found.free_blocks, found.blocks)}, "
        f"inodes: {_part(found.free_inodes, found.inodes)}"
    )
    if found.journal is None:
        yield "    without a journal, or it is not in the dump"
        return
    journal = found.journal
    error = f" aborted with error {journal.error}" if journal.error else ""
    yield (
        f"    journal_t {journal.addr:#x} flags {journal.flags:#x}{error} "
        f"running transaction {journal.transaction_addr:#x}"
    )


def _part(free: int | None, whole: int | None) -> str:
    return f"{'?' if free is None else free} free of {'?' if whole is None else whole}"
