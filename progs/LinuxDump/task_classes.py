# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks and the table of tasks as scripts know them, on top of the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from LinuxDump import open_files, task_details, task_records
from LinuxDump.task_states import TASK_STATE, reported_state
from pykdump import lowlevel
from pykdump.highlevel import readSU, readSUListFromHead
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.structs import StructResult

_INODE = Layout("struct file", "f_inode")
_SOCKET_ALLOC = "struct socket_alloc"


class Task:
    """A task; what it does not have itself is asked of its ``struct task_struct``, ``ts``."""

    def __init__(self, ts: StructResult, ttable: TaskTable) -> None:
        self.ts = ts
        self.ttable = ttable
        self.record = ttable.records.by_addr.get(int(ts))

    def __getattr__(self, name: str) -> Any:
        if name in ("ts", "ttable", "record"):
            raise AttributeError(name)
        return getattr(self.ts, name)

    def __int__(self) -> int:
        return int(self.ts)

    def __str__(self) -> str:
        return f"PID={self.ts.pid} {self.ts} CMD={self.ts.comm}"

    @property
    def threads(self) -> list[Task]:
        """Threads of the group without the leader."""
        return [task for task in self.ttable.group(self.ts.tgid) if int(task) != int(self)]

    @property
    def cpu(self) -> int:
        """On which it runs, or ran last."""
        return int(self.ts.Cpu) if self.record is None else self.record.cpu

    @property
    def Rq(self) -> StructResult | None:
        """``struct rq`` of its CPU."""
        queues = self.ttable.records.run_queues
        return next((readSU("struct rq", q.addr) for q in queues if q.cpu == self.cpu), None)

    @property
    def Last_ran(self) -> int:
        """When it got the CPU last, in ms of the scheduler's clock."""
        return int(self.ts.Last_ran) // 1_000_000

    @property
    def Ran_ago(self) -> int:
        """Milliseconds since then; 0 when the clock of its CPU is not in the dump."""
        ago_ns = None if self.record is None else self.record.ran_ago_ns
        return 0 if ago_ns is None else ago_ns // 1_000_000

    @property
    def state(self) -> str:
        """``TASK_UNINTERRUPTIBLE``: what ps would show, spelled out."""
        return TASK_STATE.task_state2str(reported_state(self.ts))

    def taskFds(self, short: bool = False) -> list[Any]:
        """Open files: ``(fd, filep, dentry, inode)``, or the ``struct file`` addresses alone."""
        if short:
            return open_files.open_addrs(int(self.ts))
        return [
            (
                file.fd,
                readSU("struct file", file.addr),
                readSU("struct dentry", file.dentry_addr),
                readSU("struct inode", file.inode_addr),
            )
            for file in open_files.open_files(int(self.ts))
        ]

    def taskChildren(self) -> list[Task]:
        """Processes that it made."""
        head = int(self.ts) + lowlevel.member("struct task_struct", "children").offset
        children = readSUListFromHead(head, "sibling", "struct task_struct")
        return [self.ttable.task(child) for child in children]

    def hasChildren(self) -> bool:
        """Whether it has any."""
        head = int(self.ts) + lowlevel.member("struct task_struct", "children").offset
        return lowlevel.read_pointer(head) != head

    def get_task_socks(self) -> list[StructResult]:
        """``struct sock`` of its open sockets."""
        at = lowlevel.member(_SOCKET_ALLOC, "vfs_inode").offset
        sk = lowlevel.member("struct socket", "sk").offset
        sockets = (
            file.inode_addr - at
            for file in open_files.open_files(int(self.ts))
            if file.type == "SOCK"
        )
        found = (lowlevel.read_pointer(socket + sk) for socket in sockets)
        return [readSU("struct sock", addr) for addr in found if addr]

    def get_task_stack(self) -> Any:
        """Its BTStack."""
        from LinuxDump.BTstack import exec_bt  # it stands on the records of tasks

        found = exec_bt(f"bt {int(self.ts):#x}")
        return found[0] if found else None

    def task_get_pid(self) -> StructResult:
        """``struct pid`` of the thread."""
        # v4.19 2c4704756cab ("pids: Move the pgrp and session pid pointers") made room for it.
        pid = self.ts.thread_pid if self.ts.hasField("thread_pid") else self.ts.pids[0].pid
        return readSU("struct pid", int(pid))

    def task_ns(self) -> StructResult | None:
        """``struct pid_namespace`` that it lives in; None for a dead task."""
        (found,) = task_details.details([int(self.ts)])
        space = None if found is None else found.namespaces.get("pid")
        return None if space is None else readSU("struct pid_namespace", space.addr)


