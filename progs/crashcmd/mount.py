# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounted file systems.

WHAT is any text that a row has in one of its columns: an address, a device, a folder.

Columns: MOUNT (struct mount), SUPERBLK (struct super_block), TYPE, DEVNAME, DIRNAME.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashcmd import context
from crashcmd.command import Command, Given, Option
from LinuxDump.fs import mounts
from LinuxDump.fs.mounts import Mount
from pykdump.layout import Layout

_PROXY = Layout("struct task_struct", "nsproxy.mnt_ns")


def collect(given: Given) -> tuple[Mount, ...]:
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
    return tuple(found)


def _columns(mount: Mount) -> tuple[str, str, str, str, str]:
    device = mount.device or "none"
    return f"{mount.addr:x}", f"{mount.sb_addr:x}", mount.fstype, device, mount.mountpoint


def render(record: Sequence[Mount], given: Given) -> Iterator[str]:
    yield "     MOUNT           SUPERBLK     TYPE   DEVNAME   DIRNAME"
    for mount in record:
        addr, superblock, kind, device, folder = _columns(mount)
        yield f"{addr:>16} {superblock:>16} {f'{kind:6} {device}':16} {folder:10}"


COMMANDS = (
    Command(
        "mount",
        "[WHAT ...]",
        collect,
        render,
        (Option("-n", "as the mount namespace of this task has it", "PID|TASK"),),
    ),
)
