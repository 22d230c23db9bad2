# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for completions: of work, of I/O, of threads, of RCU, or of nobody knows whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LinuxDump import percpu
from LinuxDump.hangs import work_waits
from LinuxDump.hangs.entries import offset
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.request_waits import io_of_object_with, io_with_private
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.task_records import Task
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

_COMPLETION = "struct completion"
# v5.17 e32cf5dfbe22 ("kthread: Generalize pf_io_worker so it can point to struct kthread")
compat.member("struct task_struct", "Kthread", "worker_private", "set_child_tid")
_THREADS = Layout("struct task_struct", "Kthread", "vfork_done")
_RCU_NODE = Layout("struct rcu_node", "qsmask", "grplo", "grphi", "level", "gp_tasks")
_MAX_NODES = 1 << 12


def completion(finder: Finder, sleeper: Sleeper) -> Target:
    """In wait_for_completion() and the like: its caller tells what is completed."""
    for names, find in _BY_CALLER:
        if sleeper.has(*names):
            return find(finder, sleeper)
    addr, evidence = completion_of(finder, sleeper)
    if not addr:
        return Target("completion", "", evidence=f"it is in {sleeper.waits_in}()")
    key = add_completion(finder, sleeper, addr)
    if not finder.is_linked(key):
        io = io_of_object_with(finder, addr)
        finder.link(key, io, "told by the end of", "bio.bi_private is the object that it lies in")
    return Target("completion", key, evidence=evidence)


def completion_of(finder: Finder, sleeper: Sleeper) -> tuple[int, str]:
    """Address of the completion that a task waits for, with the evidence; 0 when not found."""
    spelling = compat.spelling(_COMPLETION, "Wait")
    is_simple = spelling == "wait.task_list"
    struct = "struct swait_queue" if is_simple else "struct wait_queue_entry"
    entry = finder.entries.find(sleeper, struct)
    if entry is None or not entry.head_addr:
        return 0, ""
    at = lowlevel.member(_COMPLETION, spelling).offset
    return entry.head_addr - at, f"its {struct} {entry.addr:#x} is in the list"


def add_completion(finder: Finder, sleeper: Sleeper, addr: int) -> str:
    """The node of a completion; one on the waiter's own stack is named after who made it."""
    if finder.is_on_stack_of(sleeper, addr):
        text = f"completion {addr:#x} that {sleeper.caller}() has on its stack"
        return finder.add("completion", addr, text)
    return finder.add_named("completion", addr)


# --- threads and children


def kthread_stop(finder: Finder, sleeper: Sleeper) -> Target:
    """In kthread_stop(): for ``kthread.exited`` of the thread."""
    addr, evidence = completion_of(finder, sleeper)
    kthread = addr - offset("struct kthread", "exited") if addr else 0
    for task, row in _thread_rows(finder):
        if kthread and row.Kthread == kthread:
            key = finder.add("completion", addr, f'the end of pid {task.pid} "{_comm(task.comm)}"')
            finder.link(key, finder.add_known_task(task), "of", "kthread.exited")
            return Target("kthread_stop", key, "exit", evidence=evidence, addr=task.addr)
    return Target("kthread_stop", "", evidence="the thread was not found")


def vfork(finder: Finder, sleeper: Sleeper) -> Target:
    """In kernel_clone(), for the child to exec or exit."""
    addr, evidence = completion_of(finder, sleeper)
    for task, row in _thread_rows(finder):
        if addr and row.vfork_done == addr:
            key = finder.add("completion", addr, f"vfork of pid {task.pid}: its exec or exit")
            finder.link(key, finder.add_known_task(task), "of", "task_struct.vfork_done")
            return Target("vfork", key, evidence=evidence, addr=addr)
    return Target("vfork", "", evidence=f"it is in {sleeper.caller}()")


def kthread_create(finder: Finder, sleeper: Sleeper) -> Target:
    """In kthread_create(): kthreadd makes all kernel threads."""
    key = finder.add("kthreadd", 0, "creation of a kernel thread")
    finder.link(key, _task_named(finder, b"kthreadd"), "by", "it makes all of them")
    return Target("kthread_create", key, evidence=f"it is in {sleeper.caller}()")


