# SPDX-License-Identifier: GPL-2.0-or-later
"""Importing a model of LinuxDump needs no dump and brings no other subsystem."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Modules that scripts import, and the subsystems that each stands on.
MODELS: dict[str, set[str]] = {
    **dict.fromkeys(
        ("percpu", "trees", "idr", "libmisc", "kmem", "crashcolor", "crashhelper"), set()
    ),
    **dict.fromkeys(("Slab", "kobjects", "kernfs", "sysfs", "pci", "dlkm"), set()),
    **dict.fromkeys(("Time", "BTstack", "KernLocks", "WorkQueues", "flock", "sysctl"), {"tasks"}),
    **dict.fromkeys(("fs", "fs.dcache", "fs.fs_h", "fs.ext3"), {"fs"}),
    "Tasks": {"tasks", "fs"},
    "Files": {"tasks", "fs"},
    "syscall": {"tasks", "stacks"},
    "Dev": {"block"},
}

#: What belongs to each subsystem, by the beginnings of names.
SUBSYSTEMS = {
    "tasks": ("Tasks", "task_", "cpus"),
    "stacks": ("BTstack", "stack_", "classic_stacks"),
    "fs": ("fs.", "open_files"),
    "block": ("Dev", "block_", "crash_block", "crash_requests", "scsi"),
    "network": ("inet", "net_", "socket", "network_"),
    "modules": ("modules", "module_"),
}

SCRIPT = """
import importlib, sys
sys.path[:0] = [ROOT, ROOT + "/progs"]
importlib.import_module("LinuxDump." + NAME)
print(*(name.removeprefix("LinuxDump.") for name in sys.modules if name.startswith("LinuxDump.")))
"""


@pytest.mark.parametrize("name", MODELS)
def test_importing_a_model_brings_no_other_subsystem(name: str) -> None:
    code = SCRIPT.replace("ROOT", repr(str(ROOT))).replace("NAME", repr(name))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    brought = set(run.stdout.split()) - {name}
    own = {"BTstack": {"stacks"}, "dlkm": {"modules"}}.get(name, set())
    for subsystem, beginnings in SUBSYSTEMS.items():
        if subsystem not in MODELS[name] | own:
            assert not {one for one in brought if one.startswith(beginnings)}, subsystem
