# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls: the table, and which one a task is in with what arguments (arch/x86/entry)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import BTstack
from LinuxDump.BTstack import Frame, Stack
from LinuxDump.kernel_text import string_at
from LinuxDump.task_records import Task
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.symbols import addr2sym

_METADATA = Layout("struct syscall_metadata", "name", "syscall_nr", "nb_args", "types", "args")
# v4.6 and newer names of struct pt_regs
_REGS = Layout(
    "struct pt_regs",
    *("orig_ax", "di", "si", "dx", "r10", "r8", "r9", "ip", "sp", "cs", "bx", "cx", "bp"),
)

_NUMBERS_MAX = 1024  # more than any kernel has
_ARGUMENTS_MAX = 6
_USER32_CS = 0x23  # arch/x86/include/asm/segment.h

_PREFIXES = ("__x64_sys_", "__do_sys_", "__se_sys_", "sys_", "stub_")
_PREFIXES_32 = ("__ia32_compat_sys_", "__ia32_sys_", "compat_sys_")
#: Functions of the way in: a task below one of them is in a system call.
_ENTRIES = ("entry_SYSCALL", "entry_SYSENTER", "entry_INT80", "do_syscall_64", "do_int80")
_ENTRIES_MORE = ("int80_emulation", "asm_int80", "do_fast_syscall_32")


@dataclass(frozen=True)
class Argument:
    """An argument as the kernel's source declares it."""

    type: str  #: ``unsigned int``, ``const char *``
    name: str


@dataclass(frozen=True)
class Syscall:
    """A system call of 64-bit programs."""

    number: int
    name: str  #: without a prefix: ``read``
    function_addr: int  #: 0 when only its metadata is known
    arguments: tuple[Argument, ...] | None  #: None when the kernel has no metadata of it


@dataclass(frozen=True)
class InSyscall:
    """What a task asked of the kernel."""

    task_addr: int
    number: int
    name: str  #: "?" for a number that the table does not have
    values: tuple[tuple[str, str, int], ...]  #: type, name and value; all six when not known
    ip_addr: int  #: where in the program
    sp_addr: int  #: the program's stack
    is_32bit: bool


_table: tuple[lowlevel.Kernel, dict[int, Syscall]] | None = None


def table() -> dict[int, Syscall]:
    """System calls by number, those that this kernel does not have left out."""
    global _table
    if _table is None or _table[0] is not lowlevel.kernel():
        _table = (lowlevel.kernel(), _read_table())
    return _table[1]


def by_name(name: str) -> Syscall | None:
    """A system call by its name, ``read``; None for one that this kernel does not have."""
    return next((call for call in table().values() if call.name == name), None)


def _read_table() -> dict[int, Syscall]:
    functions = _functions()
    metadata = _metadata(max(functions, default=_NUMBERS_MAX) + 1)
    found = {}
    for number in sorted({*functions, *metadata}):
        name, addr = functions.get(number, ("", 0))
        told, arguments = metadata.get(number, ("", None))
        if name != "ni_syscall":
            found[number] = Syscall(number, name or told, addr, arguments)
    return found


def _functions() -> dict[int, tuple[str, int]]:
    # v6.9 1e3ad78334a6 ("x86/syscall: Don't force use of indirect calls for system calls") calls
    # them from a switch, and keeps the table for tracing.
    table_addr = lowlevel.find_symbol("sys_call_table")
    if table_addr is None:
        return {}
    found: dict[int, tuple[str, int]] = {}
    for number in range(_NUMBERS_MAX):
        try:
            addr = lowlevel.read_pointer(table_addr + 8 * number)
        except ReadError:
            break
        symbol = addr2sym(addr) if addr else None
        if symbol is None:
            break  # what comes behind the table
        name = _bare(symbol, (*_PREFIXES, "__x32_compat_sys_", "compat_sys_"))
        if name is None:
            break
        found[number] = (name, addr)
    return found


def _bare(function: str, prefixes: Sequence[str]) -> str | None:
    # The name of a system call out of that of its function; None when it is none's.
    for prefix in prefixes:
        if function.startswith(prefix):
            return function[len(prefix) :]
    return None


def _metadata(count: int) -> dict[int, tuple[str, tuple[Argument, ...]]]:
    # Names and prototypes, which the kernel keeps for tracing (CONFIG_FTRACE_SYSCALLS).
    array = lowlevel.find_symbol("syscalls_metadata")
    if array is None or not compat.has("struct syscall_metadata"):
        return {}
    try:
        start = lowlevel.read_pointer(array)
        raw = lowlevel.dump().read(start, 8 * count) if start else b""
    except ReadError:
        return {}
    found = {}
    addrs = list(memoryview(raw).cast("Q"))
    for number, row in enumerate(_METADATA.read_many(addrs)):
        if row is not None and row.syscall_nr == number:
            name = string_at(row.name, 64)
            found[number] = (_bare(name, _PREFIXES) or name, _prototype(row))
    return found


def _prototype(row: Any) -> tuple[Argument, ...]:
    count = row.nb_args if 0 <= row.nb_args <= _ARGUMENTS_MAX else 0
    return tuple(
        Argument(_text_in(row.types, number), _text_in(row.args, number)) for number in range(count)
    )


def _text_in(array: int, number: int) -> str:
    try:
        return string_at(lowlevel.read_pointer(array + 8 * number), 64)
    except ReadError:
        return "?"


# --- tasks


def in_syscalls(tasks: Sequence[Task]) -> dict[int, InSyscall]:
    """By address of the task, the system call that it is in; tasks in none are left out."""
    return in_syscalls_of(tasks, BTstack.stacks(tasks))


def in_syscalls_of(tasks: Sequence[Task], stacks: Sequence[Stack]) -> dict[int, InSyscall]:
    """The same for stacks that were unwound before."""
    ends = [(task.addr, stack) for task, stack in zip(tasks, stacks) if _is_in_syscall(stack)]
    rows = _REGS.read_many([stack.frames[-1].regs_addr for _, stack in ends])
    return {
        addr: _decode(addr, row, stack.frames)
        for (addr, stack), row in zip(ends, rows)
        if row is not None
    }


def _is_in_syscall(stack: Stack) -> bool:
    if not stack.frames or stack.frames[-1].kind != "user" or not stack.frames[-1].regs_addr:
        return False
    below = [frame.function or "" for frame in stack.frames[-3:-1]]
    return any(name.startswith((*_ENTRIES, *_ENTRIES_MORE)) for name in below)


def _decode(task: int, row: Any, frames: Sequence[Frame]) -> InSyscall:
    is_32bit = row.cs == _USER32_CS
    number = row.orig_ax & 0xFFFF_FFFF
    if is_32bit:
        values = [row.bx, row.cx, row.dx, row.si, row.di, row.bp]
        name, arguments = _name_32(frames), None
    else:
        values = [row.di, row.si, row.dx, row.r10, row.r8, row.r9]
        call = table().get(number)
        name, arguments = ("?", None) if call is None else (call.name, call.arguments)
    if arguments is None:
        arguments = tuple(Argument("long", f"arg{index}") for index in range(_ARGUMENTS_MAX))
    shown = tuple((arg.type, arg.name, value) for arg, value in zip(arguments, values))
    return InSyscall(task, number, name, shown, row.ip, row.sp, is_32bit)


def _name_32(frames: Sequence[Frame]) -> str:
    for frame in reversed(frames):
        name = _bare(frame.function or "", _PREFIXES_32)
        if name:
            return name
    return "?"
