# SPDX-License-Identifier: GPL-2.0-or-later
"""The low-level module that scripts know as ``crash``: ``import crash`` gives this one."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from pykdump import commands, lowlevel, vmcorearch
from pykdump.accounting import get_NR_syscalls, get_task_mem_usage, get_uptime
from pykdump.commands import exec_crash_command, exec_crash_command_bg2, set_default_timeout
from pykdump.errors import CrashError as error
from pykdump.highlevel import (
    FD_ISSET,
    addr2mod,
    addr2sym,
    cpu_to_le32,
    enumerator_value,
    get_pathname,
    getFullBuckets,
    getFullBucketsH,
    getListSize,
    is_task_active,
    le16_to_cpu,
    le32_to_cpu,
    member_offset,
    member_size,
    phys_to_page,
    pid_to_task,
    readmem,
    readPtr,
    set_readmem_task,
    sLong,
    struct_size,
    sym2addr,
    sym2alladdr,
    symbol_exists,
    task_to_pid,
    union_size,
    uvtop,
)
from pykdump.logging import WARNING
from pykdump.memory import mem2long
from pykdump.memory import readIntN as readInt
from pykdump.rawtypes import gdb_typeinfo, gdb_whatis

#: What scripts compare with the version that they need.
version = "3.2.1"

#: Builds of the crash utility that the module would have been made for.
Crash_run = Crash_build = "8.0.0"

#: Kinds of memory, for readmem.
UVADDR, KVADDR, PHYSADDR, XENMACHADDR = 1, 2, 4, 8

#: What crash answers where a name has several meanings.
AMBIGUOUS = -2

(
    TYPE_CODE_PTR,
    TYPE_CODE_ARRAY,
    TYPE_CODE_STRUCT,
    TYPE_CODE_UNION,
    TYPE_CODE_ENUM,
    TYPE_CODE_FUNC,
    TYPE_CODE_INT,
    TYPE_CODE_FLT,
    TYPE_CODE_VOID,
    TYPE_CODE_BOOL,
) = (1, 2, 3, 4, 5, 7, 8, 9, 10, 20)


class _Module(ModuleType):
    # Scripts assign to it, too.
    @property
    def default_timeout(self) -> int:
        """How long commands in the background may take, in seconds."""
        return commands.default_timeout()

    @default_timeout.setter
    def default_timeout(self, seconds: int) -> None:
        commands.set_default_timeout(seconds)


sys.modules[__name__].__class__ = _Module


def __getattr__(name: str) -> Any:
    if name in ("HZ", "PAGESIZE", "PAGE_CACHE_SHIFT"):
        return getattr(vmcorearch, name)
    raise AttributeError(f"module 'crash' has no attribute {name!r}")


def PAGEOFFSET(addr: int) -> int:
    """Where an address lies in its page."""
    return int(addr) & (lowlevel.dump().page_size - 1)


def get_GDB_output(cmd: str) -> str:
    """Output of a command of GDB; raises crash.error."""
    return commands.gdb().execute(cmd)


def exec_epython_command(*argv: str) -> None:
    """Run a script with arguments, as the epython command does; raises crash.error."""
    commands.gdb().run_program(argv)


def get_epython_cmds() -> list[str]:
    """Names of the scripts and tools that are commands."""
    return commands.gdb().programs()


def register_epython_prog(name: str, short: str, synopsis: str, help: str) -> bool:
    """Make `name` a command that means ``epython name``; False when GDB has one of this name."""
    return commands.gdb().add_program(name, short, synopsis, help)


def crash_set_error(target: str) -> str | None:
    """Where crash would write messages of errors: None, as here they are exceptions."""
    return None


def setprocname(name: str) -> None:
    """Nothing: the process is GDB, and stays so."""


sys.modules.setdefault("crash", sys.modules[__name__])

__all__ = [
    "AMBIGUOUS",
    "Crash_build",
    "Crash_run",
    "FD_ISSET",
    "KVADDR",
    "PAGEOFFSET",
    "PHYSADDR",
    "TYPE_CODE_ARRAY",
    "TYPE_CODE_BOOL",
    "TYPE_CODE_ENUM",
    "TYPE_CODE_FLT",
    "TYPE_CODE_FUNC",
    "TYPE_CODE_INT",
    "TYPE_CODE_PTR",
    "TYPE_CODE_STRUCT",
    "TYPE_CODE_UNION",
    "TYPE_CODE_VOID",
    "UVADDR",
    "WARNING",
    "XENMACHADDR",
    "addr2mod",
    "addr2sym",
    "cpu_to_le32",
    "crash_set_error",
    "enumerator_value",
    "error",
    "exec_crash_command",
    "exec_crash_command_bg2",
    "exec_epython_command",
    "getFullBuckets",
    "getFullBucketsH",
    "getListSize",
    "get_GDB_output",
    "get_NR_syscalls",
    "get_task_mem_usage",
    "get_uptime",
    "get_epython_cmds",
    "gdb_typeinfo",
    "gdb_whatis",
    "get_pathname",
    "is_task_active",
    "le16_to_cpu",
    "le32_to_cpu",
    "mem2long",
    "member_offset",
    "member_size",
    "phys_to_page",
    "pid_to_task",
    "readInt",
    "readPtr",
    "readmem",
    "register_epython_prog",
    "sLong",
    "set_default_timeout",
    "set_readmem_task",
    "setprocname",
    "struct_size",
    "sym2addr",
    "sym2alladdr",
    "symbol_exists",
    "task_to_pid",
    "union_size",
    "uvtop",
    "version",
]
