# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that tasks have open.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Columns: FD, FILE (struct file), DENTRY, INODE, TYPE (REG DIR CHR BLK FIFO SOCK LNK), PATH; with -c
I_MAPPING (struct address_space) and NRPAGES in the page cache in place of FILE and DENTRY; of -p
PAGE, PHYSICAL, INDEX and FLAGS; of -d DENTRY, INODE, SUPERBLK, TYPE, PATH. ROOT and CWD are the
process's root and working directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crashcmd import context, page_rows, values
from crashcmd.command import Command, Given, Option, Text, WordsError, text
from LinuxDump import open_files, trees
from LinuxDump.fs import mounts, paths
from LinuxDump.open_files import OpenFile
from LinuxDump.task_records import Task, task_table
from pykdump import compat, lowlevel
from pykdump.layout import Layout

compat.member("struct address_space", "Pages", "i_pages", "page_tree")

_INODE = Layout("struct inode", "i_mode", "i_sb", "i_mapping", "i_mapping.nrpages")
_SHARED = Layout("struct task_struct", "files", "fs", "nsproxy")
_FILE_HEAD = " FD       FILE            DENTRY           INODE       TYPE PATH"


@dataclass(frozen=True)
class TaskFiles:
    """Files of a task."""

    task_addr: int
    pid: int
    root: str
    cwd: str
    files: tuple[OpenFile, ...]


def collect(given: Given) -> Any:
    for flag, make in (("-d", _dentry), ("-p", _pages)):
        word = given.value(flag)
        if word is not None:
            return text(make(values.kernel_address(word)))
    return tuple(collect_tasks(context.named(given.words), given))


def collect_tasks(tasks: Sequence[Task], given: Given) -> Iterator[TaskFiles]:
    """Files of these tasks; of -R only of those that have what is meant."""
    word = given.value("-R")
    reference = None if word is None else Reference(word, values.find_address(word))
    # Threads share their files: they are read once.
    known: dict[Any, tuple[str, str, tuple[OpenFile, ...]]] = {}
    for task, row in zip(tasks, _SHARED.read_many([task.addr for task in tasks])):
        key = task.addr if row is None else tuple(row)
        if key not in known:
            known[key] = _of_task(task, reference)
        root, cwd, files = known[key]
        if reference and not files and reference.word not in (root, cwd, str(task.pid)):
            continue
        yield TaskFiles(task.addr, task.pid, root, cwd, files)


@dataclass(frozen=True)
class Reference:
    """What is looked for."""

    word: str
    addr: int | None


def _of_task(task: Task, reference: Reference | None) -> tuple[str, str, tuple[OpenFile, ...]]:
    places = open_files.places(task.addr)
    files = tuple(open_files.open_files(task.addr))
    if reference is not None:
        files = tuple(file for file in files if _refers(file, reference))
    return places.root, places.cwd, files


def _refers(file: OpenFile, reference: Reference) -> bool:
    if reference.word.isdecimal() and int(reference.word) == file.fd:
        return True
    if file.path == reference.word:
        return True
    return reference.addr in (file.addr, file.dentry_addr, file.inode_addr)


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    by_addr = task_table().by_addr
    shown: dict[int, str] = {}  # threads share their files, and so the lines of them
    table = _cached if "-c" in given else _table
    for number, files in enumerate(record):
        if id(files.files) not in shown:
            shown[id(files.files)] = "\n".join(table(files) if files.files else ["No open files"])
        places = f"ROOT: {files.root}    CWD: {files.cwd}".rstrip()
        blank = "\n" if number else ""
        yield f"{blank}{context.header(by_addr[files.task_addr])}\n{places}"
        yield shown[id(files.files)]


def _table(files: TaskFiles) -> Iterator[str]:
    yield _FILE_HEAD
    yield from map(_row, files.files)


def _row(file: OpenFile) -> str:
    return (
        f"{file.fd:3} {file.addr:16x} {file.dentry_addr:16x} {file.inode_addr:16x} {file.type:4} "
        f"{file.path}"
    )


def _cached(files: TaskFiles) -> Iterator[str]:
    yield " FD      INODE          I_MAPPING     NRPAGES TYPE PATH"
    rows = _INODE.read_many([file.inode_addr for file in files.files])
    for file, row in zip(files.files, rows):
        mapping, count = (0, 0) if row is None else (row.i_mapping, row.i_mapping_nrpages)
        yield (
            f"{file.fd:3} {file.inode_addr:16x} {mapping:16x} {count or 0:7} {file.type:4} "
            f"{file.path}"
        )


def _dentry(addr: int) -> Iterator[str]:
    found = paths.dentry(addr)
    if found is None:
        raise WordsError(f"dentry {addr:x} cannot be read")
    row = _INODE.read(found.inode_addr) if found.inode_addr else None
    superblock = 0 if row is None else row.i_sb
    kind = "N/A" if row is None else open_files.file_type(row.i_mode)
    path = paths.path(addr, _mounted(superblock))
    yield "     DENTRY           INODE           SUPERBLK     TYPE PATH"
    yield f"{addr:16x} {found.inode_addr:16x} {superblock:16x} {kind:4} {path}"


def _mounted(superblock: int) -> int:
    for mount in mounts.mounts():
        if mount.sb_addr == superblock:
            return mount.vfsmount_addr
    return 0


def _pages(inode: int) -> Iterator[str]:
    row = _INODE.read(inode)
    if row is None or row.i_mapping_nrpages is None:
        raise WordsError(f"inode {inode:x} cannot be read")
    yield "     INODE        NRPAGES"
    yield f"{inode:16x}  {row.i_mapping_nrpages:7}"
    yield ""
    at = lowlevel.member("struct address_space", compat.spelling("struct address_space", "Pages"))
    tree = row.i_mapping + at.offset
    is_xarray = compat.has("struct xarray.xa_head")
    walk = trees.xarray(tree) if is_xarray else trees.radix_tree(tree)
    yield from page_rows.rows([entry for _, _, entry in walk.entries if not trees.is_value(entry)])
    if walk.end != "complete":
        yield f"files: the tree at {tree:x} is broken ({walk.end} at {walk.stopped_at:x})"


COMMANDS = (
    Command(
        "files",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-R", "only files with this descriptor, address, or path", "REFERENCE"),
            Option("-c", "how much of each is in the page cache"),
            Option("-d", "the path of a dentry", "DENTRY"),
            Option("-p", "the pages of an inode in the page cache", "INODE"),
        ),
    ),
)
