# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes mounts, open files and places of every process to $FILES_OUT."""

import json
import os
from dataclasses import asdict

from LinuxDump import open_files
from LinuxDump.fs import mounts
from LinuxDump.task_records import task_table
from pykdump.layout import Layout

_PROXY = Layout("struct task_struct", "nsproxy.mnt_ns")


def process(task):
    """What /proc/PID shows of it."""
    proxy = _PROXY.read(task.addr)
    return {
        "fd": [asdict(file) for file in open_files.open_files(task.addr)],
        "places": asdict(open_files.places(task.addr)),
        "namespace": proxy and proxy.nsproxy_mnt_ns,
    }


def main():
    """Collect and write."""
    leaders = [task for task in task_table().tasks if task.pid and task.pid == task.tgid]
    processes = {task.pid: process(task) for task in leaders}
    namespaces = {told["namespace"] for told in processes.values() if told["namespace"]}
    found = {
        "processes": processes,
        "mounts": {addr: [asdict(mount) for mount in mounts.mounts(addr)] for addr in namespaces},
    }
    with open(os.environ["FILES_OUT"], "w", encoding="utf-8") as file:
        json.dump(found, file)


main()
