# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: file locks, printed. Records are in LinuxDump.file_locks."""

from __future__ import annotations

from typing import Any

from LinuxDump.file_locks import file_locks, flattened
from LinuxDump.task_records import task_table
from pykdump import API
from pykdump.tparser import CDefine

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = ["FL_flags", "FL_types", "print_locks", *API.__all__]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


#: include/linux/filelock.h
FL_flags = CDefine(
    """
#define FL_POSIX 1
#define FL_FLOCK 2
#define FL_DELEG 4
#define FL_ACCESS 8
#define FL_EXISTS 16
#define FL_LEASE 32
#define FL_CLOSE 64
#define FL_SLEEP 128
#define FL_DOWNGRADE_PENDING 256
#define FL_UNLOCK_PENDING 512
#define FL_OFDLCK 1024
#define FL_LAYOUT 2048
#define FL_RECLAIM 4096
"""
)

#: include/uapi/asm-generic/fcntl.h
FL_types = CDefine(
    """
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
"""
)


def print_locks() -> None:
    """Print all file locks as /proc/locks does, and who sleeps in requests for one."""
    by_addr = task_table().by_addr
    number = 0
    for level, lock in flattened(file_locks()):
        number += level == 0
        arrow = " " * (level - 1) + "-> " if level else ""
        kind = f"{lock.kind:6} ADVISORY  {lock.type}"
        device = f"{lock.device >> 20:02x}:{lock.device & 0xFFFFF:02x}:{lock.ino}"
        end = "EOF" if lock.end is None else lock.end
        print(f"{number}: {arrow}{kind} {lock.pid} {device} {lock.start} {end}")
        for task in (by_addr[addr] for addr in lock.sleepers if addr in by_addr):
            comm = task.comm.decode("utf-8", "backslashreplace")
            print(f"      waits: pid={task.pid} cmd={comm} state={task.state}")