class TaskTable:
    """All tasks but the idle ones of other CPUs; the same object as long as the dump is open."""

    _known: tuple[lowlevel.Kernel, TaskTable] | None = None
    records: task_records.TaskTable

    def __new__(cls) -> TaskTable:
        kernel = lowlevel.kernel()
        if cls._known is None or cls._known[0] is not kernel:
            table = super().__new__(cls)
            table._fill()
            TaskTable._known = (kernel, table)
        assert TaskTable._known is not None
        return TaskTable._known[1]

    def _fill(self) -> None:
        self.records = task_records.task_table()
        init = lowlevel.symbol_address("init_task")
        self._tasks: dict[int, Task] = {}
        self._groups: dict[int, list[Task]] = defaultdict(list)
        self.tt = [self.task(readSU("struct task_struct", init))]
        self._groups[0] = list(self.tt)
        self._threads = list(self.tt)
        for record in self.records.tasks:
            if record.idle_cpu is not None:
                continue
            task = self.task(readSU("struct task_struct", record.addr))
            self._groups[record.tgid].append(task)
            self._threads.append(task)
            if record.pid == record.tgid:
                self.tt.append(task)
        for tgid, group in self._groups.items():
            group.sort(key=lambda task: (_pid(task) != tgid, _pid(task)))

    def task(self, ts: StructResult) -> Task:
        """The Task of a ``struct task_struct``."""
        found = self._tasks.get(int(ts))
        if found is None:
            found = self._tasks[int(ts)] = Task(ts, self)
        return found

    def group(self, tgid: int) -> list[Task]:
        """Threads of a process, the leader first."""
        return self._groups.get(int(tgid), [])

    @property
    def pids(self) -> dict[int, list[Task]]:
        """Threads by pid of the process, the leader first."""
        return self._groups

    @property
    def comms(self) -> dict[str, list[Task]]:
        """Processes by name."""
        found: dict[str, list[Task]] = defaultdict(list)
        for task in self.tt:
            found[_comm(task)].append(task)
        return found

    @property
    def pidnamespaces(self) -> dict[int, list[Task]]:
        """Processes by address of their pid namespace."""
        details = task_details.details([int(task) for task in self.tt])
        found: dict[int, list[Task]] = defaultdict(list)
        for task, record in zip(self.tt, details):
            if record is not None and "pid" in record.namespaces:
                found[record.namespaces["pid"].addr].append(task)
        return found

    @property
    def runqueues(self) -> list[StructResult]:
        """``struct rq`` of each CPU."""
        return [readSU("struct rq", queue.addr) for queue in self.records.run_queues]

    @property
    def basems(self) -> int:
        """The scheduler's clock in ms: the furthest of the CPUs'."""
        clocks = [queue.clock_ns for queue in self.records.run_queues]
        return max(clocks, default=0) // 1_000_000

    def allTasks(self) -> list[Task]:
        """Leaders of all processes, `init_task` first."""
        return self.tt

    def allThreads(self) -> list[Task]:
        """All threads by their number."""
        return sorted(self._threads, key=_pid)

    def getByPid(self, pid: int) -> Task | None:
        """The process with this pid; None when there is none."""
        group = self._groups.get(int(pid))
        return group[0] if group else None

    def getByTid(self, tid: int) -> Task | None:
        """The thread with this number; None when there is none."""
        if tid == 0:
            return self.tt[0]
        record = self.records.by_pid.get(int(tid))
        return None if record is None else self._tasks[record.addr]

    def getByComm(self, name: str) -> list[Task]:
        """Processes of this name."""
        return [task for task in self.tt if _comm(task) == name]

    def getThreadsByComm(self, name: str) -> Iterator[Task]:
        """Threads of this name, leaders included."""
        return (task for task in self._threads if _comm(task) == name)

    def getByFile(self, filep: int) -> list[Task]:
        """Processes that have this ``struct file`` open."""
        if not int(filep):
            pylog.warning("getByFile(0): no file has this address")
            return []
        return [task for task in self.tt if int(filep) in task.taskFds(True)]


def _pid(task: Task) -> int:
    return task.record.pid if task.record is not None else int(task.ts.pid)


def _comm(task: Task) -> str:
    if task.record is None:
        return str(task.ts.comm)
    return task.record.comm.decode(errors="backslashreplace")
