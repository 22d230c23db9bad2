# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes have a pipe or socket open: those that could do what a waiter waits for."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_TABLE = Layout("struct task_struct", "files.fdt.max_fds", "files.fdt.fd", "files")
_FILE = Layout("struct file", "f_mode", "private_data", "f_inode")

# include/linux/fs.h
FMODE_READ, FMODE_WRITE = 1, 2
_MAX_FDS = 1 << 24


@dataclass(frozen=True)
class Opener:
    """A process that has something open."""

    task: Task
    fd: int
    mode: int  #: FMODE_*


def openers(tasks: Sequence[Task]) -> dict[int, list[Opener]]:
    """Who has what open, by ``file.private_data``: ``struct pipe_inode_info *``, ``socket *``."""
    found: dict[int, list[Opener]] = {}
    descriptors = list(_descriptors(tasks))
    rows = _FILE.read_many([file for _, _, file in descriptors])
    for (task, fd, _), row in zip(descriptors, rows):
        if row is not None and row.private_data:
            opener = Opener(task, fd, row.f_mode & (FMODE_READ | FMODE_WRITE))
            found.setdefault(row.private_data, []).append(opener)
    return found


def _descriptors(tasks: Sequence[Task]) -> Iterator[tuple[Task, int, int]]:
    seen = set()
    # The leader stands for its threads, which share the table.
    ordered = sorted(tasks, key=lambda task: task.pid != task.tgid)
    for task, row in zip(ordered, _TABLE.read_many([task.addr for task in ordered])):
        if row is None or not row.files or row.files in seen or row.files_fdt_fd is None:
            continue
        seen.add(row.files)
        try:
            count = min(row.files_fdt_max_fds, _MAX_FDS)
            data = lowlevel.dump().read(row.files_fdt_fd, 8 * count)
        except ReadError as error:
            pylog.warning(f"files of pid {task.pid} are not known: {error}")
            continue
        for fd, (file,) in enumerate(struct.iter_unpack("<Q", data)):
            if file:
                yield task, fd, file
