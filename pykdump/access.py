# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs at addresses, values of variables, and addresses of both."""

from __future__ import annotations

from typing import Any

from pykdump import datatypes, debugtypes, lowlevel, sizes, structs, values
from pykdump.errors import as_address
from pykdump.memory import readS32
from pykdump.structs import StructResult


def readSU(symbol: str, addr: int) -> StructResult:
    """The struct or union of this type at an address; nothing is read yet. TypeError when the type
    is unknown.

    >>> init = readSU("struct task_struct", pid_to_task(1))
    >>> init.pid, init.real_parent.comm, init.mm.owner == init
    (1, 'swapper/0', True)
    >>> readSU("struct task_struct", 0) or "a NULL pointer"
    'a NULL pointer'
    """
    cls = structs.class_named(symbol)
    try:
        return structs.at(cls, addr)
    except TypeError:
        as_address(addr)  # names a word that is none
        raise


def readSymbol(symbol: str) -> Any:
    """The value of a global variable; TypeError when it is unknown.

    One without debug info reads as an ``int``. Per-CPU variables are not relocated: use
    `LinuxDump.percpu`.

    >>> readSymbol("init_task").comm
    'swapper/0'
    >>> readSymbol("init_uts_ns").name.sysname, readSymbol("system_state")
    ('Linux', SYSTEM_RUNNING)
    >>> readSymbol("nosuch")
    Traceback (most recent call last):
    TypeError: nosuch is unknown: the debug info has no such variable
    """
    try:
        info = datatypes.whatis(symbol)
    except TypeError:
        addr = lowlevel.find_symbol(symbol)
        if addr is None:
            raise
        return readS32(addr)
    return info.reader(info.addr)


def Addr(obj: Any, extra: str | None = None) -> int:
    """Address of a struct, of one of its members, or of text; TypeError for all else.

    >>> task = readSymbol("init_task")
    >>> Addr(task) == int(task), Addr(task.tasks) == Addr(task, "tasks")
    (True, True)
    """
    if isinstance(obj, StructResult):
        return int(obj) + (obj.fieldOffset(extra) if extra else 0)
    if isinstance(obj, values.SmartString) and obj.addr is not None:
        return obj.addr
    raise TypeError(f"{type(obj).__name__} has no address of its own")


def Deref(obj: Any) -> Any:
    """What a typed pointer leads to; a struct itself; TypeError for all else.

    >>> files = readSU("struct task_struct", pid_to_task(1)).files
    >>> files.fdt.fd.ptrlev, Deref(files.fdt.fd).ptrlev
    (2, 1)
    """
    if isinstance(obj, (values.tPtr, StructResult)):
        return obj.Deref
    raise TypeError(f"{type(obj).__name__} is no pointer")


def container_of(ptr: int, ctype: str, member: str) -> StructResult:
    """The struct whose member (``"a.b"`` descends) lies at ``ptr``; KeyError for no such member.

    >>> task = readSymbol("init_task")
    >>> container_of(task.tasks, "struct task_struct", "tasks") == task
    True
    """
    known = _containers.get((ctype, member))
    if known is None:
        cls = structs.class_named(ctype)
        known = _containers[ctype, member] = cls, member_offset_in(cls, member)
    return structs.at(known[0], int(ptr) - known[1])


_containers: dict[tuple[str, str], tuple[type[StructResult], int]] = {}
lowlevel.on_forget(_containers.clear)


def printObject(obj: Any) -> None:
    """Print a struct as GDB does; TypeError for all else.

    >>> printObject(readSymbol("init_task").sched_info)
    --- struct sched_info 0x... ---
    {pcount = ..., last_queued = ...}
    """
    if not isinstance(obj, StructResult):
        raise TypeError(f"{type(obj).__name__} is no struct")
    print(f"--- {obj.PYT_symbol} {int(obj):#x} ---")
    print(debugtypes.as_gdb_prints(obj.PYT_symbol, int(obj)))


def member_offset_in(cls: type[StructResult], member: str) -> int:
    """Offset of an embedded member; KeyError when there is none."""
    offset = sizes.offset_in(cls.ctype(), member)
    if offset < 0:
        raise cls._unknown(member)
    return offset
