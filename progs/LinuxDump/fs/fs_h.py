# SPDX-License-Identifier: GPL-2.0-or-later
"""Flags of files, superblocks and mounts, for scripts."""

from __future__ import annotations

from pykdump.star import with_api
from pykdump.tparser import CDefine

#: include/linux/fs.h: ``struct file.f_mode``
FILE_MODE_FLAGS = CDefine(
    """
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_LSEEK 0x4
#define FMODE_PREAD 0x8
#define FMODE_PWRITE 0x10
#define FMODE_EXEC 0x20
"""
)

#: include/uapi/linux/mount.h and include/linux/fs.h: ``struct super_block.s_flags``
MS_FLAGS = CDefine(
    """
#define MS_RDONLY 0x1
#define MS_NOSUID 0x2
#define MS_NODEV 0x4
#define MS_NOEXEC 0x8
#define MS_SYNCHRONOUS 0x10
#define MS_REMOUNT 0x20
#define MS_MANDLOCK 0x40
#define MS_DIRSYNC 0x80
#define MS_NOATIME 0x400
#define MS_NODIRATIME 0x800
#define MS_BIND 0x1000
#define MS_MOVE 0x2000
#define MS_REC 0x4000
#define MS_SILENT 0x8000
#define MS_POSIXACL 0x10000
#define MS_UNBINDABLE 0x20000
#define MS_PRIVATE 0x40000
#define MS_SLAVE 0x80000
#define MS_SHARED 0x100000
#define MS_RELATIME 0x200000
#define MS_KERNMOUNT 0x400000
#define MS_I_VERSION 0x800000
#define MS_STRICTATIME 0x1000000
#define MS_LAZYTIME 0x2000000
#define MS_BORN 0x20000000
#define MS_ACTIVE 0x40000000
"""
)

#: include/linux/mount.h: ``struct vfsmount.mnt_flags``
MNT_FLAGS = CDefine(
    """
#define MNT_NOSUID 0x1
#define MNT_NODEV 0x2
#define MNT_NOEXEC 0x4
#define MNT_NOATIME 0x8
#define MNT_NODIRATIME 0x10
#define MNT_RELATIME 0x20
#define MNT_READONLY 0x40
#define MNT_SHRINKABLE 0x100
#define MNT_WRITE_HOLD 0x200
#define MNT_SHARED 0x1000
#define MNT_UNBINDABLE 0x2000
#define MNT_INTERNAL 0x4000
"""
)

__getattr__ = with_api(globals())
