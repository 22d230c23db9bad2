# SPDX-License-Identifier: GPL-2.0-or-later
"""What a pointer of a well-known type points to, in a few words: a file's path, a task's name."""

from __future__ import annotations

from collections.abc import Callable

from LinuxDump.fs import paths
from LinuxDump.lock_waiters import is_task
from LinuxDump.locks import read_mutex, read_rwsem
from LinuxDump.task_records import task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.printing import printable

_FILE = Layout("struct file", "f_path.dentry", "f_path.mnt")
_PATH = Layout("struct path", "dentry", "mnt")
_SUPER = Layout("struct super_block", "s_id")
_DISK = Layout("struct gendisk", "disk_name")
_NAME_MAX = 256


def value_text(type_name: str, addr: int) -> str:
    """What is there, "" where it is not known or cannot be read.

    :param type_name: ``struct file *``.
    """
    struct = type_name.replace("const ", "").replace("*", "").strip()
    tell = _TELLERS.get(struct)
    if tell is None or type_name.count("*") != 1 or not addr >> 47:
        return ""
    try:
        return printable(tell(addr))
    except (PykdumpError, ValueError):
        return ""


def _file(addr: int) -> str:
    row = _FILE.read(addr)
    return "" if row is None else paths.path(row.f_path_dentry, row.f_path_mnt)


def _path(addr: int) -> str:
    row = _PATH.read(addr)
    return "" if row is None else paths.path(row.dentry, row.mnt)


def _task(addr: int) -> str:
    task = task_table().by_addr.get(addr)
    return "" if task is None else f"pid {task.pid} {task.comm.decode(errors='backslashreplace')}"


def _mutex(addr: int) -> str:
    owner = read_mutex(addr).owner_addr
    return f"owner {_task(owner)}" if owner and is_task(owner) else ""


def _rwsem(addr: int) -> str:
    state = read_rwsem(addr).state
    owner = state.writer_addr
    return f"writer {_task(owner)}" if owner and is_task(owner) else state.held_for or ""


def _named(layout: Layout) -> Callable[[int], str]:
    def tell(addr: int) -> str:
        row = layout.read(addr)
        return "" if row is None else str(row[0].decode("utf-8", "backslashreplace"))

    return tell


def _filename(addr: int) -> str:
    row = Layout("struct filename", "name").read(addr)
    return "" if row is None else lowlevel.read_string(row.name, _NAME_MAX).decode(errors="replace")


def _block_device(addr: int) -> str:
    row = Layout("struct block_device", "bd_disk").read(addr)
    return "" if row is None or not row.bd_disk else _named(_DISK)(row.bd_disk)


_TELLERS: dict[str, Callable[[int], str]] = {
    "struct file": _file,
    "struct path": _path,
    "struct dentry": lambda addr: paths.path(addr),
    "struct task_struct": _task,
    "struct mutex": _mutex,
    "struct rw_semaphore": _rwsem,
    "struct super_block": _named(_SUPER),
    "struct gendisk": _named(_DISK),
    "struct block_device": _block_device,
    "struct filename": _filename,
}
