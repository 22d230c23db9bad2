# SPDX-License-Identifier: GPL-2.0-or-later
"""Plists and trees that a function leads through, beside what the guest said of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = """
import json
from LinuxDump import trees
from LinuxDump.futex_tables import queue_heads
from pykdump import lowlevel
from pykdump.layout import CString, Layout
from pykdump.walks import Chain, walk_chain, walk_tree

# --- futex buckets: a plist each
head_at = lowlevel.member("struct plist_head", "node_list").offset
list_at = lowlevel.member("struct futex_q", "list").offset
prio_of = Layout("struct plist_node", "prio")
waiter = Layout("struct futex_q", "task.pid", "task.comm")
plists = []
for node_list in queue_heads():
    walk = trees.plist(node_list - head_at)
    if walk.addrs or walk.end != "complete":
        rows = waiter.read_many([addr - list_at for addr in walk.addrs])
        plists.append(dict(
            end=walk.end,
            prios=[row.prio for row in prio_of.read_many(walk.addrs)],
            waiters=[[row.task_pid, row.task_comm.decode()] for row in rows],
        ))

# --- struct resource: a first child and its siblings
resource = Layout("struct resource", "start", "end", CString("name"))
child_at = lowlevel.member("struct resource", "child").offset
siblings = Chain(next_offset=lowlevel.member("struct resource", "sibling").offset)
tree = walk_tree(
    lowlevel.symbol_address("iomem_resource"),
    lambda level: [walk_chain(node + child_at, siblings).nodes for node in level],
)
rows = resource.read_many(tree.nodes)
place = {node: i for i, node in enumerate(tree.nodes)}
resources = [
    [depth, row.start, row.end, row.name.decode(), place.get(parent)]
    for row, depth, parent in zip(rows, tree.depths, tree.parents)
]
print("FOUND " + json.dumps(dict(plists=plists, end=tree.end, resources=resources)))
"""

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What was found in a dump; GDB runs once for all tests."""
    if vmcore.name not in _found:
        script = tmp_path / "plists.py"
        script.write_text(SCRIPT)
        files = " ".join(map(str, next(iter(vmcore.forms.values()))))
        run = gdb(f"target kdump {files}", f"source {script}", args=[vmcore.vmlinux])
        assert "FOUND " in run.out, run.err
        _found[vmcore.name] = json.loads(run.out.split("FOUND ", 1)[1])
    return _found[vmcore.name]


def test_plists_of_futexes_hold_those_whose_stacks_wait_there(vmcore: Vmcore, found: Any) -> None:
    told = sorted(
        [task["pid"], task["comm"]] for task in vmcore.facts["tasks"] if "futex_" in task["stack"]
    )
    assert told
    read = [waiter for plist in found["plists"] for waiter in plist["waiters"]]
    assert {plist["end"] for plist in found["plists"]} == {"complete"}
    assert [waiter for waiter in told if waiter not in read] == []
    for plist in found["plists"]:
        assert plist["prios"] == sorted(plist["prios"])


def test_tree_of_resources_is_proc_iomem(vmcore: Vmcore, found: Any) -> None:
    told = []
    for line in vmcore.facts["files"]["/proc/iomem"].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 + 1
        span, _, name = line.strip().partition(" : ")
        start, _, end = span.partition("-")
        told.append([depth, int(start, 16), int(end, 16), name])
    assert found["end"] == "complete"
    rows = found["resources"]
    assert rows[0][:1] + rows[0][3:] == [0, "PCI mem", None]
    assert sorted(row[:4] for row in rows[1:]) == sorted(told)
    for depth, start, end, _, parent in rows[1:]:
        above = rows[parent]
        assert above[0] == depth - 1 and above[1] <= start <= end <= above[2]
