# SPDX-License-Identifier: GPL-2.0-or-later
"""Open files of processes, for scripts."""

from __future__ import annotations

from LinuxDump import open_files
from LinuxDump.task_records import task_table
from pykdump.star import with_api

FileInfo = list[object]


class pidFiles:
    """Open files of the process or thread with this pid; none when there is no such task.

    ``files``: by descriptor ``[file, dentry, inode, type, path]``, the first three addresses.
    """

    def __init__(self, pid: int) -> None:
        self.pid = int(pid)
        task = task_table().by_pid.get(self.pid)
        found = [] if task is None else open_files.open_files(task.addr)
        self.files: dict[int, FileInfo] = {
            file.fd: [file.addr, file.dentry_addr, file.inode_addr, file.type, file.path]
            for file in found
        }

    def fileInfo(self, fd: int) -> FileInfo | None:
        """What a descriptor is; None for one that is not open."""
        return self.files.get(int(fd))

    def printFiles(self) -> None:
        """Print a line a descriptor."""
        print(" FD       FILE            DENTRY           INODE       TYPE PATH")
        for fd, (file, dentry, inode, kind, path) in sorted(self.files.items()):
            print(f"{fd:3} {file:16x} {dentry:16x} {inode:16x} {kind:4} {path}")


def filesR(ref: int | str) -> list[int]:
    """Pids of the processes that have a file open with this ``struct file``, dentry or inode.

    :param ref: one of the addresses, or a path.
    """
    wanted: object = ref
    if isinstance(ref, str) and not ref.startswith("/"):
        wanted = int(ref, 16)
    pids = []
    for task in task_table().tasks:
        if task.pid and task.pid == task.tgid:
            files = open_files.open_files(task.addr)
            if any(
                wanted in (file.addr, file.dentry_addr, file.inode_addr, file.path)
                for file in files
            ):
                pids.append(task.pid)
    return pids


__getattr__ = with_api(globals())
