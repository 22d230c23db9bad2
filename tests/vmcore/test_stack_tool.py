# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump stack` beside what the guest knew: system calls, planted waits, the panic."""

from __future__ import annotations

import re
from typing import Any

import pytest
from gdb_run import Run, launch

from harness import Vmcore

_stacks: dict[str, list[dict[str, Any]]] = {}


def run(vmcore: Vmcore, *commands: str) -> Run:
    files = next(iter(vmcore.forms.values()))
    words = [word for command in commands for word in ("-c", command)]
    return launch(vmcore.vmlinux, *files, "--batch", *words)


@pytest.fixture
def stacks(vmcore: Vmcore) -> list[dict[str, Any]]:
    """The records of all tasks."""
    if vmcore.name not in _stacks:
        _stacks[vmcore.name] = run(vmcore, "pykdump stack -A --json").json()["stacks"]
    return _stacks[vmcore.name]


def by_pid(stacks: list[dict[str, Any]], pid: int) -> dict[str, Any]:
    return next(stack for stack in stacks if stack["pid"] == pid)


def functions(stack: dict[str, Any]) -> list[str]:
    return [frame["function"] for frame in stack["frames"] if frame["function"]]


def test_planted_threads_wait_in_their_module(vmcore: Vmcore, stacks: list[dict[str, Any]]) -> None:
    for thread in vmcore.facts["module"]["threads"]:
        if thread["state"] == "R":
            continue
        stack = by_pid(stacks, thread["pid"])
        assert int(stack["task_addr"], 16) == thread["task"]
        modules = [frame["module"] for frame in stack["frames"]]
        if thread["comm"] not in ("pykd_unwoken", "pykd_spinner"):  # not all guests start these
            assert "pykdump_test" in modules, (thread, stack)


def test_frames_lie_on_stacks_with_names_and_end_in_user_mode_or_where_threads_begin(
    stacks: list[dict[str, Any]]
) -> None:
    for stack in stacks:
        if not stack["frames"]:
            assert (stack["state"], stack["is_complete"]) == ("Z", False), stack
            continue
        assert "unknown stack" not in [frame["stack"] for frame in stack["frames"]], stack
        kinds = [frame["kind"] for frame in stack["frames"]]
        assert "user" not in kinds[:-1]
        assert all(frame["is_reliable"] for frame in stack["frames"])


def test_user_processes_are_in_the_system_call_that_their_stack_begins_with(
    stacks: list[dict[str, Any]]
) -> None:
    compared = 0
    for stack in stacks:
        called = stack["frames"][-1]["syscall"] if stack["frames"] else None
        names = {re.sub(r"^(__)?(x64_|ia32_|do_|se_)?sys_", "", name) for name in functions(stack)}
        if called and any(name.startswith("__x64_sys_") for name in functions(stack)):
            assert called in names, stack
            compared += 1
    assert compared > 10


def test_the_panicked_instruction_is_the_one_that_the_kernel_printed(
    vmcore: Vmcore, stacks: list[dict[str, Any]]
) -> None:
    oops = re.search(r"BUG: .*?RIP: 0010:(\S+?\+0x[0-9a-f]+)/", vmcore.console, re.DOTALL)
    failed = [
        f"{frame['function']}+{frame['offset']:#x}"
        for stack in stacks
        for frame in stack["frames"]
        if frame["failed_here"]
    ]
    assert failed == ([oops.group(1)] if oops else [])


def test_frame_0_is_what_failed_or_who_called_panic(vmcore: Vmcore) -> None:
    if not re.search("Kernel panic - not syncing", vmcore.console) and "kdump" not in vmcore.name:
        pytest.skip("not applicable: this guest did not panic")
    (stack,) = run(vmcore, "pykdump stack panic --json").json()["stacks"]
    (first,) = [frame for frame in stack["frames"] if frame["number"] == 0]
    expected = {
        "6.1-panic": "sysrq_handle_crash",
        "6.1-nmi": "unknown_nmi_error",
        "6.1-kdump": "pykdump_fault_here",
        "6.12-irqfault": "pykdump_fault_here",
        "5.10-panic": "sysrq_handle_crash",
    }
    assert first["function"].startswith(expected[vmcore.name])


def test_registers_of_the_oops_are_those_that_the_kernel_printed(
    vmcore: Vmcore, stacks: list[dict[str, Any]]
) -> None:
    failed = [frame for stack in stacks for frame in stack["frames"] if frame["failed_here"]]
    if not failed:
        pytest.skip("not applicable: this guest did not die of an exception")
    oops = vmcore.console[vmcore.console.index("BUG: ") :]
    for name, ours in (("RAX", "ax"), ("RBX", "bx"), ("RSI", "si"), ("R12", "r12"), ("R15", "r15")):
        printed = re.search(rf"\b{name}: ([0-9a-f]{{16}})", oops)
        assert printed and int(printed.group(1), 16) == failed[0]["registers"][ours], name


def test_what_runs_on_a_cpu_has_the_registers_of_its_note(
    vmcore: Vmcore, stacks: list[dict[str, Any]]
) -> None:
    running = [stack for stack in stacks if stack["is_running"] and stack["is_complete"]]
    assert running
    for stack in running:
        first, *rest = stack["frames"]
        registers = first["registers"]
        assert (registers["ip"], registers["sp"]) == (
            int(first["addr"], 16),
            int(first["sp_addr"], 16),
        )
        assert len(registers) == 20  # those of struct pt_regs but for orig_ax
        assert all(not frame["registers"] for frame in rest if frame["kind"] == "call")


def test_words_choose_tasks_and_what_is_not_there_gets_a_sentence(vmcore: Vmcore) -> None:
    planted = vmcore.facts["module"]["threads"][0]
    found = run(
        vmcore,
        f"pykdump stack {planted['pid']} {planted['task']:#x} {planted['comm'][:-1]}?",
        "pykdump stack 4000000",
        "pykdump stack nosuchtask",
        "pykdump stack 0x1000",
        "pykdump stack cpu99",
        "pykdump stack -s Q",
        "pykdump stack -f (",
        "pykdump stack active",
        "pykdump stack UN --json",
    )
    assert found.out.count(f'pid {planted["pid"]} "{planted["comm"]}"') == 1
    for sentence in (
        "there is no task with pid 4000000",
        'no task is called "nosuchtask"',
        "0x1000 is no task_struct",
        "what ran on CPU 99 is not known; CPUs of this dump: 0, 1",
        "there is no task state Q",
        "( is no regular expression",
    ):
        assert sentence in found.out + found.err
    assert found.out.count(", running on CPU ") == 2
    assert {stack["state"] for stack in found.json()["stacks"]} == {"D"}
    assert "Traceback" not in found.out + found.err


def test_lines_and_arguments_leave_the_selected_thread_alone(vmcore: Vmcore) -> None:
    selected = 'printf "selected %d\\n", $_thread'
    found = run(vmcore, selected, "pykdump stack 2 -larx", "pykdump stack -Alag", selected)
    assert re.search(r"kernel/kthread\.c:\d+", found.out)
    assert re.search(r"\b(sched_mode|preempt)\b", found.out)
    assert not re.search("Error|Exception", found.err), found.err
    before, after = re.findall(r"^selected (\d+)$", found.out, re.MULTILINE)
    assert before == after
