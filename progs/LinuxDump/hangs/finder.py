# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the finders of waits put what they find, and what they share; all of it is read lazily."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from LinuxDump import (
    block_devices,
    block_requests,
    file_locks,
    futexes,
    stack_areas,
    task_selection,
    work_queues,
)
from LinuxDump.hangs import file_holders
from LinuxDump.hangs.entries import Entries
from LinuxDump.hangs.graph import Graph, Link, Node
from LinuxDump.hangs.naming import Names
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.task_records import Task, TaskTable
from LinuxDump.whatis import symbol_text
from LinuxDump.worker_pools import Worker, WorkerPool, worker_pools
from pykdump import dlkmload, lowlevel
from pykdump.errors import PykdumpError
from pykdump.logging import pylog
from pykdump.printing import printable

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Target:
    """What a task waits for, as a finder found it."""

    kind: str  #: "mutex", "page", "request", ...
    key: str  #: of its node, "" when only the kind is known
    wants: str = ""  #: "read", "write", ...
    is_inferred: bool = False
    evidence: str = ""
    addr: int = 0  #: of the object that is waited for, where the node is another one


class Finder:
    """Nodes and links in the making."""

    def __init__(self, table: TaskTable, sleepers: Sequence[Sleeper]) -> None:
        self.table = table
        self.sleepers = sleepers
        self.by_task = {sleeper.task.addr: sleeper for sleeper in sleepers}
        self.entries = Entries()
        self.names = Names()
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self._linked: set[str] = set()
        self._made: dict[Any, Any] = {}
        self._modules: set[str] = set()
        #: Whether nothing stayed unknown for want of a module's debug info.
        self.has_all_types = True
        self.targets: list[tuple[Sleeper, Target]] = []

    def graph(self) -> Graph:
        """What was found so far, without guesses that a task waits for itself."""
        ends = {(link.source, link.target) for link in self.links}
        links = [
            link
            for link in self.links
            if not (link.inferred and (link.target, link.source) in ends)
        ]
        return Graph(self.nodes.values(), links)

    # --- nodes

    def has(self, kind: str, addr: int) -> bool:
        """Whether there is such a node."""
        return key_of(kind, addr) in self.nodes

    def add(self, kind: str, addr: int, text: str, age_ns: int | None = None) -> str:
        """Key of the node of an object; it is made once.

        :param text: what it is, without kind and address.
        """
        key = key_of(kind, addr)
        if key not in self.nodes:
            self.nodes[key] = Node(key, kind, addr, printable(text), age_ns)
        return key

    def add_with_key(self, key: str, kind: str, text: str) -> str:
        """The node of what is no struct of the kernel."""
        self.nodes.setdefault(key, Node(key, kind, 0, printable(text)))
        return key

    def add_named(self, kind: str, addr: int) -> str:
        """The same, the text being what the object belongs to."""
        if self.has(kind, addr):
            return key_of(kind, addr)
        name = self.names.of(addr)
        return self.add(kind, addr, f"{kind} {addr:#x}" + (f" ({name})" if name else ""))

    def add_task(self, addr: int, what: str) -> str | None:
        """Key of a task's node; None with a warning for what is no task.

        :param what: for the warning: as whose it was found.
        """
        task = self.table.by_addr.get(addr)
        if task is None:
            pylog.warning(f"{what}: {addr:#x} is no task, so who that is stays unknown")
            return None
        return self.add_known_task(task)

    def add_known_task(self, task: Task) -> str:
        """Key of the node of a task."""
        key = key_of("task", task.addr)
        if key not in self.nodes:
            name = f'pid {task.pid} "{task_selection.comm(task)}"'
            text = printable(name + self._what_runs(task))
            self.nodes[key] = Node(
                key, "task", task.addr, text, task.ran_ago_ns, task.pid, task.state
            )
        return key

    def _what_runs(self, task: Task) -> str:
        if not task.comm.startswith((b"kworker", b"rescuer")):
            return ""
        worker = self.workers.get(task.addr)
        if worker is None or not worker.current_func_addr:
            return ""
        return f" in {self.work_text(worker.current_func_addr, worker.current_pwq_addr)}"

    def link(
        self,
        source: str,
        target: str | None,
        how: str,
        evidence: str = "",
        inferred: bool = False,
        any_of: bool = False,
    ) -> None:
        """One node is held up by another; nothing where there is no other."""
        if source and target:
            self.links.append(Link(source, target, how, inferred, evidence, any_of))
            self._linked.add(source)

    def is_linked(self, key: str) -> bool:
        """Whether something is known that holds this node up."""
        return key in self._linked

    # --- what several finders need

    def once(self, make: Callable[[Finder], _Made]) -> _Made:
        """What this function makes of the finder, made when first asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        made: _Made = self._made[make]
        return made

    def has_type(self, struct: str, module: str) -> bool:
        """Whether a type of a module is known; its debug info is searched for when it is not."""
        if not lowlevel.has_type(struct) and module not in self._modules:
            self._modules.add(module)
            try:
                dlkmload.load(module)
            except PykdumpError:
                self.has_all_types = False
        return lowlevel.has_type(struct)

    @cached_property
    def requests(self) -> list[block_requests.BlockRequest]:
        """Requests of all disks, the oldest first."""
        return block_requests.block_requests(self.disks)

    @cached_property
    def devices(self) -> dict[int, block_devices.BlockDevice]:
        """Block devices by address."""
        return {device.addr: device for device in block_devices.block_devices()}

    @cached_property
    def disks(self) -> list[block_devices.Disk]:
        """All disks."""
        return block_devices.disks(list(self.devices.values()))

    @cached_property
    def pools(self) -> list[WorkerPool]:
        """Pools of workers."""
        return worker_pools()

    @cached_property
    def workqueues(self) -> list[work_queues.Workqueue]:
        """Workqueues."""
        return work_queues.workqueues()

    @cached_property
    def workers(self) -> dict[int, Worker]:
        """Workers by ``struct task_struct *``."""
        found = {worker.task_addr: worker for pool in self.pools for worker in pool.workers}
        rescuers = [queue.rescuer for queue in self.workqueues if queue.rescuer]
        found.update({worker.task_addr: worker for worker in rescuers})
        return found

    @cached_property
    def queue_of_pwq(self) -> dict[int, work_queues.Workqueue]:
        """Workqueues by ``struct pool_workqueue *``."""
        return {pwq.addr: queue for queue in self.workqueues for pwq in queue.pwqs}

    @cached_property
    def openers(self) -> dict[int, list[file_holders.Opener]]:
        """Who has what open, by ``file.private_data``."""
        return file_holders.openers([task for task in self.table.tasks if task.pgd_addr])

    @cached_property
    def futexes(self) -> dict[int, futexes.FutexWaiter]:
        """Waiters for futexes by ``struct task_struct *``."""
        return {waiter.task_addr: waiter for waiter in futexes.futex_waiters()}

    @cached_property
    def file_locks(self) -> list[file_locks.FileLock]:
        """Locks on files."""
        return file_locks.file_locks()

    def work_text(self, func: int, pwq: int) -> str:
        """``work FUNCTION of workqueue NAME``."""
        queue = self.queue_of_pwq.get(pwq)
        name = f" of workqueue {queue.name.decode('utf-8', 'backslashreplace')}" if queue else ""
        return f"work {symbol_text(func)}{name}"

    @cached_property
    def _stack_size(self) -> int:
        return stack_areas.thread_size()

    def is_on_stack_of(self, sleeper: Sleeper, addr: int) -> bool:
        """Whether an address is on the part of a task's stack that is in use."""
        return 0 <= addr - sleeper.task.sp_addr < self._stack_size


def key_of(kind: str, addr: int) -> str:
    """The key of an object's node."""
    return f"{kind} {addr:#x}"
