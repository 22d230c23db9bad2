# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of the machine: the part of crashinfo's report that looks the same for each dump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import crash_requests, crash_text, merged_stacks, network_summary, task_rows
from LinuxDump.checks import memory as memory_checks
from LinuxDump.crash_requests import DiskRequests
from LinuxDump.fs.mounts import Mount
from LinuxDump.memory_usage import MemoryUsage
from LinuxDump.merged_stacks import StackGroup
from LinuxDump.network_summary import NetworkSummary
from LinuxDump.oops import LogLine
from LinuxDump.pages import FreeBlocks
from LinuxDump.run_queues import CpuQueue
from LinuxDump.run_queues import lines as queue_lines
from LinuxDump.situation import Situation
from LinuxDump.stack_details import TaskStack, task_stacks
from LinuxDump.task_memory import memory
from LinuxDump.task_records import Task
from LinuxDump.task_rows import TaskCounts, TaskRow
from LinuxDump.verdict import Verdict
from pykdump import models
from pykdump.errors import PykdumpError
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.sections import section

_TAIL = 40  # lines of the log
_RECENT = 5
_OLD_NS = 30 * 10**9
_OLDEST = 3


@dataclass(frozen=True)
class Recent:
    """A task that ran lately."""

    row: TaskRow
    args: str | None  #: None: no user stack, or not in the dump


@dataclass(frozen=True)
class MachineState:
    """What was going on when the dump was taken."""

    sys: dict[str, str]
    cpu_stacks: tuple[TaskStack, ...]
    counts: TaskCounts
    recent: tuple[Recent, ...]
    memory: MemoryUsage
    free_blocks: tuple[FreeBlocks, ...]  #: by zone; empty where memory is not fragmented
    rss_pages: int
    blocked: tuple[TaskStack, ...]  #: oldest first
    requests: tuple[DiskRequests, ...]
    queues: tuple[CpuQueue, ...]
    network: NetworkSummary | None  #: None where it cannot be read
    mounts: tuple[Mount, ...]
    log: tuple[LogLine, ...]  #: its last lines, or all
    merged_stacks: tuple[StackGroup, ...]  #: empty without detail


def collect(situation: Situation, *, detail: int) -> MachineState:
    """The state of the machine.

    :param detail: more than 0: all blocked tasks, the whole log.
    """
    with section("stacks of CPUs"):
        current = [situation.table.current(queue.cpu) for queue in situation.table.run_queues]
        cpu_stacks = tuple(task_stacks([task for task in current if task]))
    with section("tasks"):
        counted = task_rows.counts(situation.threads)
        recent = _recent(situation)
        rss = _rss_pages(situation)
    with section("blocked tasks"):
        blocked = tuple(task_stacks(_blocked(situation, detail)))
    with section("block requests"):
        requests = tuple(situation.requests)
    with section("memory"):
        usage = situation.memory
        fragmented = situation.free_blocks if memory_checks.is_fragmented(situation) else ()
    with section("run queues"):
        queues = tuple(situation.queues)
    with section("network"):
        network = _network(situation)
    with section("mounts"):
        mounted = tuple(situation.mounts)
    return MachineState(
        sys=dict(models.get().sys_lines()),
        cpu_stacks=cpu_stacks,
        counts=counted,
        recent=recent,
        memory=usage,
        free_blocks=tuple(fragmented),
        rss_pages=rss,
        blocked=blocked,
        requests=requests,
        queues=queues,
        network=network,
        mounts=mounted,
        log=tuple(situation.lines if detail else situation.lines[-_TAIL:]),
        merged_stacks=tuple(merged_stacks.merged_stacks()) if detail else (),
    )


def _recent(situation: Situation) -> tuple[Recent, ...]:
    known = [task for task in situation.threads if task.ran_ago_ns is not None]
    newest = sorted(known, key=lambda task: task.ran_ago_ns or 0)[:_RECENT]
    rows = task_rows.rows(newest)
    args = task_rows.arguments(newest)
    lost = sum(1 for task, text in zip(newest, args) if task.pgd_addr and text is None)
    if lost:
        pylog.warning(f"command lines of {lost} processes are not in the dump: no user pages")
    return tuple(map(Recent, rows, args))


