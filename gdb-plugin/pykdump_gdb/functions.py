# SPDX-License-Identifier: GPL-2.0-or-later
"""Convenience functions: kernel objects in any expression that GDB takes."""

from __future__ import annotations

from typing import Any

import gdb

from LinuxDump import module_sections, percpu
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError


class _Function(gdb.Function):
    # Turns our errors into GDB's; `call` does the work.
    def invoke(self, *args: gdb.Value) -> gdb.Value:
        try:
            return self.call(*args)
        except PykdumpError as error:
            raise gdb.GdbError(str(error)) from None
        except TypeError as error:
            if self.call.__name__ not in str(error):
                raise
            usage = (self.__doc__ or "").splitlines()[0]
            raise gdb.GdbError(f"wrong number of arguments; {usage}") from None

    def call(self, *args: Any, **kwargs: Any) -> gdb.Value:
        raise NotImplementedError


class PykTask(_Function):
    """$pyk_task(PID): the struct task_struct * of the thread with this pid.

    Example: p $pyk_task(1)->comm"""

    def __init__(self) -> None:
        super().__init__("pyk_task")

    def call(self, pid: gdb.Value) -> gdb.Value:
        task = task_table().by_pid.get(int(pid))
        if task is None:
            raise PykdumpError(f"no task has pid {int(pid)}; idle tasks: $pyk_current(CPU)")
        return _task_struct(task)


class PykCurrent(_Function):
    """$pyk_current(CPU): the struct task_struct * that ran on this CPU.

    Example: p $pyk_current(0)->pid"""

    def __init__(self) -> None:
        super().__init__("pyk_current")

    def call(self, cpu: gdb.Value) -> gdb.Value:
        task = task_table().current(int(cpu))
        if task is None:
            raise PykdumpError(f"what ran on CPU {int(cpu)} is not in the dump, or no such CPU is")
        return _task_struct(task)


class PykPerCpu(_Function):
    """$pyk_per_cpu("VARIABLE", CPU): a CPU's copy of a per-CPU variable.

    Example: p $pyk_per_cpu("runqueues", 0).nr_running"""

    def __init__(self) -> None:
        super().__init__("pyk_per_cpu")

    def call(self, variable: gdb.Value, cpu: gdb.Value) -> gdb.Value:
        name = variable.string()
        addr = self._address(name, int(cpu))
        pointer = lowlevel.variable_type(name).pointer()
        return gdb.Value(addr).cast(pointer).dereference()

    def _address(self, name: str, cpu: int) -> int:
        if percpu.is_percpu_symbol(name):
            return percpu.per_cpu(name, cpu)
        addr = module_sections.per_cpu(name, cpu)
        if addr is None:
            lowlevel.symbol_address(name)
            raise PykdumpError(f"{name} is no per-CPU variable; use: p {name}")
        return addr


class PykContainerOf(_Function):
    """$pyk_container_of(POINTER, "TYPE", "MEMBER"): the TYPE * whose MEMBER lies at POINTER.

    Example: p $pyk_container_of(init_task.tasks.next, "struct task_struct", "tasks")->comm"""

    def __init__(self) -> None:
        super().__init__("pyk_container_of")

    def call(self, pointer: gdb.Value, type_name: gdb.Value, path: gdb.Value) -> gdb.Value:
        struct, member = type_name.string(), path.string()
        lowlevel.find_type(struct)
        found = lowlevel.member(struct, member)
        if found.hops:
            raise PykdumpError(f"{struct}.{member} leads through a pointer: it lies elsewhere")
        addr = (int(pointer) - found.offset) & 0xFFFF_FFFF_FFFF_FFFF
        return lowlevel.typed_pointer(struct, addr)


def _task_struct(task: Task) -> gdb.Value:
    return lowlevel.typed_pointer("struct task_struct", task.addr)


def register() -> None:
    """Add the functions to GDB."""
    for function in (PykTask, PykCurrent, PykPerCpu, PykContainerOf):
        function()
