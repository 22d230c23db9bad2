# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of all tasks beside the guest's /proc/PID/stack and the trace of its panic."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import launch

from harness import Vmcore

HERE = Path(__file__).resolve().parent
USER_HALF = 1 << 63


@pytest.fixture(scope="module")
def found(vmcore: Vmcore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What read_stacks.py wrote for this dump."""
    out = tmp_path_factory.mktemp("stacks") / "stacks.json"
    files = next(iter(vmcore.forms.values()))
    script = f"source {HERE / 'read_stacks.py'}"
    run = launch(vmcore.vmlinux, *files, "--batch", "-c", script, env={"STACKS_OUT": str(out)})
    assert out.exists(), run
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def test_sleeping_tasks_have_the_stack_that_proc_showed(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    compared = 0
    for task in vmcore.facts["tasks"]:
        stack = found["stacks"].get(str(task["pid"]))
        if not task["stack"] or stack is None or has_run_since(task, stack):
            continue
        ours = [
            frame["at"]
            for frame in stack["frames"]
            if frame["kind"] != "user" and not frame["scheduler"]
        ]
        assert (ours, stack["complete"]) == (proc_frames(task["stack"]), True), task["comm"]
        compared += 1
    assert compared > 100


def has_run_since(task: dict[str, Any], stack: dict[str, Any]) -> bool:
    counts = re.findall(r"voluntary_ctxt_switches:\t(\d+)", task["status"])
    return bool(stack["running"]) or sum(map(int, counts)) != stack["switches"]


def proc_frames(text: str) -> list[str]:
    return re.findall(r"^\[<0>\] (\S+\+0x[0-9a-f]+)/", text, re.MULTILINE)


def test_gdb_has_the_same_frames_and_knows_all_their_names(found: dict[str, Any]) -> None:
    for tid, stack in found["stacks"].items():
        if "gdb" not in stack:
            continue
        ours = [frame["addr"] for frame in stack["frames"]]
        if len(ours) > 1 and stack["frames"][-1]["kind"] == "user":
            ours.pop()  # GDB's stack ends at the frame that user mode entered
        assert stack["gdb"] == ours, (tid, stack["reason"])
        assert " ?? " not in stack["bt"], stack["bt"]
        assert stack["complete"], (tid, stack["reason"])
        names = {frame["addr"]: frame["at"].partition("+")[0] for frame in stack["frames"]}
        for address, name in re.findall(r"(0x[0-9a-f]{16}) in (\S+) \(\)$", stack["bt"], re.M):
            # As kallsyms has them, with .isra.0 and the like.
            assert name == names[int(address, 16)], stack["bt"]


def test_the_panic_has_the_frames_that_the_kernel_printed(
    vmcore: Vmcore, found: dict[str, Any]
) -> None:
    printed = panic_trace(vmcore.console)
    if not printed or "Kernel panic - not syncing" not in vmcore.console:
        pytest.skip("not applicable: this guest did not panic")
    frames = found["stacks"][str(found["panicked"])]["frames"]
    ours = [frame["at"] for frame in frames if frame["kind"] != "user"]
    missing = [at for at in printed if at not in ours]
    assert not missing, (printed, ours)
    places = [ours.index(at) for at in printed]
    assert places == sorted(places)


def panic_trace(console: str) -> list[str]:
    """The call trace of the first oops or panic, without what the kernel was not sure of."""
    match = re.search(r"Call Trace:\s*\r?\n(.*?)(</TASK>|---\[ end)", console, re.DOTALL)
    lines = match.group(1).splitlines() if match else []
    found = (re.match(r"\[[^]]*\]\s+(\? )?(\S+\+0x[0-9a-f]+)/", line.strip()) for line in lines)
    # What panic() itself calls to print the trace is gone when the dump is taken.
    printing = ("dump_stack", "show_stack", "panic", "vpanic", "nmi_panic")
    return [
        line.group(2)
        for line in found
        if line and not line.group(1) and not line.group(2).startswith(printing)
    ]
