# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks: who there is, in what state, on which CPU (include/linux/sched.h)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from LinuxDump import cpus
from LinuxDump.task_lists import all_threads, is_plausible
from pykdump import collector, compat, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

# v5.14 2f064a59a11f ("sched: Change task_struct::state") renamed state to __state.
compat.member("struct task_struct", "State", "__state", "state")
# v5.16 bcf9033e5449 ("sched: move CPU field back into thread_info if THREAD_INFO_IN_TASK=y")
compat.member("struct task_struct", "Cpu", "thread_info.cpu", "cpu")
# Without CONFIG_SCHED_INFO only the start of the current time slice is known.
compat.member("struct task_struct", "Last_ran", "sched_info.last_arrival", "se.exec_start")

# include/linux/sched.h
TASK_UNINTERRUPTIBLE = 0x2
TASK_NOLOAD = 0x400  #: set with the above: an idle kernel thread, not a stuck one
TASK_IDLE = TASK_UNINTERRUPTIBLE | TASK_NOLOAD
_TASK_RTLOCK_WAIT = 0x1000
_TASK_FROZEN = 0x8000
_TASK_REPORT = 0x7F
# fs/proc/array.c, task_state_array: by the highest bit of state | exit_state
_STATE_LETTERS = "RSDTtXZP"

_TASK = Layout(
    "struct task_struct",
    *("pid", "tgid", "comm", "State", "exit_state", "Cpu", "Last_ran", "mm", "thread.sp", "stack"),
)
_MM = Layout("struct mm_struct", "pgd")

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (*cpus.SYMBOLS, "init_task")


class Task(NamedTuple):
    """A task as it was when the dump was taken."""

    addr: int  #: struct task_struct *
    pid: int  #: of the thread, 0 for idle tasks
    tgid: int  #: of the process
    comm: bytes
    state: str  #: as in /proc/PID/stat: R S D T t X Z P, I for an idle kernel thread
    cpu: int  #: on which it runs, or ran last
    ran_ago_ns: int | None  #: since it got the CPU last; None when the CPU's clock is unreadable
    sp_addr: int  #: thread.sp: where its registers are saved, stale while it runs; 0: no stack
    pgd_addr: int  #: its page tables, 0 without an mm_struct
    is_running: bool  #: it is the current task of its CPU
    idle_cpu: int | None  #: of an idle task: its CPU


def state_letter(state: int, exit_state: int) -> str:
    """The state that the kernel's own /proc would show for task_struct.state and exit_state."""
    # Flags may come with TASK_IDLE: __task_state_index() in include/linux/sched.h.
    if state & TASK_IDLE == TASK_IDLE:
        return "I"
    if state & (_TASK_RTLOCK_WAIT | _TASK_FROZEN):
        state = TASK_UNINTERRUPTIBLE
    return _STATE_LETTERS[((state | exit_state) & _TASK_REPORT).bit_length()]


class TaskTable:
    """All tasks of a dump: processes, their threads, and the idle task of each CPU."""

    def __init__(self) -> None:
        lowlevel.prefetch_symbols(SYMBOLS)
        with pylog.kept() as damage, collector.paused():
            self.run_queues = cpus.run_queues()
            self.tasks = _read_tasks(self.run_queues)
        self.damage = tuple(damage)  #: what could not be read
        self.by_pid = {task.pid: task for task in self.tasks if task.idle_cpu is None}
        self.by_addr = {task.addr: task for task in self.tasks}
        self.idle_count = sum(task.idle_cpu is not None for task in self.tasks)

    def current(self, cpu: int) -> Task | None:
        """The task that runs on a CPU; None when it is not known."""
        for run_queue in self.run_queues:
            if run_queue.cpu == cpu:
                return self.by_addr.get(run_queue.curr)
        return None

    def panic_task(self) -> Task | None:
        """The task that panicked, else the first that runs and is not idle, else an idle one."""
        cpu = cpus.panic_cpu()
        panicked = None if cpu is None else self.current(cpu)
        if panicked is not None:
            return panicked
        running = [task for task in self.tasks if task.is_running]
        running.sort(key=lambda task: (task.idle_cpu is not None, task.cpu))
        return running[0] if running else None


_table: tuple[lowlevel.Kernel, TaskTable] | None = None


def task_table() -> TaskTable:
    """The tasks of the open dump, read once."""
    global _table
    if _table is None or _table[0] is not lowlevel.kernel():
        _table = (lowlevel.kernel(), TaskTable())
    for text in _table[1].damage:  # each tool that goes by the tasks says what is missing
        pylog.warning(text)
    return _table[1]


# --- reading

_MAX_CPUS = 8192  # CONFIG_NR_CPUS at most


def _read_tasks(run_queues: Sequence[cpus.RunQueue]) -> list[Task]:
    init_task = lowlevel.symbol_address("init_task")
    idle = {queue.idle: queue.cpu for queue in run_queues} or {init_task: 0}
    addrs = list(dict.fromkeys([*idle, *all_threads(init_task)]))
    rows = _TASK.read_many(addrs)
    known = [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
    _warn_of_lost([addr for addr, row in zip(addrs, rows) if row is None], "cannot be read")

    sane = [(addr, row) for addr, row in known if is_plausible(row, addr in idle)]
    if len(sane) < len(known):
        kept = {addr for addr, _ in sane}
        _warn_of_lost([addr for addr, _ in known if addr not in kept], "hold no task")
    return list(_records(sane, run_queues, idle))


def _warn_of_lost(addrs: Sequence[int], why: str) -> None:
    if addrs:
        pylog.warning(
            f"{len(addrs)} task_structs {why} and are skipped, the first at {addrs[0]:#x}"
        )


def _records(
    rows: Sequence[tuple[int, Any]], run_queues: Sequence[cpus.RunQueue], idle: dict[int, int]
) -> Iterator[Task]:
    clocks = {queue.cpu: queue.clock_ns for queue in run_queues}
    running = {queue.curr for queue in run_queues}
    letters: dict[tuple[int, int], str] = {}
    mms = list({row.mm for _, row in rows if row.mm})
    pgds = {mm: row.pgd for mm, row in zip(mms, _MM.read_many(mms)) if row is not None}

    for addr, (pid, tgid, comm, state, exit_state, cpu, last_ran, mm, sp, stack) in rows:
        if cpu >= _MAX_CPUS:
            pylog.warning(f"task_struct {addr:#x}: its CPU {cpu} makes no sense, 0 is shown")
            cpu = 0
        letter = letters.get((state, exit_state))
        if letter is None:
            letter = letters[state, exit_state] = state_letter(state, exit_state)
        clock = clocks.get(cpu)
        ran_ago = None if clock is None else max(0, clock - last_ran)
        pgd, is_running = pgds.get(mm, 0), addr in running
        idle_cpu = idle.get(addr)
        saved = sp if stack else 0  # the stack of a dead task was given back
        yield Task(addr, pid, tgid, comm, letter, cpu, ran_ago, saved, pgd, is_running, idle_cpu)
