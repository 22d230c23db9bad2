# SPDX-License-Identifier: GPL-2.0-or-later
"""ext2, ext3 and ext4 file systems that are mounted, for scripts (fs/ext4/super.c)."""

from __future__ import annotations

from LinuxDump.fs import ext4_sizes
from pykdump.star import with_api


def showExt3() -> None:
    """Print sizes and journals of the ext2, ext3 and ext4 file systems that are mounted."""
    for found in ext4_sizes.file_systems():
        for line in ext4_sizes.lines(found):
            print(line)


__getattr__ = with_api(globals())
