# SPDX-License-Identifier: GPL-2.0-or-later
"""Mappings of processes (include/linux/mm_types.h)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump import trees
from LinuxDump.fs import paths
from LinuxDump.kernel_text import UNREADABLE
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# v6.3 bc292ab00f6c ("mm: introduce vma->vm_flags wrapper functions") hid vm_flags in a union.
_AREA = Layout("struct vm_area_struct", "vm_start", "vm_end", "vm_flags", "vm_file", "vm_pgoff")
_FILE = Layout("struct file", "f_path.dentry", "f_path.mnt")
_NEXT = Layout("struct vm_area_struct", "vm_next")
_MOST = 1 << 20


@dataclass(frozen=True)
class Mapping:
    """A mapping."""

    addr: int  #: struct vm_area_struct *
    start: int
    end: int  #: behind the last byte
    flags: int  #: VM_*
    file_addr: int  #: struct file *, 0 for anonymous memory
    path: str
    offset_bytes: int  #: in the file


def mappings(mm: int, root: tuple[int, int] = (0, 0)) -> list[Mapping]:
    """Mappings of a ``struct mm_struct`` by address; those that cannot be read are left out.

    :param root: of paths: dentry and vfsmount.
    """
    addrs = _addrs(mm)
    rows = _AREA.read_many(addrs)
    lost = [addr for addr, row in zip(addrs, rows) if row is None]
    if lost:
        pylog.warning(f"mm_struct {mm:#x}: {len(lost)} mappings cannot be read, as {lost[0]:#x}")
    files = list({row.vm_file for row in rows if row is not None and row.vm_file})
    names = {
        addr: paths.path(file.f_path_dentry, file.f_path_mnt, root) if file else UNREADABLE
        for addr, file in zip(files, _FILE.read_many(files))
    }
    return [
        Mapping(
            addr,
            row.vm_start,
            row.vm_end,
            row.vm_flags,
            row.vm_file,
            names.get(row.vm_file, ""),
            row.vm_pgoff * 4096,
        )
        for addr, row in zip(addrs, rows)
        if row is not None
    ]


def _addrs(mm: int) -> list[int]:
    # v6.1 524e00b36e8c ("mm: remove rb tree") left the maple tree.
    if compat.has("struct mm_struct.mm_mt"):
        walk = trees.maple_tree(mm + lowlevel.member("struct mm_struct", "mm_mt").offset)
        if walk.end != "complete":
            pylog.warning(
                f"mm_struct {mm:#x}: its tree of mappings is broken ({walk.end} at "
                f"{walk.stopped_at:#x}): some are missing"
            )
        return [entry for _, _, entry in walk.entries if entry & 3 == 0]
    found: list[int] = []
    area = lowlevel.read_pointer(mm + lowlevel.member("struct mm_struct", "mmap").offset)
    seen: set[int] = set()
    while area and area not in seen and len(found) < _MOST:
        found.append(area)
        seen.add(area)
        row = _NEXT.read(area)
        area = 0 if row is None else row.vm_next
    return found
