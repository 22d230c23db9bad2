# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tasks GDB sees as threads, and how each is described to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import gdb

from LinuxDump.task_records import Task, TaskTable
from pykdump._accel import IDLE_TID, TargetServer, Thread

#: GDB compares every thread with every other whenever it refreshes its list: 0.25 s for this many,
#: 1.2 s for 20 000, 4.5 s for 60 000.
CAP = 8000


def tid_of(task: Task) -> int:
    """GDB's number of a task: its pid, or for an idle task one made of its CPU."""
    return task.pid if task.idle_cpu is None else IDLE_TID + task.idle_cpu


def as_thread(task: Task, notes: Mapping[int, bytes]) -> Thread:
    """A task for the server; its registers are the CPU's if it runs there, else the saved ones."""
    return Thread(
        tid_of(task),
        task.cpu,
        task.comm,
        f"task {task.addr:x} {task.state} cpu {task.cpu}",
        thread_sp=0 if task.is_running else task.sp_addr,
        prstatus=notes.get(task.cpu, b"") if task.is_running else b"",
        pgd=task.pgd_addr,
    )


def choose(table: TaskTable, cap: int = CAP) -> list[Task]:
    """All tasks; if they are more than the cap, those that matter first: on CPUs, D, processes."""
    if len(table.tasks) <= cap:
        return table.tasks
    panicked = table.panic_task()
    kinds: list[Iterable[Task]] = [
        [panicked] if panicked is not None else [],
        (task for task in table.tasks if task.is_running or task.idle_cpu is not None),
        (task for task in table.tasks if task.state == "D"),
        (task for task in table.tasks if task.pid == task.tgid),
    ]
    chosen = dict.fromkeys(task.addr for kind in kinds for task in kind)
    return [table.by_addr[addr] for addr in list(chosen)[:cap]]


def find(table: TaskTable, words: Iterable[str]) -> Iterator[Task]:
    """Tasks that a user names by pid, by comm, or all of them."""
    for word in words:
        if word == "all":
            yield from table.tasks
        elif word.isdigit():
            yield from (task for task in table.tasks if int(word) in (task.pid, task.tgid))
        else:
            yield from (task for task in table.tasks if task.comm == word.encode())


def refresh(server: TargetServer) -> None:
    """Have GDB fetch the list of threads anew."""
    gdb.execute(f"info threads {server.thread_count() + 1}", to_string=True)
