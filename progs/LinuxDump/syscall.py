# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls for scripts: the table, and what tasks asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from LinuxDump import syscalls
from LinuxDump.task_records import task_table
from pykdump.star import with_api


def get_SysCallTable() -> list[str]:
    """Names of the system calls by number, ``sys_read`` first; "" for numbers not in use."""
    table = syscalls.table()
    names = [""] * (max(table, default=-1) + 1)
    for number, call in table.items():
        names[number] = f"sys_{call.name}"
    return names


def generic_decoder(name: str, values: Sequence[int]) -> str:
    """A call as C would write it, arguments named by the kernel's prototype.

    >>> generic_decoder("read", [3, 0x7ffe00, 512])
    'sys_read(fd=3, buf=0x7ffe00, count=512)'
    """
    call = syscalls.by_name(name.removeprefix("sys_"))
    arguments = call.arguments if call is not None else None
    if arguments is None:
        shown = (f"{value:#x}" for value in values)
    else:
        shown = (
            f"{argument.name}={_value(argument.type, value)}"
            for argument, value in zip(arguments, values)
        )
    return f"sys_{name.removeprefix('sys_')}({', '.join(shown)})"


def _value(kind: str, value: int) -> str:
    if "*" in kind:
        return f"{value:#x}" if value else "NULL"
    if kind.startswith("unsigned long"):
        return f"{value:#x}"
    if kind in ("int", "pid_t"):
        return str((value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000)
    return str(value & 0xFFFF_FFFF if kind == "unsigned int" else value)


def decode_Stacks(stacks: Iterable[object]) -> None:
    """Print the system call of each task of a list of BTStack."""
    by_pid = task_table().by_pid
    tasks = [
        by_pid[pid] for pid in (getattr(stack, "pid", -1) for stack in stacks) if pid in by_pid
    ]
    calls = syscalls.in_syscalls(tasks)
    for task in tasks:
        call = calls.get(task.addr)
        if call is not None:
            told = generic_decoder(call.name, [value for _, _, value in call.values])
            print(f"PID={task.pid} CMD={task.comm.decode(errors='backslashreplace')}  {told}")


__getattr__ = with_api(globals())