def _network(situation: Situation) -> NetworkSummary | None:
    try:
        return situation.network
    except PykdumpError as error:
        pylog.warning(f"the network cannot be summed up: {error}")
        return None


def _rss_pages(situation: Situation) -> int:
    leaders = [task.addr for task in situation.threads if task.pid == task.tgid]
    return sum(found.rss_kb // 4 for found in memory(leaders) if found is not None)


def _blocked(situation: Situation, detail: int) -> list[Task]:
    blocked = [task for task in situation.threads if task.state == "D"]
    blocked.sort(key=lambda task: -(task.ran_ago_ns or 0))
    if detail:
        return blocked
    return [task for task in blocked if (task.ran_ago_ns or 0) > _OLD_NS][:_OLDEST]


# --- text


def lines(report: MachineState, found: Verdict, detail: int) -> Iterator[str]:
    """The state as text, a section after the other."""
    width = max(12, *map(len, report.sys))
    for key, value in report.sys.items():
        yield f"{key:>{width}}: {value.replace('|', ' ')}"
    yield from crash_text.box("Per-cpu Stacks ('bt -a')")
    for stack in report.cpu_stacks:
        yield f"      -- CPU#{stack.cpu} --"
        yield from crash_text.stack_lines(stack)
        yield ""
    yield from crash_text.box("How This Dump Has Been Created")
    yield from _created(found)
    yield from crash_text.box("Tasks Summary")
    yield from task_rows.counts_lines(report.counts)
    yield from crash_text.box(f"{len(report.recent)} Most Recent Threads")
    yield "  PID  CMD                Age    ARGS"
    yield "-----  --------------   ------   ----------------------------"
    for each in report.recent:
        args = "(no user stack)" if each.args is None else each.args
        comm = printable(each.row.comm)
        yield f"{each.row.pid:5d} {comm:<14}  {each.row.ran_ago_ms:5d} ms  {args}"
    yield from crash_text.box("Memory Usage (kmem -i)")
    yield from crash_text.memory_lines(report.memory)
    yield f"  RSS_TOTAL={report.rss_pages} pages, %mem={_share(report):6.1f}"
    if report.free_blocks:
        yield from crash_text.box("Memory Fragmentation (kmem -f)")
        yield from crash_text.zone_lines(report.free_blocks)
    if report.requests:
        yield from crash_text.box("Block Requests")
        yield from crash_requests.request_lines(report.requests, detail)
    yield from _blocked_lines(report, detail)
    yield from crash_text.box("Scheduler Runqueues (per CPU)")
    for queue in report.queues:
        yield from queue_lines(queue)
    locked = [str(queue.cpu) for queue in report.queues if queue.is_locked]
    if locked:
        yield f" {len(locked)} runqueues are locked: CPU {', '.join(locked)}"
    if report.network is not None:
        yield from crash_text.box("Network Status Summary")
        yield from network_summary.lines(report.network)
    yield from crash_text.box("Mounted FS")
    yield from (
        f"{each.addr:x} {each.sb_addr:x} {each.fstype:<8} {each.device:<12} {each.mountpoint}"
        for each in report.mounts
    )
    yield from crash_text.box("dmesg buffer" if detail else f"Last {_TAIL} lines of dmesg buffer")
    yield from map(crash_text.log_line, report.log)
    if detail:
        yield from crash_text.box("A Summary Of Threads Stacks")
        for group in report.merged_stacks:
            yield from merged_stacks.lines(group, with_pids=detail > 1)


def _share(report: MachineState) -> float:
    total = report.memory.total_kb
    return report.rss_pages * 400 / total if total else 0.0


def _created(found: Verdict) -> Iterator[str]:
    if found.panic_class == "alive":
        yield "   *** a live system was dumped from outside; no panic ***"
        return
    yield f"   *** {found.title}{found.asked and f', {found.asked}'} ***"
    if found.message:
        yield f"   {found.message}"


def _blocked_lines(report: MachineState, detail: int) -> Iterator[str]:
    if not report.blocked:
        return
    title = "All" if detail else f"{len(report.blocked)} oldest"
    yield from crash_text.box(f"{title} UNINTERRUPTIBLE threads")
    for stack in report.blocked:
        ran = (stack.ran_ago_ns or 0) / 1e9
        yield f"   ... ran {ran:.0f}s ago"
        yield from crash_text.stack_lines(stack)
        yield ""
