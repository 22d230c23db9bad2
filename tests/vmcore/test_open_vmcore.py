# SPDX-License-Identifier: GPL-2.0-or-later
"""Real dumps open in every form, and GDB's threads are the tasks that the guest itself listed."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from gdb_run import IDLE_TID, Run, gdb, launch

from harness import Vmcore

#: States between which a task that nobody looks at may change.
RESTLESS = set("RSDI")

ANSWERS = (
    "p init_task.comm",
    "p jiffies_64",
    "x/4gx &init_task",
    "p $pyk_task(1)->comm",
    "ptype/o struct list_head",
)

_opened: dict[tuple[str, str], Run] = {}


def opened(vmcore: Vmcore, form: str) -> Run:
    """Status, threads and tasks of one form of a dump; GDB runs once for all tests."""
    key = (vmcore.name, form)
    if key not in _opened:
        files = " ".join(map(str, vmcore.forms[form]))
        _opened[key] = gdb(
            f"target kdump {files}",
            "pykdump status --json",
            "info threads",
            args=[vmcore.vmlinux],
        )
    return _opened[key]


def first_form(vmcore: Vmcore) -> str:
    return next(iter(vmcore.forms))


def listed(run: Run) -> dict[int, dict[str, str]]:
    """Threads other than idle ones, by pid."""
    return {int(row["tid"]): row for row in run.threads() if int(row["tid"]) < IDLE_TID}


def settled(vmcore: Vmcore) -> dict[int, dict[str, Any]]:
    """The guest's tasks, by pid, without those that come and go at any time."""
    tasks = {task["pid"]: task for task in vmcore.facts["tasks"]}
    return {pid: task for pid, task in tasks.items() if not is_worker(task["comm"])}


def is_worker(comm: str) -> bool:
    return re.match(r"kworker/(u?\d+:)", comm) is not None


def test_info_threads_lists_the_guests_pids_and_no_other(vmcore: Vmcore) -> None:
    rows = listed(opened(vmcore, first_form(vmcore)))
    ours = {pid for pid, row in rows.items() if not is_worker(row["comm"] or "")}
    # What writes the facts down may fork when it is done.
    late = {pid for pid in ours if rows[pid]["comm"] == "pykdump-facts"}
    assert ours - late == set(settled(vmcore)) - late


def test_every_thread_has_the_guests_comm_and_state(vmcore: Vmcore) -> None:
    rows = listed(opened(vmcore, first_form(vmcore)))
    wrong = []
    for pid, task in settled(vmcore).items():
        comm, state = rows[pid]["comm"], rows[pid]["state"]
        # /proc shows the full name of a kernel thread, task_struct has 15 bytes of it.
        expected = bytes.fromhex(task["comm_hex"])[:15]
        if expected.isascii() and expected.decode().isprintable() and comm != expected.decode():
            wrong.append((pid, comm, expected))
        may_differ = task["kernel_thread"] or task["state"] == "R" or pid == 1
        may_differ |= pid in (vmcore.facts["collector"], vmcore.facts["tasks"][-1]["pid"])
        if state != task["state"] and not (may_differ and {state, task["state"]} <= RESTLESS):
            wrong.append((pid, state, task["state"]))
    assert not wrong


def test_planted_tasks_are_in_their_states(vmcore: Vmcore) -> None:
    rows = listed(opened(vmcore, first_form(vmcore)))
    planted = [
        task
        for task in vmcore.facts["planted"].values()
        if isinstance(task, dict) and "pid" in task and len(task.get("state", "")) == 1
    ]
    assert {task["pid"]: rows[task["pid"]]["state"] for task in planted} == {
        task["pid"]: task["state"] for task in planted
    }


def test_every_form_shows_the_same_threads_and_the_same_panic(vmcore: Vmcore) -> None:
    first = opened(vmcore, first_form(vmcore))
    for form in vmcore.forms:
        run = opened(vmcore, form)
        status = run.json()
        assert status["release"] == vmcore.release
        assert status["files"] == [str(path) for path in vmcore.forms[form]]
        if "list of processes is broken" in run.err:
            # makedumpfile does not know this kernel's page flags, and left pages out that it needs.
            known = {row["tid"]: row for row in first.threads()}
            for row in run.threads():
                assert {**known[row["tid"]], "mark": "", "num": ""} == {
                    **row,
                    "mark": "",
                    "num": "",
                }
            continue
        assert run.threads() == first.threads(), (form, run.err)
        assert status["panic_task"] == first.json()["panic_task"]


def test_status_says_what_the_guest_said(vmcore: Vmcore) -> None:
    status = opened(vmcore, first_form(vmcore)).json()
    symbols = vmcore.facts["symbols"]
    text = re.search(r"^(\w+) T _text$", _nm(vmcore), re.MULTILINE)
    assert text is not None
    assert int(status["kaslr_offset_addr"], 16) == symbols["_text"] - int(text[1], 16)
    assert status["cpus_present"] == 2
    assert abs(status["crash_time"] - vmcore.facts["realtime"]) < 300
    assert 0 <= status["uptime_s"] - int(vmcore.facts["monotonic"]) < 300
    assert (status["panic_cpu"] is not None) == (vmcore.facts["trigger"] != "none")
    logged = re.findall(r"Kernel panic - not syncing: .*", vmcore.console)
    assert status["panic_message"].splitlines() == [line.strip() for line in logged[:1]]


def _nm(vmcore: Vmcore) -> str:
    done = subprocess.run(["nm", str(vmcore.vmlinux)], capture_output=True, text=True, check=True)
    return done.stdout


def test_first_questions_are_answered(vmcore: Vmcore) -> None:
    asked = [word for command in ANSWERS for word in ("-c", command)]
    run = launch(*vmcore.forms[first_form(vmcore)], vmcore.vmlinux, *asked)
    assert run.status == 0, run.err
    assert '"swapper/0' in run.out and "total size (bytes):   16" in run.out


@pytest.mark.parametrize("other", ["6.1", "6.12"])
def test_a_vmlinux_of_another_kernel_is_refused(other: str, vmcore: Vmcore) -> None:
    if vmcore.vmlinux.parent.name == other:
        pytest.skip("not applicable: it is this kernel's own")
    wrong = vmcore.vmlinux.parent.parent / other / "vmlinux"
    if not wrong.exists():
        pytest.skip(f"not applicable: {wrong} is not made yet")
    run = launch(*vmcore.forms[first_form(vmcore)], wrong)
    assert run.status == 2
    assert len(set(re.findall(r"\b[0-9a-f]{40}\b", run.err))) == 2
