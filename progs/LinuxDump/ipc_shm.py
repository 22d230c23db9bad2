# SPDX-License-Identifier: GPL-2.0-or-later
"""System V shared memory (ipc/shm.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump import trees
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# v4.14 and newer keep struct kern_ipc_perm first in each object; so did all before.
_SEGMENT = Layout(
    "struct shmid_kernel",
    *("shm_perm.key", "shm_perm.id", "shm_perm.uid", "shm_perm.mode", "shm_segsz", "shm_nattch"),
)
_FILE = Layout("struct shmid_kernel", "shm_file.f_inode")
_SHMEM = Layout("struct shmem_inode_info", "swapped")
_NRPAGES = Layout("struct inode", "i_mapping.nrpages")
_SHM = 2  # ipc/util.h: IPC_SHM_IDS


@dataclass(frozen=True)
class Segment:
    """A segment of shared memory."""

    addr: int  #: struct shmid_kernel *
    key: int
    shmid: int
    uid: int
    perms: int
    size_bytes: int
    attached: int  #: how often


def segments(namespace: int = 0) -> list[Segment]:
    """Segments by id; what cannot be read is left out with a warning.

    :param namespace: ``struct ipc_namespace *``, by default the first.
    """
    namespace = namespace or lowlevel.symbol_address("init_ipc_ns")
    ids = namespace + lowlevel.member("struct ipc_namespace", "ids").offset
    tree = ids + _SHM * lowlevel.sizeof("struct ipc_ids")
    found = trees.idr(tree + lowlevel.member("struct ipc_ids", "ipcs_idr").offset)
    if found.end != "complete":
        pylog.warning(
            f"ipc_namespace {namespace:#x}: its shared memory ends at {found.stopped_at:#x} "
            f"({found.end}), segments may be missing"
        )
    at = lowlevel.member("struct shmid_kernel", "shm_perm").offset
    return _records([addr - at for _, addr in found.entries])


@dataclass(frozen=True)
class Usage:
    """What a segment takes."""

    inode_addr: int  #: struct inode *
    allocated: int  #: pages
    resident: int
    swapped: int


def usage(segment: Segment) -> Usage | None:
    """Pages of a segment; None when its file cannot be read, or is of huge pages."""
    row = _FILE.read(segment.addr)
    if row is None or not row.shm_file_f_inode or not compat.has("struct shmem_inode_info"):
        return None
    inode = row.shm_file_f_inode
    at = lowlevel.member("struct shmem_inode_info", "vfs_inode").offset
    found = _SHMEM.read(inode - at)
    mapping = _NRPAGES.read(inode)
    if found is None or mapping is None or mapping[0] is None:
        return None
    return Usage(inode, -(-segment.size_bytes // 4096), mapping[0], found.swapped)


def _records(addrs: Sequence[int]) -> list[Segment]:
    records = []
    for addr, row in zip(addrs, _SEGMENT.read_many(addrs)):
        if row is None:
            pylog.warning(f"shmid_kernel {addr:#x} cannot be read and is left out")
            continue
        uid = int.from_bytes(row.shm_perm_uid[:4], "little")
        records.append(
            Segment(
                addr=addr,
                key=row.shm_perm_key & 0xFFFF_FFFF,
                shmid=row.shm_perm_id,
                uid=uid,
                perms=row.shm_perm_mode & 0o777,
                size_bytes=row.shm_segsz,
                attached=row.shm_nattch,
            )
        )
    return records
