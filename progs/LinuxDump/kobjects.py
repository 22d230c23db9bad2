# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of kobjects and devices, and klists, for scripts (lib/kobject.c, lib/klist.c)."""

from __future__ import annotations

from LinuxDump import trees
from LinuxDump.kernel_text import string_at
from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.highlevel import readSU
from pykdump.logging import pylog
from pykdump.star import with_api
from pykdump.structs import StructResult

_KNODE_DEAD = 1  # lib/klist.c


def klistAll(klist: int) -> list[StructResult]:
    """``struct klist_node`` of a ``struct klist``, without those that are being removed.

    A broken list is cut, with a warning.
    """
    found = trees.klist(int(klist))
    if found.end != "complete":
        pylog.warning(f"klist {int(klist):#x} is broken at {found.stopped_at:#x} ({found.end})")
    offset = lowlevel.member("struct klist_node", "n_klist").offset
    return [
        readSU("struct klist_node", addr)
        for addr in found.addrs
        if not lowlevel.read_pointer(addr + offset) & _KNODE_DEAD
    ]


def kobj_name(kobj: int) -> str | None:
    """Name of a ``struct kobject``; None when it has none."""
    return _text(int(kobj) + lowlevel.member("struct kobject", "name").offset)


def dev_name(dev: int) -> str | None:
    """Name of a ``struct device``: that given first, else that of its kobject."""
    first = _text(int(dev) + lowlevel.member("struct device", "init_name").offset)
    return first or kobj_name(int(dev) + lowlevel.member("struct device", "kobj").offset)


def _text(pointer: int) -> str | None:
    try:
        name = lowlevel.read_pointer(pointer)
    except ReadError:
        return None
    return string_at(name, 256) if name else None


__getattr__ = with_api(globals())
