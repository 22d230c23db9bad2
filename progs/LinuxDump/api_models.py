# SPDX-License-Identifier: GPL-2.0-or-later
"""The models that the classic API's functions stand on."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

from LinuxDump import BTstack, cpus, modules, task_memory, task_records, timekeeping
from LinuxDump.fs import mounts, paths
from LinuxDump.printk import crash_message
from pykdump import lowlevel, vmcorearch
from pykdump.errors import PykdumpError, ReadError
from pykdump.structs import StructResult

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable

_LOAD_SHIFT = 11  # FSHIFT, include/linux/sched/loadavg.h


class KernelModels:
    """See `pykdump.models.Models`."""

    def symbols(self) -> SymbolTable:
        """Symbols of the kernel and its modules."""
        modules.add_to_tables()
        return BTstack.tables().symbols

    def modules(self) -> list[str]:
        """Names of the loaded modules."""
        return [module.name for module in modules.modules()]

    def path(self, dentry: int, vfsmount: int) -> str:
        """Path of a file; mounts are followed up to the root of the first mount namespace."""
        root = mounts.namespace_root(mounts.first_namespace()) if vfsmount else (0, 0)
        return paths.path(dentry, vfsmount, root)

    def task_of_pid(self, pid: int) -> int:
        """Address of a task, 0 when there is none."""
        table = task_records.task_table()
        if pid == 0:
            return lowlevel.symbol_address("init_task")
        task = table.by_pid.get(pid)
        return task.addr if task else 0

    def pid_of_task(self, task: int) -> int | None:
        """None for what is no task."""
        known = task_records.task_table().by_addr.get(task)
        return known.pid if known else None

    def is_running(self, task: int) -> bool:
        """Whether a task ran on a CPU."""
        known = task_records.task_table().by_addr.get(task)
        return known is not None and known.is_running

    def memory_of_task(self, task: int) -> tuple[int, int]:
        """Zeros for what has no memory of its own."""
        (found,) = task_memory.memory([task])
        return (0, 0) if found is None else (found.vsz_kb, found.rss_kb)

    def sys_lines(self) -> dict[str, str]:
        """What describes the dump."""
        kernel = lowlevel.kernel()
        lines = {
            "KERNEL": kernel.vmlinux,
            "DUMPFILE": "|".join(kernel.dump.paths),
            "CPUS": str(max(len(cpus.online_cpus()), len(cpus.present_cpus()))),
            **self._times(),
            "TASKS": str(len(task_records.task_table().tasks)),
            **self._uts(),
            "MEMORY": f"{kernel.dump.memory_bytes / (1 << 30):.1f}".removesuffix(".0") + " GB",
        }
        return lines

    def _times(self) -> dict[str, str]:
        found = {}
        clocks = timekeeping.clocks()
        if clocks is not None:
            when = datetime.datetime.fromtimestamp(clocks.wall_s, datetime.timezone.utc)
            found["DATE"] = f"{when:%a %b %e %H:%M:%S UTC %Y}"
            minutes, seconds = divmod(clocks.uptime_s, 60)
            hours, minutes = divmod(minutes, 60)
            days, hours = divmod(hours, 24)
            found["UPTIME"] = (f"{days} days, " if days else "") + (
                f"{hours:02}:{minutes:02}:{seconds:02}"
            )
        try:
            addr = lowlevel.symbol_address("avenrun")
            loads = [lowlevel.read_uint(addr + 8 * i, 8) / (1 << _LOAD_SHIFT) for i in range(3)]
            found["LOAD AVERAGE"] = ", ".join(f"{load:.2f}" for load in loads)
        except (PykdumpError, ReadError):
            pass
        return found

    def _uts(self) -> dict[str, str]:
        names = {}
        try:
            addr = lowlevel.symbol_address("init_uts_ns")
            uts = StructResult("struct uts_namespace", addr).name
            for name in ("nodename", "release", "version", "machine"):
                names[name.upper()] = str(getattr(uts, name))
        except (PykdumpError, KeyError, TypeError):
            names["RELEASE"] = lowlevel.dump().release
            names["MACHINE"] = os.path.basename(lowlevel.dump().arch)
        return names


# The kernel's log is much to read for scripts that only ask for HZ.
vmcorearch.declare_late("PANIC", lambda: f'"{crash_message()}"')
