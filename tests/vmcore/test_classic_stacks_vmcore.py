# SPDX-License-Identifier: GPL-2.0-or-later
"""The classic BTstack and percpu modules beside what the guest and its module knew."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_classic_stacks.py"

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What a script saw, run once for each dump."""
    if vmcore.name not in _found:
        out = tmp_path / "classic.json"
        files = next(iter(vmcore.forms.values()))
        commands = [f"target kdump {' '.join(map(str, files))}", f"source {SCRIPT}"]
        environ = {"CLASSIC_OUT": str(out), "FACTS": str(vmcore.directory / "facts.json")}
        run = gdb(*commands, args=[vmcore.vmlinux], env=environ)
        assert out.exists(), run.out + run.err
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


def test_stacks_of_blocked_tasks_have_the_functions_of_proc(vmcore: Vmcore, found: Any) -> None:
    compared = 0
    for task in vmcore.facts["tasks"]:
        if task["state"] != "D" or not task["stack"] or task["comm"].startswith("kworker"):
            continue
        told = re.findall(r"^\[<0>\] (\S+\+0x[0-9a-f]+)/", task["stack"], re.MULTILINE)
        ours = found["stacks"][str(task["pid"])]
        if ours[-len(told) :] == told:
            compared += 1
        assert found["comms"][str(task["pid"])] == task["comm"]
    assert compared >= 3
    assert found["one"] == [1, 1, 1]


def test_functions_lead_to_the_tasks_that_the_module_planted(vmcore: Vmcore, found: Any) -> None:
    threads = vmcore.facts["module"]["threads"]
    planted = [thread["pid"] for thread in threads if thread["waits_for"] == "mutex"]
    assert set(planted) <= set(found["waiters"])


def test_per_cpu_pointers_counters_and_variables(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["module"]["percpu"]
    addrs = [cpu["dynamic_address"] for cpu in planted["cpus"]]
    assert found["dynamic"] == addrs
    assert found["struct"] == [[addr, "struct list_head"] for addr in addrs]
    assert found["sum"] == planted["counter"]["sum"]
    assert found["runqueues"] == [cpu["cpu"] for cpu in planted["cpus"]]
    assert found["type"] == "struct rq"
