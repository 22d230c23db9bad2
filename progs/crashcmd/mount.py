# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounted file systems.

WHAT is any text that a row has in one of its columns: an address, a device, a folder.

Columns: MOUNT (struct mount), SUPERBLK (struct super_block), TYPE, DEVNAME, DIRNAME; of -f OPEN
FILES by DENTRY (struct dentry), INODE (struct inode), TYPE and PATH; of -i DIRTY INODES by INODE,
INO (its number), NRPAGES in the page cache and STATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crashcmd import context
from crashcmd.command import Command, Given, Option
from LinuxDump.fs import mounts
from LinuxDump.fs.dirty_inodes import DirtyInode, dirty_inodes
from LinuxDump.fs.mounts import Mount
from LinuxDump.open_files import OpenFile, open_files
from LinuxDump.task_records import task_table
from pykdump.layout import Layout

_FILES = Layout("struct task_struct", "files")
_FILE = Layout("struct file", "f_path.mnt")
_PROXY = Layout("struct task_struct", "nsproxy.mnt_ns")


@dataclass(frozen=True)
class MountUse:
    """What a mount is used for."""

    mount: Mount
    files: tuple[OpenFile, ...]  #: open through it, by any task, each once
    dirty: tuple[DirtyInode, ...]  #: of its file system


def collect(given: Given) -> Any:
    namespace = 0
    word = given.value("-n")
    if word is not None:
        task = context.named([word])[0]
        row = _PROXY.read(task.addr)
        if row is None or not row.nsproxy_mnt_ns:
            raise given.error(f"task {word} has no mount namespace: it is exiting")
        namespace = row.nsproxy_mnt_ns
    found = mounts.mounts(namespace)
    if given.words:
        found = [mount for mount in found if set(given.words) & set(_columns(mount))]
        if not found:
            raise given.error(f"nothing mounted has {' or '.join(given.words)} in its row")
    return tuple(_uses(found, given)) if "-f" in given or "-i" in given else tuple(found)


def _uses(found: Sequence[Mount], given: Given) -> Iterator[MountUse]:
    by_mount = _open_files() if "-f" in given else {}
    for mount in found:
        dirty = dirty_inodes(mount.sb_addr) if "-i" in given else ()
        yield MountUse(mount, tuple(by_mount.get(mount.vfsmount_addr, ())), tuple(dirty))


def _open_files() -> dict[int, list[OpenFile]]:
    # struct vfsmount * to the files that tasks have open there.
    found: dict[int, OpenFile] = {}
    tasks = task_table().tasks
    shared: set[int] = set()  # threads share their files
    for task, row in zip(tasks, _FILES.read_many([task.addr for task in tasks])):
        if row is not None and row.files and row.files not in shared:
            shared.add(row.files)
            found.update((file.addr, file) for file in open_files(task.addr))
    by_mount: dict[int, dict[int, OpenFile]] = {}
    for addr, row in zip(found, _FILE.read_many(list(found))):
        if row is not None:
            known = by_mount.setdefault(row.f_path_mnt, {})
            known.setdefault(found[addr].dentry_addr, found[addr])
    return {mount: list(files.values()) for mount, files in by_mount.items()}


def _columns(mount: Mount) -> tuple[str, str, str, str, str]:
    device = mount.device or "none"
    return f"{mount.addr:x}", f"{mount.sb_addr:x}", mount.fstype, device, mount.mountpoint


def render(record: Sequence[Any], given: Given) -> Iterator[str]:
    heading = "     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME"
    if "-f" in given or "-i" in given:
        for number, use in enumerate(record):
            yield from ([""] if number else [])
            yield from (heading, _line(use.mount))
            yield from _use_lines(use, given)
        return
    yield heading
    yield from map(_line, record)


def _line(mount: Mount) -> str:
    addr, superblock, kind, device, folder = _columns(mount)
    return f"{addr:>16} {superblock:>16} {f'{kind:6} {device}':16} {folder:10}"


def _use_lines(use: MountUse, given: Given) -> Iterator[str]:
    if "-f" in given:
        yield "OPEN FILES:" if use.files else "OPEN FILES: (none)"
        if use.files:
            yield "     DENTRY           INODE       TYPE PATH"
        for file in use.files:
            yield f"{file.dentry_addr:16x} {file.inode_addr:16x} {file.type:4} {file.path}"
    if "-i" in given:
        yield "DIRTY INODES:" if use.dirty else "DIRTY INODES: (none)"
        if use.dirty:
            yield "     INODE              INO  NRPAGES  STATE"
        for inode in use.dirty:
            yield f"{inode.addr:16x} {inode.number:10} {inode.pages:8}  {inode.state}"


COMMANDS = (
    Command(
        "mount",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-n", "as the mount namespace of this task has it", "PID|TASK"),
            Option("-f", "the files that tasks have open through each mount"),
            Option("-i", "the inodes of each that wait to be written back"),
        ),
    ),
)
