# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what CPUs have to run."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import cpus, run_queues
from LinuxDump.findings import WARNING, Finding
from LinuxDump.situation import Situation
from pykdump import lowlevel

_LOAD_SHIFT = 11
_LOAD_MAX = 29
_LAG_S = 5


def load(situation: Situation) -> Iterator[Finding]:
    addr = lowlevel.symbol_address("avenrun")
    loads = [lowlevel.read_uint(addr + 8 * place, 8) / (1 << _LOAD_SHIFT) for place in range(2)]
    count = max(1, len(cpus.online_cpus()))
    if max(loads) > max(_LOAD_MAX, count):
        title = f"high load average: {loads[0]:.2f} (1 min), {loads[1]:.2f} (5 min)"
        yield Finding(WARNING, title, (f"{count} CPUs online",), "taskinfo --summary")


def queues(situation: Situation) -> Iterator[Finding]:
    queues = situation.queues
    locked = [str(queue.cpu) for queue in queues if queue.is_locked]
    if locked and cpus.panic_cpu() is not None:
        title = f"run queues are locked: CPU {', '.join(locked)}"
        yield Finding(WARNING, title, (), "crashinfo --runq")
    realtime = [queue for queue in queues if any(_realtime_current(queue))]
    if realtime and len(realtime) == len(queues):
        yield Finding(60, "all CPUs run real-time tasks", (), "crashinfo --runq")
    newest = max((queue.clock_ns for queue in queues), default=0)
    for queue in queues:
        behind = (newest - queue.clock_ns) / 1e9
        if behind > _LAG_S and queue.running:
            title = f"CPU {queue.cpu}: its scheduler's clock is {behind:.0f} s behind"
            details = (f"{queue.running} tasks to run",)
            yield Finding(62, title, details, f"stack cpu{queue.cpu}")
        if len(queue.cfs) > 30:
            title = f"CPU {queue.cpu}: {len(queue.cfs)} tasks wait to run"
            yield Finding(45, title, (), "crashinfo --runq")


def _realtime_current(queue: run_queues.CpuQueue) -> Iterator[bool]:
    for tasks in queue.realtime.values():
        for task in tasks:
            yield queue.current is not None and task.task_addr == queue.current.task_addr
