# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes and threads: state, memory and command.

WHAT is a pid, the address of a task_struct, or a command: its name, with * and ?, or a regular
expression in quotes; without it all tasks.

Columns: > marks tasks that run on a CPU; PID, PPID, CPU, TASK (struct task_struct; with -s the
kernel stack pointer, KSTACKP), ST (RU IN UN ST TR ZO DE PA ID), %MEM of all RAM, VSZ and RSS in
kB, COMM, in [ ] for kernel threads. Of -r RLIMIT, CURRENT and MAXIMUM; of -a ARG and ENV; of -t
RUN TIME, START TIME, UTIME and STIME.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashcmd import completion, ps_more
from crashcmd.command import Command, Given, Option, Text
from crashcmd.process import Process, processes
from LinuxDump.task_records import Task

_AT_ONCE = 1024

HEADING = "      PID    PPID  CPU  {}  ST  %MEM      VSZ      RSS  COMM"


def collect(given: Given) -> Any:
    return _collected(None, given)


def collect_tasks(tasks: Sequence[Task], given: Given) -> Any:
    """The same of these tasks."""
    return _collected(tasks, given)


def _collected(tasks: Sequence[Task] | None, given: Given) -> Any:
    form = next((make for flag, make in ps_more.FORMS.items() if flag in given), None)
    found = processes(given, tasks, with_memory=form is None)
    return tuple(found) if form is None else form(found, given)


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
        return
    if "-H" not in given:
        yield HEADING.format("    KSTACKP    " if "-s" in given else "     TASK      ")
    for first in range(0, len(record), _AT_ONCE):
        yield "\n".join(
            line(process, "-s" in given) for process in record[first : first + _AT_ONCE]
        )


def line(process: Process, with_stack: bool = False) -> str:
    """A row of the table."""
    task = f"{process.addr:16x}"
    if with_stack:
        task = f"{process.sp_addr:16x}" if process.sp_addr else "      --        "
    mark = ">" if process.is_running else " "
    return (
        f"{mark} {process.pid:7} {process.ppid:7} {process.cpu:3}  {task}  {process.state}  "
        f"{process.memory_percent:4.1f} {process.vsz_kb:8} {process.rss_kb:8}  {process.shown_comm}"
    )


COMMANDS = (
    Command(
        "ps",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-k", "only kernel threads"),
            Option("-u", "only user tasks"),
            Option("-G", "only the leader of each thread group"),
            Option("-A", "only tasks that run on a CPU"),
            Option(
                "-y", "only tasks of these policies: NORMAL FIFO RR BATCH IDLE DEADLINE", "POLICY"
            ),
            Option("-s", "the kernel stack pointer in place of TASK"),
            Option("-p", "each task below its parents"),
            Option("-c", "the children of each task"),
            Option("-g", "tasks by thread group"),
            Option("-t", "run time, start time, and user and system time in ns"),
            Option("-l", "when each last got the CPU, in ns of its clock, the latest first"),
            Option("-m", "how long ago that was: [DAYS HH:MM:SS.mmm]"),
            Option("-C", "only tasks of these CPUs, as in 0,2-4; of -l and -m by CPU", "CPUS"),
            Option("-H", "no heading"),
            Option("-a", "arguments and environment"),
            Option("-r", "resource limits"),
            Option("-S", "how many tasks are in each state"),
        ),
        completes=completion.tasks,
    ),
)
