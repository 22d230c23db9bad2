# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that use a file: a path, or the address of an inode, dentry or struct file.

Columns: PID, TASK, COMM, USAGE (fd, cwd, root, exe, mmap).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crashcmd import context, values
from crashcmd.command import Command, Given
from LinuxDump import open_files, task_memory, vm_areas
from LinuxDump.kernel_text import UNREADABLE
from LinuxDump.task_records import Task, task_table
from pykdump.layout import Layout
from pykdump.logging import pylog

_FILE = Layout("struct file", "f_path.dentry", "f_inode")


@dataclass(frozen=True)
class User:
    """A task that uses the file."""

    pid: int
    task_addr: int
    comm: str
    usage: tuple[str, ...]


def collect(given: Given) -> tuple[User, ...]:
    if len(given.words) != 1:
        raise given.error("one path or address is needed")
    word = given.words[0]
    wanted: str | int = word if word.startswith("/") else values.kernel_address(word)
    tasks = [task for task in task_table().tasks if task.pid and task.pid == task.tgid]
    memories = task_memory.memory([task.addr for task in tasks])
    found = []
    hidden: list[str] = []  # paths that could be the one
    for task, memory in zip(tasks, memories):
        usage = tuple(dict.fromkeys(_usage(task, memory, wanted, hidden)))
        if usage:
            found.append(User(task.pid, task.addr, context.comm(task), usage))
    if hidden:
        pylog.warning(
            f"{len(hidden)} paths of which only the end is known could be {word}, as {hidden[0]}"
        )
    return tuple(sorted(found, key=lambda user: user.pid))


def _usage(
    task: Task, memory: task_memory.Memory | None, wanted: str | int, hidden: list[str]
) -> Iterator[str]:
    def note(path: str) -> None:
        # Its mount, or a folder above it, is not in the dump.
        if isinstance(wanted, str) and path.startswith(UNREADABLE):
            if wanted.endswith(path.removeprefix(UNREADABLE)):
                hidden.append(path)

    for file in open_files.open_files(task.addr):
        note(file.path)
        if wanted in (file.path, file.addr, file.dentry_addr, file.inode_addr):
            yield "fd"
    places = open_files.places(task.addr)
    for kind, path in (("cwd", places.cwd), ("root", places.root), ("exe", places.exe)):
        if kind != "root":
            note(path)
        if wanted == path and path:
            yield kind
    if memory is not None:
        mapped = vm_areas.mappings(memory.mm_addr, open_files.root_of(task.addr))
        files = list({area.file_addr for area in mapped if area.file_addr})
        inodes = [row for row in _FILE.read_many(files) if row is not None]
        addrs = {addr for row in inodes for addr in row} | set(files)
        for area in mapped:
            note(area.path or "")
        if wanted in addrs or wanted in {area.path for area in mapped if area.path}:
            yield "mmap"


def render(record: tuple[User, ...], given: Given) -> Iterator[str]:
    if not record:
        yield f"No users of {given.words[0]} found"
        return
    yield " PID         TASK        COMM             USAGE"
    for user in record:
        yield f'{user.pid:5}  {user.task_addr:x}  {user.comm:16} {" ".join(user.usage)}'


COMMANDS = (Command("fuser", "PATH | ADDRESS", collect, render),)
