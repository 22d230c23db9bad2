# SPDX-License-Identifier: GPL-2.0-or-later
"""A script as users write them: locks, workqueues, trees and times by their classic names."""

from __future__ import annotations

import json
from pathlib import Path

from gdb_run import gdb

from harness import Vmcore

#: Run in GDB: what it prints is looked at line by line, what it finds wrong raises.
SCRIPT = """
from LinuxDump.KernLocks import *
from LinuxDump.WorkQueues import *
from LinuxDump.flock import *
from LinuxDump.Time import *
from LinuxDump.Time import ktime_t
from LinuxDump.idr import *
from LinuxDump.trees import *
from LinuxDump.libmisc import *
from LinuxDump.kmem import *
from LinuxDump.crashcolor import *
from LinuxDump.crashhelper import *

import json
module = json.load(open({facts!r}))["module"]
locks = module["locks"]
decode_mutex(locks["mutex"])
decode_rwsemaphore(locks["rwsem_read"])
decode_rwsemaphore(locks["rwsem_write"])
assert [pid for pid, comm in decode_semaphore(locks["semaphore"], 0)] == {semaphore!r}
assert [task.pid for task in get_mutex_waiters(locks["mutex"])] == {mutex!r}
assert [str(task.comm) for task in get_rwsemaphore_tasks(locks["rwsem_read"])] == ["pykd_writer"]
print_all_workqueues()
print_locks()

assert [list(entry) for entry in idr_for_each(module["idr"]["idr"])] == module["idr"]["entries"]
root = readSU("struct rb_root", module["rbtree"]["root"])
nodes, node = [], rb_first(root)
while node:
    nodes.append(int(node))
    node = rb_next(node)
assert len(nodes) == len(module["rbtree"]["ids"])
assert nodes == [int(node) for node in for_all_rbtree(root)]
assert rb_first(module["rbtree_empty"]["root"]) is None
for name in "radix", "xarray", "xarray_single":
    tree = module[name]["tree"]
    for index, entry in module[name]["entries"]:
        assert radix_tree_lookup_element(tree, index)[1] == entry
    assert radix_tree_lookup_element(tree, 1 << 50) == (None, None)

assert 0 <= seconds_since_boot() - {monotonic!r} < 600
assert abs(get_ktime_j() / module["hz"] - seconds_since_boot()) < 5
assert abs(sched_clock() / 1e9 - seconds_since_boot()) < 5
assert get_uptime_fromcrash() == seconds_since_boot()
assert get_enum_string(get_enum_tag_value("PIDTYPE_SID", "pid_type"), "pid_type") == "PIDTYPE_SID"
assert arg_value("init_task") == module["init_task"]
assert run_crash_command("!echo shell").strip() == "shell"
print("SCRIPT IS DONE")
"""


def test_script_of_classic_names_finds_what_the_guest_planted(
    vmcore: Vmcore, tmp_path: Path
) -> None:
    threads = vmcore.facts["module"]["threads"]
    pids = {
        kind: [thread["pid"] for thread in threads if thread["waits_for"] == kind]
        for kind in ("mutex", "semaphore")
    }
    script = tmp_path / "script.py"
    facts = str(vmcore.directory / "facts.json")
    monotonic = vmcore.facts["monotonic"]
    script.write_text(SCRIPT.format(facts=facts, monotonic=monotonic, **pids))
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    run = gdb(f"target kdump {files}", f"source {script}", args=[vmcore.vmlinux])
    assert "SCRIPT IS DONE" in run.out, run.out + run.err
    owner = f"pid={threads[0]['pid']} cmd=pykd_owner"
    assert f"  Owner of this mutex: {owner}\n" in run.out
    assert f"  Reader of this rw_semaphore: {owner}\n" in run.out
    assert f"  Writer of this rw_semaphore: {owner}\n" in run.out
    assert "active=1 delayed=1\n" in run.out
    for line in vmcore.facts["files"]["/proc/locks"].splitlines():
        assert line in run.out


def test_classic_modules_import_without_a_dump(plugin: None) -> None:
    names = "KernLocks WorkQueues flock Time idr trees libmisc kmem crashcolor crashhelper"
    code = (
        f"import importlib, json; names = {names.split()!r}; "
        "[importlib.import_module('LinuxDump.' + name) for name in names]; "
        "from pykdump import lowlevel; print('IMPORTED', json.dumps(lowlevel.is_open()))"
    )
    run = gdb(f"python {code}")
    assert "IMPORTED " + json.dumps(False) in run.out, run.out + run.err
