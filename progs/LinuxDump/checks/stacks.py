# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether stacks are corrupted."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.findings import SHOWN, Finding
from LinuxDump.situation import Situation
from LinuxDump.stack_areas import thread_size
from LinuxDump.task_records import TaskTable
from LinuxDump.task_selection import comm
from pykdump.layout import Layout
from pykdump.printing import counted

_STACK_END_MAGIC = 0x57AC6E9D
_WORD = Layout("struct list_head", "next")  # any word will do
_STACK = Layout("struct task_struct", "stack", "thread.sp")


def stacks(situation: Situation) -> Iterator[Finding]:
    return corrupted_stacks(situation.table)


def corrupted_stacks(table: TaskTable) -> Iterator[Finding]:
    """The finding that tells of them, if there are any."""
    tasks = table.tasks
    size = thread_size()
    damaged = []
    rows = _STACK.read_many([task.addr for task in tasks])
    ends = _WORD.read_many([0 if row is None else row.stack for row in rows])
    for task, row, end in zip(tasks, rows, ends):
        if row is None or not row.stack or end is None:
            continue
        magic = end.next & 0xFFFF_FFFF
        if magic != _STACK_END_MAGIC and task.idle_cpu != 0:
            damaged.append(
                f"{task.pid} {comm(task)}: the end of its stack {row.stack:#x} is {magic:#x}"
            )
        elif not task.is_running and not row.stack <= row.thread_sp <= row.stack + size:
            damaged.append(f"{task.pid} {comm(task)}: SP {row.thread_sp:#x} is not in its stack")
    if damaged:
        yield Finding(
            85,
            f"{counted(len(damaged), 'stack is', 'stacks are')} corrupted",
            tuple(damaged[:SHOWN]),
            "stack",
        )
