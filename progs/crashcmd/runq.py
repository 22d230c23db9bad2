# SPDX-License-Identifier: GPL-2.0-or-later
"""Run queues: what runs on each CPU, and what waits for it, by priority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashcmd import context, ps_more, runq_groups
from crashcmd.command import Command, Given, Option
from crashcmd.percpu_words import cpus
from LinuxDump.run_queues import CpuQueue, cpu_queues
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.layout import Layout

_PRIO = Layout("struct task_struct", "prio", "Last_ran")


def collect(given: Given) -> tuple[CpuQueue, ...]:
    if given.words:
        raise given.error(f"it takes no words: {given.words[0]}")
    found = cpu_queues(task_table())
    chosen = given.value("-c")
    if chosen is not None:
        wanted = set(cpus(chosen))
        found = [queue for queue in found if queue.cpu in wanted]
    return tuple(found)


def render(record: Sequence[CpuQueue], given: Given) -> Iterator[str]:
    if "-T" in given:
        yield from _behind(record)
        return
    for number, queue in enumerate(record):
        if "-t" in given or "-m" in given:
            yield from _times(queue, given)
            continue
        if number:
            yield ""
        if "-d" in given:
            yield from _all_of(queue)
        elif "-g" in given:
            yield from runq_groups.lines(queue)
        else:
            yield from _queue(queue)


def _behind(record: Sequence[CpuQueue]) -> Iterator[str]:
    # How far the clock of each run queue is behind the latest of them.
    latest = max((queue.clock_ns for queue in record), default=0)
    for queue in sorted(record, key=lambda queue: -queue.clock_ns):
        yield f"{f'CPU {queue.cpu}':>7}: {(latest - queue.clock_ns) / 1e9:.2f} secs"


def _named(task: Task | None) -> str:
    if task is None:
        return "(unknown)"
    return f'PID: {task.pid:<5}  TASK: {task.addr:x}  COMMAND: "{context.comm(task)}"'


def _current(queue: CpuQueue) -> Task | None:
    return task_table().by_addr.get(queue.current.task_addr) if queue.current else None


def _times(queue: CpuQueue, given: Given) -> Iterator[str]:
    task = _current(queue)
    if "-m" in given:
        ago = 0 if task is None or task.ran_ago_ns is None else task.ran_ago_ns
        yield f" CPU {queue.cpu}: [{ps_more.ago(ago)}]  {_named(task)}"
        return
    row = _PRIO.read(task.addr) if task is not None else None
    yield f" CPU {queue.cpu}: {queue.clock_ns}"
    yield f"        {'?' if row is None else row.Last_ran:>11}  {_named(task)}"


def _queue(queue: CpuQueue) -> Iterator[str]:
    current = _current(queue)
    yield f"CPU {queue.cpu} RUNQUEUE: {queue.addr:x}"
    yield f"  CURRENT: {_named(current)}"
    runs = 0 if current is None else current.addr
    yield f"  RT PRIO_ARRAY: {queue.addr + _offset('rt.active'):x}"
    waiting = [
        (priority, task.task_addr)
        for priority, tasks in sorted(queue.realtime.items())
        for task in tasks
        if task.task_addr != runs
    ]
    yield from _tasks(waiting)
    yield f"  CFS RB_ROOT: {queue.addr + _offset('cfs.tasks_timeline'):x}"
    addrs = [task.task_addr for task in queue.cfs if task.task_addr != runs]
    rows = _PRIO.read_many(addrs)
    yield from _tasks([(row.prio if row else -1, addr) for addr, row in zip(addrs, rows)])


def _offset(path: str) -> int:
    return lowlevel.member("struct rq", path).offset


def _tasks(waiting: Sequence[tuple[int, int]]) -> Iterator[str]:
    if not waiting:
        yield "     [no tasks queued]"
    for priority, addr in waiting:
        yield f"     [{priority:3}] {_named(task_table().by_addr.get(addr))}"


def _all_of(queue: CpuQueue) -> Iterator[str]:
    # Every task that is on this CPU's queues by task_struct.on_rq.
    yield f"CPU {queue.cpu}"
    tasks = [task for task in task_table().tasks if task.cpu == queue.cpu]
    layout = Layout("struct task_struct", "on_rq", "prio")
    for task, row in zip(tasks, layout.read_many([task.addr for task in tasks])):
        if row is not None and row.on_rq == 1:
            yield f"     [{row.prio:3}] {_named(task)}"


COMMANDS = (
    Command(
        "runq",
        "",
        collect,
        render,
        (
            Option("-t", "the clock of each run queue, and when its task got the CPU"),
            Option("-m", "how long ago that was"),
            Option("-T", "how far the clock of each run queue is behind the latest"),
            Option("-g", "by task group"),
            Option("-d", "all tasks that are on a queue"),
            Option("-c", "only these CPUs, as in 0,2-4", "CPUS"),
        ),
    ),
)
