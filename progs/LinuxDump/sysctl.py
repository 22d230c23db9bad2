# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/sys for scripts: tables by name, and values (fs/proc/proc_sysctl.c)."""

from __future__ import annotations

from typing import Union

from LinuxDump import sysctl_tables, sysctl_values
from LinuxDump.task_records import task_table
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult


def getCtlTables() -> dict[str, StructResult]:
    """``struct ctl_table`` by name, ``net.ipv4.ip_forward``, as the first process sees them."""
    found: dict[str, StructResult] = {}
    tasks = [task.addr for task in task_table().tasks if task.pid == 1]
    for tables in sysctl_tables.table_sets(tasks):
        for entry in sysctl_tables.entries(tables.addr):
            found.setdefault(entry.path, readSU("struct ctl_table", entry.addr))
    return found


def getCtlData(ct: int) -> Union[str, int, list[int], None]:
    """The value that a ``struct ctl_table`` leads to: text, a number or a list of numbers.

    None where the kernel computes what it shows, and where the data is not in the dump.
    """
    entry = sysctl_tables.entry_at(int(ct))
    value = None if entry is None else sysctl_values.value(entry)
    if value is None or isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else list(value)


__getattr__ = with_api(globals())
