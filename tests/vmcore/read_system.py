# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes what is in /proc/sys, /sys and /proc/PID of the dump to $SYSTEM_OUT."""

import json
import os
from dataclasses import asdict

from LinuxDump import (
    kernfs_nodes,
    syscalls,
    sysctl_tables,
    sysctl_values,
    task_details,
    task_memory,
)
from LinuxDump.task_records import task_table


def sysctl(tasks):
    """Sets of tables, with the value of each file as text."""
    return [
        {
            "kind": tables.kind,
            "namespace": tables.namespace_addr,
            "entries": {
                entry.path: {
                    "handler": entry.handler,
                    "is_plain": sysctl_values.is_plain(entry),
                    "text": sysctl_values.as_text(sysctl_values.value(entry)),
                }
                for entry in sysctl_tables.entries(tables.addr)
            },
        }
        for tables in sysctl_tables.table_sets([task.addr for task in tasks])
    ]


def sysfs():
    """Type and mode of the paths asked for, and how often a path does not lead back."""
    with open(os.environ["SYSTEM_PATHS"], encoding="utf-8") as file:
        paths = json.load(file)
    found = {}
    for path in paths:
        node = kernfs_nodes.find(path)
        found[path] = node and {**asdict(node), "path": kernfs_nodes.path(node.addr)}
    return found


def in_pids(tasks, records):
    """Records by pid."""
    return {task.pid: record and asdict(record) for task, record in zip(tasks, records)}


def main():
    """Collect and write."""
    tasks = [task for task in task_table().tasks if task.pid]
    addrs = [task.addr for task in tasks]
    pids = {task.addr: task.pid for task in tasks}
    calls = syscalls.in_syscalls(tasks)
    found = {
        "sysctl": sysctl(tasks),
        "sysfs": sysfs(),
        "nodes": sum(1 for _ in kernfs_nodes.walk(kernfs_nodes.sysfs_root())),
        "syscalls": {number: asdict(call) for number, call in syscalls.table().items()},
        "in_syscalls": {pids[addr]: asdict(call) for addr, call in calls.items()},
        "details": in_pids(tasks, task_details.details(addrs)),
        "memory": in_pids(tasks, task_memory.memory(addrs)),
    }
    with open(os.environ["SYSTEM_OUT"], "w", encoding="utf-8") as file:
        json.dump(found, file)


main()
