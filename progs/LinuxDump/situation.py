# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks of a dump look at, each part read when the first of them needs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from LinuxDump import BTstack, memory_usage, modules, pages, run_queues
from LinuxDump.crash_requests import DiskRequests, disk_requests
from LinuxDump.fs import mounts
from LinuxDump.hangs import collect
from LinuxDump.network_summary import NetworkSummary, network_summary
from LinuxDump.oops import LogLine
from LinuxDump.task_records import Task, TaskTable, task_table
from LinuxDump.verdict import Verdict


class Situation:
    """The dump as the checks see it."""

    def __init__(self, lines: Sequence[LogLine], found: Verdict) -> None:
        self.lines = lines
        self.verdict = found
        self.table: TaskTable = task_table()

    @cached_property
    def threads(self) -> list[Task]:
        """All but the idle tasks."""
        return [task for task in self.table.tasks if task.idle_cpu is None]

    @cached_property
    def stacks(self) -> dict[int, BTstack.Stack]:
        """Stacks by address of the task."""
        modules.add_to_tables()
        known = {addr: sleeper.stack for addr, sleeper in self.waits.sleepers.items()}
        tasks = [task for task in self.table.tasks if task.addr not in known]
        known.update((task.addr, stack) for task, stack in zip(tasks, BTstack.stacks(tasks)))
        return known

    @cached_property
    def memory(self) -> memory_usage.MemoryUsage:
        """The machine's memory."""
        return memory_usage.memory_usage()

    @cached_property
    def queues(self) -> list[run_queues.CpuQueue]:
        """The run queues."""
        return run_queues.cpu_queues(self.table)

    @cached_property
    def mounts(self) -> list[mounts.Mount]:
        """What the first process sees mounted."""
        return mounts.mounts()

    @cached_property
    def waits(self) -> collect.Waits:
        """Who waits for whom."""
        return collect.collect()

    @cached_property
    def free_blocks(self) -> list[pages.FreeBlocks]:
        """Free memory by zone and size."""
        return pages.free_blocks()

    @cached_property
    def network(self) -> NetworkSummary:
        """The network in numbers; raises PykdumpError."""
        return network_summary()

    @cached_property
    def requests(self) -> list[DiskRequests]:
        """Block requests that are not over."""
        return disk_requests()

    def functions(self, task: Task) -> list[str]:
        """The functions on a task's stack."""
        stack = self.stacks.get(task.addr)
        return [] if stack is None else list(BTstack.functions(stack))


def age_s(task: Task) -> float:
    """How long ago a task ran; 0 where that is not known."""
    return (task.ran_ago_ns or 0) / 1e9
