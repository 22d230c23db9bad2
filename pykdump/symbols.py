# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and addresses of symbols, tasks by pid, paths of files."""

from __future__ import annotations

from typing import Any

from pykdump import lowlevel, models
from pykdump.errors import PykdumpError, as_address

_U64 = (1 << 64) - 1


def sym2addr(name: str) -> int:
    """Address of a symbol of the kernel or a module; 0 when there is none.

    >>> readSU("struct task_struct", sym2addr("init_task")).comm, sym2addr("nosuch")
    ('swapper/0', 0)
    """
    return lowlevel.find_symbol(name) or models.get().symbols().find(name) or 0


def sym2alladdr(name: str) -> list[int]:
    """Addresses of all symbols of a name: several files may have a static one.

    >>> sym2alladdr("init_task") == [sym2addr("init_task")]
    True
    """
    return models.get().symbols().find_all(name)


def symbol_exists(name: str) -> bool:
    """Whether the kernel or a module has a symbol, function or data.

    >>> symbol_exists("schedule"), symbol_exists("nosuch")
    (True, False)
    """
    return lowlevel.link_address(name) is not None or sym2addr(name) != 0


def addr2sym(addr: int, loose: bool = False) -> Any:
    """Name of the symbol at exactly this address, None if there is none.

    :param loose: return ``(name, offset)`` of the symbol that contains the address, or
        ``(None, None)`` outside all.

    >>> schedule = sym2addr("schedule")
    >>> addr2sym(schedule), addr2sym(schedule + 5), addr2sym(schedule + 5, True)
    ('schedule', None, ('schedule', 5))
    """
    found = models.get().symbols().at(as_address(addr) & _U64)
    if loose:
        return (found[0], found[1]) if found else (None, None)
    return found[0] if found and found[1] == 0 else None


def addr2mod(addr: int) -> str | None:
    """Name of the module in which an address lies, None for the kernel's and all others.

    >>> for module in ListHead(sym2addr("modules"), "struct module").list[:1]:
    ...     addr2mod(module) == module.name
    True
    """
    found = models.get().symbols().at(as_address(addr) & _U64)
    return found[2] or None if found else None


def get_pathname(dentry: int, vfsmnt: int) -> str:
    """Path of a file.

    :param dentry: ``struct dentry *``.
    :param vfsmnt: ``struct vfsmount *``; 0: the path ends at the root of the file system.

    >>> fs = readSU("struct task_struct", pid_to_task(1)).fs
    >>> get_pathname(fs.root.dentry, fs.root.mnt)
    '/'
    """
    return models.get().path(int(dentry), int(vfsmnt))


def is_task_active(task: int) -> bool:
    """Whether a ``struct task_struct *`` was running on a CPU."""
    return models.get().is_running(int(task))


def pid_to_task(pid: int) -> int:
    """``struct task_struct *`` of a thread, 0 when there is none.

    >>> readSU("struct task_struct", pid_to_task(2)).comm, pid_to_task(4194304)
    ('kthreadd', 0)
    """
    return models.get().task_of_pid(pid)


def task_to_pid(task: int) -> int | None:
    """Pid of a ``struct task_struct *``, None for what is none.

    >>> task_to_pid(pid_to_task(1)), task_to_pid(sym2addr("jiffies"))
    (1, None)
    """
    try:
        return models.get().pid_of_task(int(task))
    except PykdumpError:
        return None
