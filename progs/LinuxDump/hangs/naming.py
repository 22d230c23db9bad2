# SPDX-License-Identifier: GPL-2.0-or-later
"""What a lock or wait queue belongs to: its variable, its inode, file system, process, object."""

from __future__ import annotations

from functools import cached_property

from LinuxDump import BTstack, whatis
from LinuxDump.hangs.filesystems import FileSystem, file_systems, inode_text
from LinuxDump.task_records import task_table
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

# v5.8 da1c55f1b272 ("mmap locking API: rename mmap_sem to mmap_lock")
compat.member("struct mm_struct", "Mmap_lock", "mmap_lock", "mmap_sem")
compat.member("struct super_block", "Umount", "s_umount")

_MM = Layout("struct task_struct", "mm", "tgid")

#: Members of struct inode that are locks or wait queues.
_IN_INODE = (
    *("i_rwsem", "i_data.i_mmap_rwsem", "i_data.invalidate_lock", "i_state", "i_dio_count"),
    *("i_data.i_pages",),
)
_IN_SUPER = ("s_umount", "s_vfs_rename_mutex", "s_sync_lock", "s_writers.wait_unfrozen")


class Names:
    """Finds out what addresses belong to; what is costly is read once, when first asked for."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    @cached_property
    def systems(self) -> dict[int, FileSystem]:
        """Mounted file systems."""
        return file_systems()

    @cached_property
    def mms(self) -> dict[int, tuple[int, str]]:
        """Pid and name of the process of each ``struct mm_struct *``."""
        tasks = task_table().tasks
        rows = _MM.read_many([task.addr for task in tasks])
        found: dict[int, tuple[int, str]] = {}
        for task, row in zip(tasks, rows):
            if row is not None and row.mm and (row.mm not in found or task.pid == task.tgid):
                found[row.mm] = (task.tgid, task.comm.decode("utf-8", "backslashreplace"))
        return found

    def of(self, addr: int) -> str:
        """What the object at an address is part of, "" when that cannot be found out."""
        if addr not in self._names:
            try:
                self._names[addr] = (
                    self._variable(addr)
                    or self._in_inode(addr)
                    or self._in_super(addr)
                    or self._in_mm(addr)
                    or self._object(addr)
                )
            except PykdumpError:
                self._names[addr] = ""
        return self._names[addr]

    def inode(self, addr: int) -> str | None:
        """What a ``struct inode *`` is; None for none of a mounted file system."""
        return inode_text(addr, self.systems)

    def is_static(self, addr: int) -> bool:
        """Whether it is a variable of the kernel or of a module."""
        return bool(self._variable(addr))

    def _variable(self, addr: int) -> str:
        found = BTstack.tables().symbols.at(addr)
        if found is None:
            return ""
        name, offset, module = found
        return f"{name}{f'+{offset:#x}' if offset else ''}{f' [{module}]' if module else ''}"

    def _in_inode(self, addr: int) -> str:
        for member in _IN_INODE:
            at = lowlevel.find_member("struct inode", member)
            if at is not None:
                text = inode_text(addr - at.offset, self.systems)
                if text:
                    return f"{member} of {text}"
        return ""

    def _in_super(self, addr: int) -> str:
        for member in _IN_SUPER:
            at = lowlevel.find_member("struct super_block", member)
            system = None if at is None else self.systems.get(addr - at.offset)
            if system is not None:
                return f"{member} of {system.text}"
        return ""

    def _in_mm(self, addr: int) -> str:
        member = compat.spelling("struct mm_struct", "Mmap_lock")
        at = lowlevel.member("struct mm_struct", member).offset
        found = self.mms.get(addr - at)
        return f'{member} of process {found[0]} "{found[1]}"' if found else ""

    def _object(self, addr: int) -> str:
        place = whatis.what_is(addr)
        if place.kind == "slab" and place.details.get("object_addr"):
            return f"{place.details['cache']} {place.details['object_addr']:#x}+" + (
                f"{place.details['offset']:#x}"
            )
        return "the stack of a task" if place.kind == "stack" else ""
