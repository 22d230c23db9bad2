# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks for scripts: ``from LinuxDump.Tasks import *`` gives all of this, and the API."""

# What is imported here is what scripts import from here.
# flake8: noqa: F401

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from LinuxDump import cpus
from LinuxDump.task_classes import Task, TaskTable
from LinuxDump.task_clocks import (
    get_uptime,
    jiffie_clock_base,
    jiffies2ms,
    ms2uptime,
    sched_clock2ms,
)
from LinuxDump.task_records import task_table as task_table
from LinuxDump.task_reports import (
    get_ipcs_m,
    get_task_shm_usage,
    print_memory_stats,
    print_mm_stats,
    print_namespaces_info,
    print_pid_namespaces,
    tasksSummary,
    vma2sysv,
)
from LinuxDump.task_states import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    TASK_INTERRUPTIBLE,
    TASK_PARKED,
    TASK_RUNNING,
    TASK_STATE,
    TASK_STOPPED,
    TASK_TRACED,
    TASK_UNINTERRUPTIBLE,
    decode_tflags,
    getTaskState,
    task_state_color,
    task_state_str,
)
from LinuxDump.task_waits import decode_waitq, get_ioctx_list
from pykdump import compat, vmcorearch
from pykdump.accounting import get_task_mem_usage
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult

#: The text of a task's state: ``TASK_INTERRUPTIBLE``.
task_state2str = TASK_STATE.task_state2str


def getRunQueues() -> list[StructResult]:
    """``struct rq`` of each CPU."""
    return [readSU("struct rq", queue.addr) for queue in cpus.run_queues()]


class _Addresses(Sequence[int]):
    # Read when somebody looks, not when a script imports the name.
    def __getitem__(self, index: Any) -> Any:
        return [queue.addr for queue in cpus.run_queues()][index]

    def __len__(self) -> int:
        return len(cpus.run_queues())

    def __repr__(self) -> str:
        return repr(list(self))


#: Address of the ``struct rq`` of each CPU.
runqueues_addrs = _Addresses()
vmcorearch.declare_late("runqueues_addrs", lambda: list(runqueues_addrs))

__getattr__ = with_api(globals())

# More names of members, for scripts; State, Cpu and Last_ran are in task_records.
compat.member("struct task_struct", "_Last_ran", "sched_info.last_arrival", "se.exec_start")
compat.member("struct task_struct", "Uid", "cred.uid.val", "cred.uid")
compat.member("struct task_struct", "User", "cred.user")
compat.member("struct task_struct", "Realparent", "real_parent", "parent")
compat.member("struct rq", "Timestamp", "clock", "timestamp_last_tick")
compat.member("struct rq", "Active", "active")
compat.member("struct rq", "Expired", "expired")
compat.member("struct wait_queue_entry", "Task", "private")