def _thread_rows(finder: Finder) -> list[tuple[Task, Any]]:
    tasks = finder.table.tasks
    rows = _THREADS.read_many([task.addr for task in tasks])
    return [(task, row) for task, row in zip(tasks, rows) if row is not None]


def _comm(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _task_named(finder: Finder, comm: bytes) -> str | None:
    for task in finder.table.tasks:
        if task.comm == comm:
            return finder.add_known_task(task)
    return None


# --- I/O


def bio(finder: Finder, sleeper: Sleeper) -> Target:
    """In submit_bio_wait(): the bio's end tells the completion."""
    addr, evidence = completion_of(finder, sleeper)
    key = io_with_private(finder, addr) if addr else None
    if key:
        return Target("block_request", key, evidence="bio.bi_private is its completion", addr=addr)
    node = add_completion(finder, sleeper, addr) if addr else ""
    return Target("bio", node, evidence=evidence or f"it is in {sleeper.caller}()", addr=addr)


# --- RCU


def rcu(finder: Finder, sleeper: Sleeper) -> Target:
    """In synchronize_rcu(): for CPUs, or tasks that were preempted while they read."""
    key = finder.add("rcu", 0, "a grace period of RCU")
    if not finder.is_linked(key):
        try:
            _link_readers(finder, key)
        except PykdumpError as error:
            pylog.warning(f"who holds up RCU is not known: {error}")
    return Target("rcu", key, evidence=f"it is in {sleeper.caller}()")


def _link_readers(finder: Finder, key: str) -> None:
    state = lowlevel.symbol_address("rcu_state")
    nodes = lowlevel.member("struct rcu_state", "node")
    count = nodes.size // lowlevel.sizeof("struct rcu_node")
    rows = _RCU_NODE.read_array(state + nodes.offset, min(count, _MAX_NODES))
    # The lowest level has the CPUs; nodes that are not used have none.
    used = [row for row in rows if row is not None and row.grphi >= row.grplo]
    lowest = max((row.level for row in used), default=0)
    for row in used:
        for bit in range(64) if row.level == lowest else ():
            if row.qsmask >> bit & 1:
                task = finder.table.current(row.grplo + bit)
                if task is not None:
                    evidence = f"CPU {row.grplo + bit} was in no quiescent state yet, and runs it"
                    target = finder.add_known_task(task)
                    finder.link(key, target, "held up by", evidence, inferred=True)
        if row.gp_tasks:
            node = row.gp_tasks - offset("struct task_struct", "rcu_node_entry")
            finder.link(key, finder.add_task(node, "RCU reader"), "held up by", "rcu_node.gp_tasks")


def srcu(finder: Finder, sleeper: Sleeper) -> Target:
    """In synchronize_srcu(): for all that read under this srcu_struct."""
    for word in sleeper.words():
        if _is_srcu(word):
            key = finder.add_named("srcu", word)
            evidence = f"its address lies on the stack of {sleeper.caller}()"
            return Target("srcu", key, evidence=evidence, is_inferred=True)
    return Target("srcu", "", evidence=f"it is in {sleeper.caller}()")


def _is_srcu(addr: int) -> bool:
    try:
        data = lowlevel.read_pointer(addr + offset("struct srcu_struct", "sda"))
        first = percpu.per_cpu_ptr(data, 0)
        return lowlevel.read_pointer(first + offset("struct srcu_data", "ssp")) == addr
    except ReadError:
        return False


_Find = Callable[[Finder, Sleeper], Target]
_BY_CALLER: tuple[tuple[tuple[str, ...], _Find], ...] = (
    (
        ("flush_work", "__flush_work", "__cancel_work_timer", "__cancel_work_sync"),
        work_waits.flush_work,
    ),
    (("__flush_workqueue", "flush_workqueue", "drain_workqueue"), work_waits.flush_workqueue),
    (("kthread_stop", "kthread_stop_put"), kthread_stop),
    (("wait_for_vfork_done", "kernel_clone", "_do_fork"), vfork),
    (
        ("__kthread_create_on_node", "kthread_create_on_node", "kthread_create_worker"),
        kthread_create,
    ),
    (("submit_bio_wait",), bio),
    (("__synchronize_srcu", "synchronize_srcu", "synchronize_srcu_expedited"), srcu),
    (("__wait_rcu_gp", "synchronize_rcu", "synchronize_rcu_normal", "rcu_barrier"), rcu),
)
