# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas (include/linux/swap.h)."""

from __future__ import annotations

from dataclasses import dataclass

from LinuxDump.fs import paths
from LinuxDump.kernel_text import UNREADABLE
from pykdump import compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# Atomic after 6.12.
compat.member("struct swap_info_struct", "Used", "inuse_pages.counter", "inuse_pages")
_AREA = Layout("struct swap_info_struct", "flags", "prio", "pages", "Used", "swap_file")
_FILE = Layout("struct file", "f_path.dentry", "f_path.mnt")
_MODE = Layout("struct file", "f_inode.i_mode")
_USED = 1  # SWP_USED
_MOST = 32
_PAGE_KB = 4


@dataclass(frozen=True)
class SwapArea:
    """An area in use."""

    addr: int  #: struct swap_info_struct *
    type: str  #: PARTITION or FILE
    size_kb: int
    used_kb: int
    priority: int
    path: str


def swap_areas() -> list[SwapArea]:
    """The areas by number; damaged ones are left out with a warning."""
    table, count = lowlevel.find_symbol("swap_info"), lowlevel.find_symbol("nr_swapfiles")
    if table is None or count is None:  # CONFIG_SWAP is off
        return []
    found = []
    for number in range(min(lowlevel.read_uint(count, 4), _MOST)):
        addr = lowlevel.read_pointer(table + 8 * number)
        row = _AREA.read(addr) if addr else None
        if row is None:
            pylog.warning(f"swap area {number}: swap_info_struct {addr:#x} cannot be read")
        elif row.flags & _USED and row.swap_file:
            file, mode = _FILE.read(row.swap_file), _MODE.read(row.swap_file)
            path = UNREADABLE
            if file is not None:
                path = paths.path(file.f_path_dentry, file.f_path_mnt)
            is_device = mode is not None and (mode[0] or 0) >> 12 == 0o06
            found.append(
                SwapArea(
                    addr,
                    "PARTITION" if is_device else "FILE",
                    row.pages * _PAGE_KB,
                    row.Used * _PAGE_KB,
                    row.prio,
                    path,
                )
            )
    return found
