# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks with what ps prints of each, in the order of their pids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from crashcmd import context, percpu_words
from crashcmd.command import Given, WordsError
from LinuxDump import task_memory
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

_TASK = Layout("struct task_struct", "flags", "real_parent", "policy", "mm")
_PF_KTHREAD = 0x200000
_POLICIES = {"NORMAL": 0, "FIFO": 1, "RR": 2, "BATCH": 3, "ISO": 4, "IDLE": 5, "DEADLINE": 6}


class Process(NamedTuple):
    """A task as ps shows it."""

    addr: int  #: struct task_struct *
    pid: int
    tgid: int
    ppid: int
    cpu: int
    state: str  #: RU IN UN ...
    memory_percent: float  #: this, vsz_kb and rss_kb are 0 where they were not asked for
    vsz_kb: int
    rss_kb: int
    comm: str
    is_kernel_thread: bool
    is_running: bool
    sp_addr: int  #: saved kernel stack pointer, 0 for what runs and what has no stack
    parent_addr: int

    @property
    def shown_comm(self) -> str:
        return f"[{self.comm}]" if self.is_kernel_thread else self.comm


def processes(
    given: Given, tasks: Sequence[Task] | None = None, *, with_memory: bool = True
) -> list[Process]:
    """The tasks that the words and options of ps choose, of these or all; raises CrashError."""
    if tasks is None:
        tasks = _chosen(given.words) if given.words else task_table().tasks
    ordered = sorted(dict.fromkeys(tasks), key=lambda task: (task.pid, task.cpu))
    rows = _TASK.read_many([task.addr for task in ordered])
    keeps = _filter(given)
    kept = [
        (task, row)
        for task, row in zip(ordered, rows)
        if row is not None and (keeps is None or keeps(task, row))
    ]
    return _records(kept, with_memory)


def of_tasks(tasks: Sequence[Task]) -> list[Process]:
    """Records of these tasks, in their order, without their memory."""
    rows = _TASK.read_many([task.addr for task in tasks])
    return _records([(task, row) for task, row in zip(tasks, rows) if row is not None], False)


def _chosen(words: Iterable[str]) -> list[Task]:
    found, missing = [], []
    for word in words:
        tasks = context.find(word) or context.with_comm(word)
        found += tasks
        if not tasks:
            missing.append(f"{word} is no pid, task or command of this dump")
    if not found:
        raise WordsError("; ".join(missing))
    for message in missing:
        pylog.warning(message)
    return found


def _filter(given: Given) -> Callable[[Task, Any], bool] | None:
    policies = set()
    for word in (given.value("-y") or "").split(","):
        if word and word.upper() not in _POLICIES and not word.isdecimal():
            raise given.error(f"{word} is no policy; policies: {' '.join(_POLICIES)}")
        if word:
            policies.add(_POLICIES.get(word.upper(), int(word) if word.isdecimal() else -1))

    chosen = given.value("-C")
    on_cpus = None if chosen is None else set(percpu_words.cpus(chosen))

    if not policies and on_cpus is None and not {"-k", "-u", "-G", "-A"} & set(given.flags()):
        return None

    def keeps(task: Task, row: Any) -> bool:
        if on_cpus is not None and task.cpu not in on_cpus:
            return False
        is_kernel = bool(row.flags & _PF_KTHREAD)
        return not (
            ("-k" in given and not is_kernel)
            or ("-u" in given and is_kernel)
            or ("-G" in given and task.pid != task.tgid)
            or ("-A" in given and not task.is_running)
            or (policies and row.policy not in policies)
        )

    return keeps


def _records(rows: Sequence[tuple[Task, Any]], with_memory: bool) -> list[Process]:
    memories: Sequence[task_memory.Memory | None] = [None] * len(rows)
    if with_memory:
        memories = task_memory.memory([task.addr for task, _ in rows])
    total_kb = max(1, lowlevel.dump().memory_bytes // 1024)
    # Threads share their memory: percentage, VSZ and RSS of each mm_struct.
    sizes = {id(None): (0.0, 0, 0)}
    for its in {id(memory): memory for memory in memories if memory}.values():
        percent = min(100.0, 100 * its.rss_kb / total_kb)
        sizes[id(its)] = (percent, its.vsz_kb, its.rss_kb)
    table = task_table()
    found = []
    for (task, row), memory in zip(rows, memories):
        percent, vsz, rss = sizes[id(memory)]
        found.append(
            Process(
                addr=task.addr,
                pid=task.pid,
                tgid=task.tgid,
                ppid=_parent_pid(task, table.by_addr.get(row.real_parent)),
                cpu=task.cpu,
                state=context.STATES.get(task.state, "??"),
                memory_percent=percent,
                vsz_kb=vsz,
                rss_kb=rss,
                comm=context.comm(task),
                is_kernel_thread=bool(row.flags & _PF_KTHREAD),
                is_running=task.is_running,
                sp_addr=0 if task.is_running else task.sp_addr,
                parent_addr=row.real_parent,
            )
        )
    return found


def _parent_pid(task: Task, parent: Task | None) -> int:
    if task.idle_cpu is not None:
        return 0
    return -1 if parent is None else parent.tgid
