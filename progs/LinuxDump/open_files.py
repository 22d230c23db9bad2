# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that tasks have open (include/linux/fdtable.h)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump.fs import paths
from LinuxDump.kernel_text import UNREADABLE
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_TASK = Layout("struct task_struct", "files.fdt.max_fds", "files.fdt.fd", "files.fdt.open_fds")
_FILES = Layout("struct task_struct", "files", "fs", "mm")
_FS = Layout("struct fs_struct", "root.dentry", "root.mnt", "pwd.dentry", "pwd.mnt")
_FILE = Layout(
    "struct file", "f_path.dentry", "f_path.mnt", "f_inode", "f_pos", "f_flags", "f_mode"
)
_EXE = Layout("struct mm_struct", "exe_file")
_INODE = Layout("struct inode", "i_mode", "i_ino", "i_sb", "i_rdev", "i_size")

#: Highest number of descriptors that the kernel allows (fs/file.c: NR_OPEN_MAX is larger).
_FDS_MAX = 1 << 24

#: include/uapi/linux/stat.h
TYPES = {
    0o14: "SOCK",
    0o12: "LNK",
    0o10: "REG",
    0o06: "BLK",
    0o04: "DIR",
    0o02: "CHR",
    0o01: "FIFO",
}


@dataclass(frozen=True)
class OpenFile:
    """A descriptor of a process."""

    fd: int
    addr: int  #: struct file *
    dentry_addr: int  #: struct dentry *
    inode_addr: int  #: struct inode *
    type: str  #: REG DIR CHR BLK FIFO SOCK LNK, UNKN for what has no file type
    path: str
    pos: int
    flags: int  #: O_RDONLY, ...


@dataclass(frozen=True)
class Places:
    """Where a task looks for names; "" where it has no such thing."""

    root: str
    cwd: str
    exe: str


def open_addrs(task: int) -> list[int]:
    """``struct file *`` of a task's descriptors, in order; none for kernel threads and the dead.

    :param task: ``struct task_struct *``.
    """
    files = _FILES.read(task)
    return [addr for _, addr in _table(task)] if files is not None and files.files else []


def open_files(task: int) -> list[OpenFile]:
    """Descriptors of a task, in order; none for kernel threads and the dead.

    What cannot be read is left out with a warning.

    :param task: ``struct task_struct *``.
    """
    files = _FILES.read(task)
    if files is None or not files.files:
        return []
    addrs = _table(task)
    rows = _FILE.read_many([addr for _, addr in addrs])
    lost = [addr for (_, addr), row in zip(addrs, rows) if row is None]
    if lost:
        pylog.warning(
            f"task {task:#x}: {len(lost)} of its open files cannot be read and are left out, "
            f"the first is struct file {lost[0]:#x}"
        )
    return list(_records(addrs, rows, root_of(task)))


def _table(task: int) -> list[tuple[int, int]]:
    # Descriptors and struct file * of those that are open.
    row = _TASK.read(task)
    if row is None:
        pylog.warning(f"task {task:#x}: its table of open files cannot be read")
        return []
    count = row.files_fdt_max_fds
    if count > _FDS_MAX or count % 64:
        pylog.warning(f"task {task:#x}: a table of {count} open files makes no sense")
        return []
    raw = _readable(row.files_fdt_fd, 8 * count)
    if len(raw) < 8 * count:
        pylog.warning(
            f"task {task:#x}: descriptors from {len(raw) // 8} on cannot be read, at "
            f"{row.files_fdt_fd + len(raw):#x}"
        )
    pointers = memoryview(raw[: len(raw) // 8 * 8]).cast("Q")
    return [(fd, pointer) for fd, pointer in enumerate(pointers) if pointer]


def _readable(addr: int, size: int) -> bytes:
    # As much as can be read from the beginning, page by page.
    raw = bytearray()
    while len(raw) < size:
        at = addr + len(raw)
        try:
            raw += lowlevel.dump().read(at, min(4096 - at % 4096, size - len(raw)))
        except ReadError:
            break
    return bytes(raw)


def _records(
    addrs: Sequence[tuple[int, int]], rows: Sequence[Any], root: tuple[int, int]
) -> Iterator[OpenFile]:
    inodes = list({row.f_inode for row in rows if row is not None and row.f_inode})
    modes = {addr: row.i_mode for addr, row in zip(inodes, _INODE.read_many(inodes)) if row}
    paths.load(row.f_path_dentry for row in rows if row is not None)
    for (fd, addr), row in zip(addrs, rows):
        if row is None:
            continue
        yield OpenFile(
            fd=fd,
            addr=addr,
            dentry_addr=row.f_path_dentry,
            inode_addr=row.f_inode,
            type=file_type(modes.get(row.f_inode, 0)),
            path=paths.path(row.f_path_dentry, row.f_path_mnt, root),
            pos=row.f_pos,
            flags=row.f_flags,
        )


def file_type(mode: int) -> str:
    """The kind of file that ``i_mode`` says."""
    return TYPES.get(mode >> 12, "UNKN")


def root_of(task: int) -> tuple[int, int]:
    """Dentry and vfsmount of a task's root; zeros for one without."""
    files = _FILES.read(task)
    row = _FS.read(files.fs) if files is not None and files.fs else None
    return (0, 0) if row is None else (row.root_dentry, row.root_mnt)


def places(task: int) -> Places:
    """A task's root, working folder and program.

    :param task: ``struct task_struct *``.
    """
    files = _FILES.read(task)
    if files is None:
        return Places(*[UNREADABLE] * 3)
    row = _FS.read(files.fs) if files.fs else None
    if row is None:
        root = cwd = UNREADABLE if files.fs else ""
        start = (0, 0)
    else:
        start = (row.root_dentry, row.root_mnt)
        root = paths.path(row.root_dentry, row.root_mnt)
        cwd = paths.path(row.pwd_dentry, row.pwd_mnt, start)
    return Places(root, cwd, _program(files.mm, start))


def _program(mm: int, root: tuple[int, int]) -> str:
    row = _EXE.read(mm) if mm else None
    file = _FILE.read(row.exe_file) if row is not None and row.exe_file else None
    if file is None:
        return UNREADABLE if mm else ""
    return paths.path(file.f_path_dentry, file.f_path_mnt, root)
