# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes every task's stack, as we have it and as GDB has it, to $STACKS_OUT."""

import json
import os

import gdb

from LinuxDump import BTstack, modules, task_records
from pykdump import lowlevel
from pykdump.layout import Layout


def scheduler_ranges():
    """Code that /proc/PID/stack leaves out (in_sched_functions())."""
    for name in ("__sched_text", "__lock_text"):
        ends = [lowlevel.find_symbol(f"{name}_{end}") for end in ("start", "end")]
        if all(ends):
            yield range(*ends)


def our_stacks(tasks):
    """Frames, completeness and context switches of each task, by tid."""
    switches = Layout("struct task_struct", "nvcsw", "nivcsw")
    left_out = list(scheduler_ranges())
    for task, stack in zip(tasks, BTstack.stacks(tasks)):
        row = switches.read(task.addr)
        frames = [
            {
                "addr": frame.addr,
                "kind": frame.kind,
                "at": f"{frame.function}+{frame.offset:#x}",
                "scheduler": any(frame.addr in section for section in left_out),
            }
            for frame in stack.frames
        ]
        yield task, {
            "frames": frames,
            "complete": stack.is_complete,
            "reason": stack.reason,
            "switches": None if row is None else row.nvcsw + row.nivcsw,
            "running": task.is_running,
        }


def gdb_stack():
    """Addresses of the selected thread's frames, but for those that have no place on the stack."""
    no_place = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)
    addrs, frame = [], gdb.newest_frame()
    while frame is not None:
        if frame.type() not in no_place:
            addrs.append(frame.pc())
        try:
            frame = frame.older()
        except gdb.error:
            frame = frame.older()
    return addrs


def main():
    """Collect and write."""
    modules.add_to_tables()
    threads = {thread.ptid[1]: thread for thread in gdb.selected_inferior().threads()}
    panicked = gdb.selected_thread().ptid[1]
    stacks = {}
    for task, stack in our_stacks(task_records.task_table().tasks):
        tid = task.pid if task.idle_cpu is None else 0x40000000 + task.idle_cpu
        if task.sp_addr or task.is_running:
            threads[tid].switch()
            stack["gdb"] = gdb_stack()
            stack["bt"] = gdb.execute("bt", to_string=True)
        stacks[tid] = stack
    with open(os.environ["STACKS_OUT"], "w", encoding="utf-8") as file:
        json.dump({"stacks": stacks, "panicked": panicked}, file)


main()
