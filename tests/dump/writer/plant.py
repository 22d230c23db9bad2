# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts planned tasks into the mini kernel's memory."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable

from .kernel import MiniKernel
from .machine import PAGE
from .stacks import CHAINS, RUNNING_IN, Frames, StackMaker, user_regs
from .tasks import PF_IDLE, PF_KTHREAD, Task

STACK_SIZE = 4 * PAGE
SMALL_STACK = 1024  # where there are too many tasks for stacks of their own pages
CLOCK = 5_000_000_000_000  # rq.clock, in ns
CODES = {1: "<B", 2: "<H", 4: "<I", 8: "<Q", 16: "<16s"}


class Heap:
    """Structures in one piece of the direct map, filled in before they go to memory."""

    def __init__(self, kernel: MiniKernel, size: int) -> None:
        self._kernel = kernel
        self._start = self._next = kernel.alloc(size)
        self._data = bytearray(size)
        self._offsets = {
            name: (at, struct.Struct(CODES[size]))
            for name, (at, size) in kernel.image.offsets.items()
            if size in CODES and "." in name
        }

    def new(self, type_name: str) -> int:
        """Room for a struct; returns its address."""
        addr = self._next
        self._next += -(-self._kernel.image.offsets[type_name][1] // 64) * 64
        assert self._next <= self._start + len(self._data)
        return addr

    def put(self, addr: int, member: str, value: int | bytes) -> None:
        """Store a field ("task_struct.pid") of a struct on the heap or in the image."""
        offset, packer = self._offsets[member]
        if isinstance(value, int):
            value &= (1 << 8 * packer.size) - 1
        at = addr + offset - self._start
        if 0 <= at < len(self._data):
            packer.pack_into(self._data, at, value)
        else:
            self._kernel.put(addr + offset, packer.pack(value))

    def link(self, head: int, nodes: Iterable[int]) -> None:
        """Make a list_head list; all addresses are those of list_heads."""
        ring = [head, *nodes]
        for before, node, after in zip([ring[-1], *ring], ring, [*ring[1:], head]):
            at = node - self._start
            if 0 <= at < len(self._data):
                struct.pack_into("<QQ", self._data, at, after, before)
            else:
                self._kernel.put_u64(node, after, before)

    def flush(self) -> None:
        """Write everything to memory."""
        self._kernel.put(self._start, self._data)


class Planter:
    """Plants tasks; `place` first, then `plant`."""

    def __init__(self, kernel: MiniKernel, tasks: list[Task]) -> None:
        self.kernel = kernel
        self.tasks = tasks
        self.stacks = StackMaker(kernel)
        sizes = ("task_struct", "signal_struct", "mm_struct")
        each = sum(kernel.image.offsets[name][1] + 64 for name in sizes)
        self.heap = Heap(kernel, -(-each * (len(tasks) + 1) // PAGE) * PAGE)
        self.init_task = kernel.sym("init_task")
        self._offsets = kernel.image.offsets
        self._chains: dict[str, Frames] = {}
        self._old_task = "task_struct.state" in self._offsets
        self._small = kernel.alloc(SMALL_STACK * len(tasks)) if len(tasks) > 1000 else 0

    def place(self) -> None:
        """Give every task its address; CPU 0's idle task is init_task."""
        for task in self.tasks:
            is_init = task.pid == 0 and task.cpu == 0
            task.addr = self.init_task if is_init else self.heap.new("task_struct")

    def plant(self) -> None:
        """Write tasks, stacks, lists and run queues."""
        by_pid = {task.pid: task for task in self.tasks if task.pid}
        children = defaultdict(list)
        groups = defaultdict(list)
        for task in self.tasks:
            task.leader_addr = by_pid.get(task.tgid, task).addr
            parent = by_pid.get(task.parent)
            task.parent_addr = parent.addr if parent else self.init_task
            self._plant_stack(task)
            self._plant_task(task)
            groups[task.leader_addr].append(task)
            if task.pid and task.is_leader:
                children[task.parent_addr].append(task)
        for group in groups.values():
            self._plant_group(group)
        for task in self.tasks:
            self._link(task.addr, "children", "sibling", children[task.addr])
        leaders = [task for task in self.tasks if task.pid and task.is_leader]
        self._link(self.init_task, "tasks", "tasks", leaders)
        self._plant_queues()
        self.heap.flush()

    def _link(self, task_addr: int, head: str, node: str, members: list[Task]) -> None:
        # A list through `node` of its members, which begins in `head` of a task_struct.
        head_at = task_addr + self._offsets["task_struct." + head][0]
        node_offset = self._offsets["task_struct." + node][0]
        self.heap.link(head_at, [task.addr + node_offset for task in members])

    def _plant_task(self, task: Task) -> None:
        put, addr = self.heap.put, task.addr
        state, cpu = "task_struct.__state", "task_struct.thread_info.cpu"
        if self._old_task:
            state, cpu = "task_struct.state", "task_struct.cpu"
        put(addr, state, task.state)
        put(addr, cpu, task.cpu)
        put(addr, "task_struct.stack", task.stack)
        flags = (PF_KTHREAD if task.kernel_thread else 0) | (PF_IDLE if task.pid == 0 else 0)
        put(addr, "task_struct.flags", flags)
        put(addr, "task_struct.on_cpu", int(task.running))
        put(addr, "task_struct.recent_used_cpu", task.cpu)
        put(addr, "task_struct.on_rq", int(task.state == 0))
        put(addr, "task_struct.prio", 120)
        task.last_arrival = CLOCK - task.pid * 1_000_000
        put(addr, "task_struct.se.exec_start", task.last_arrival)
        put(addr, "task_struct.sched_info.last_arrival", task.last_arrival)
        put(addr, "task_struct.mm", task.mm)
        put(addr, "task_struct.active_mm", task.mm)
        put(addr, "task_struct.exit_state", task.exit_state)
        put(addr, "task_struct.pid", task.pid)
        put(addr, "task_struct.tgid", task.tgid)
        put(addr, "task_struct.real_parent", task.parent_addr)
        put(addr, "task_struct.parent", task.parent_addr)
        put(addr, "task_struct.group_leader", task.leader_addr)
        put(addr, "task_struct.start_time", task.pid * 1_000_000)
        put(addr, "task_struct.comm", task.comm)
        # A running task's thread.sp is a stale one.
        put(addr, "task_struct.thread.sp", task.stack + 64 if task.running else task.sp)

    def _plant_stack(self, task: Task) -> None:
        task.stack, size, write_at = self._stack(task)
        top = task.stack + size
        if task.chain == "user":
            task.sp = top
            return
        if task.chain not in self._chains:
            chain = CHAINS[task.chain]
            regs = user_regs(0x401000, 0x7FFFFFFDE800, 35) if "entry_SYSCALL_64" in chain else ()
            make = self.stacks.running if task.chain in RUNNING_IN else self.stacks.sleeping
            self._chains[task.chain] = make(chain, regs)
        frames = self._chains[task.chain]
        task.sp, task.bp = top - frames.size, top + frames.bp
        self.kernel.machine.write(write_at + size - frames.size, frames.render(top))

    def _stack(self, task: Task) -> tuple[int, int, int]:
        # Address, size, and an address such that (it + size) is the physical end of the stack.
        if task.addr == self.init_task:
            addr = self.kernel.sym("init_stack")
            return addr, STACK_SIZE, self.kernel.phys(addr)
        if self._small:
            addr, self._small = self._small, self._small + SMALL_STACK
            return addr, SMALL_STACK, self.kernel.phys(addr)
        addr, frames = self.kernel.vmalloc(STACK_SIZE // PAGE)
        return addr, STACK_SIZE, frames[-1] + PAGE - STACK_SIZE

    def _plant_group(self, group: list[Task]) -> None:
        leader = group[0]
        leader.threads = [task.pid for task in group]
        is_init = leader.addr == self.init_task
        signal = self.kernel.sym("init_signals") if is_init else self.heap.new("signal_struct")
        self.heap.put(signal, "signal_struct.nr_threads", len(group))
        for task in group:
            self.heap.put(task.addr, "task_struct.signal", signal)
        head = signal + self._offsets["signal_struct.thread_head"][0]
        node = self._offsets["task_struct.thread_node"][0]
        self.heap.link(head, [task.addr + node for task in group])
        self._link(leader.addr, "thread_group", "thread_group", group[1:])

    def _plant_queues(self) -> None:
        for cpu in range(self.kernel.cpus):
            rq = self.kernel.per_cpu("runqueues", cpu)
            here = [task for task in self.tasks if task.cpu == cpu]
            (current,) = [task for task in here if task.running]
            (idle,) = [task for task in here if task.pid == 0]
            self.heap.put(rq, "rq.curr", current.addr)
            self.heap.put(rq, "rq.idle", idle.addr)
            self.heap.put(
                rq, "rq.nr_running", sum(task.state == 0 and task.pid > 0 for task in here)
            )
            self.heap.put(rq, "rq.clock", CLOCK + cpu)
            self.kernel.put_u64(self.kernel.per_cpu("current_task", cpu), current.addr)
