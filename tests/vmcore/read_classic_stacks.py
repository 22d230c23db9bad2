# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: what scripts get of the classic BTstack and percpu; JSON to $CLASSIC_OUT."""

import json
import os

from LinuxDump.BTstack import *  # noqa: F403
from LinuxDump.percpu import *  # noqa: F403

with open(os.environ["FACTS"], encoding="utf-8") as file:
    planted = json.load(file)["module"]["percpu"]

stacks = exec_bt("foreach bt")  # noqa: F405
dynamic = planted["dynamic"]
as_struct = readSU("struct list_head", dynamic)  # noqa: F405
found = {
    "stacks": {stack.pid: [f"{f.func}+{f.offset:#x}" for f in stack.frames] for stack in stacks},
    "comms": {stack.pid: stack.cmd for stack in stacks},
    "one": [len(exec_bt(f"bt {stack.pid}")) for stack in stacks[-3:]],  # noqa: F405
    "waiters": sorted(fastSubroutineStacks().find_pids_byfuncname("mutex_waiter")),  # noqa: F405
    "dynamic": [percpu_ptr(dynamic, cpu) for cpu in range(CPUS)],  # noqa: F405
    "struct": [
        (int(percpu_ptr(as_struct, cpu)), percpu_ptr(as_struct, cpu).PYT_symbol)  # noqa: F405
        for cpu in range(CPUS)  # noqa: F405
    ],
    "sum": percpu_counter_sum(planted["counter"]["address"]),  # noqa: F405
    "runqueues": [readSU("struct rq", a).cpu for a in get_cpu_var("runqueues")],  # noqa: F405
    "type": get_cpu_var_type("runqueues"),  # noqa: F405
}
with open(os.environ["CLASSIC_OUT"], "w", encoding="utf-8") as file:
    json.dump(found, file)
