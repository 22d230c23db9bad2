# SPDX-License-Identifier: GPL-2.0-or-later
"""progs/stack.py: lines made of records."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

import stack  # noqa: E402
from LinuxDump import BTstack, modules, stack_areas, stack_details  # noqa: E402
from LinuxDump.BTstack import Frame  # noqa: E402
from LinuxDump.stack_details import (  # noqa: E402
    FrameRecord,
    TaskStack,
    _failed_at,
    _first_of_interest,
)
from LinuxDump.task_records import Task  # noqa: E402
from pykdump.frames import Argument, SourceLine  # noqa: E402

CALL = FrameRecord(
    number=0,
    addr=0x1010,
    sp_addr=0x8000,
    kind="call",
    function="schedule",
    offset=0x10,
    size_bytes=0x40,
    module="",
    is_reliable=True,
    stack="task stack",
    failed_here=False,
    regs_addr=0,
    registers=None,
    syscall=None,
    source=(),
    arguments=(),
)
USER = replace(CALL, kind="user", function=None, addr=0x400, stack="user stack", syscall="read")


def task(*frames: FrameRecord, pid: int = 7, **more: Any) -> TaskStack:
    told: dict[str, Any] = {
        **dict(task_addr=0xFF00, pid=pid, tgid=pid, comm="dd", state="D", cpu=1, is_running=False),
        **dict(ran_ago_ns=1_500_000_000, frames=frames, is_complete=True, reason=""),
    }
    return TaskStack(**{**told, **more})


def lines(*words: str, tasks: list[TaskStack]) -> list[str]:
    options = stack.TOOL.parser("stack").parse_args(words)
    return list(stack.render(stack.Stacks(tuple(tasks)), options))


def test_a_sleeping_task_ends_in_user_mode_with_its_system_call() -> None:
    assert lines(tasks=[task(CALL, USER)]) == [
        'pid 7 "dd" task 0xff00 D on CPU 1, ran 1.500 s ago',
        " task stack",
        "  #0   schedule+0x10/0x40",
        " user mode, ip 0x400 sp 0x8000, in system call read",
    ]


def test_stacks_are_named_where_they_change_and_frames_are_marked() -> None:
    in_irq = replace(CALL, number=None, stack="IRQ stack", is_reliable=False, module="m")
    hit = replace(CALL, kind="regs", function=None, failed_here=True)
    shown = lines(tasks=[task(in_irq, hit, replace(hit, number=1, failed_here=False))])
    assert shown[1:] == [
        " IRQ stack",
        "  ?    schedule+0x10/0x40 [m]",
        " task stack",
        "  #0   0x1010  (failed here)",
        "  #1   0x1010  (interrupted)",
    ]


def test_a_damaged_stack_says_why_it_ends() -> None:
    assert lines(tasks=[task(is_complete=False, reason="a loop")])[1:] == ["  ends here: a loop"]


def test_equal_stacks_are_one_group_and_the_largest_comes_first() -> None:
    other = replace(CALL, function="wait")
    tasks = [task(other, pid=1), task(CALL, USER, pid=2), task(CALL, replace(USER, addr=8), pid=3)]
    shown = lines("-g", tasks=tasks)
    assert shown[0] == "2 tasks with this stack:"
    assert [line.split()[1] for line in shown if line.startswith("pid")] == ["2", "3", "1"]
    assert " user mode, in system call read" in shown  # no ip: each has its own


def test_source_lines_name_inlined_functions_and_arguments_follow() -> None:
    source = (SourceLine("inner", "a.h", 3), SourceLine("schedule", "b.c", 9))
    frame = replace(CALL, source=source, arguments=(Argument("x", "1"), Argument("y", "2")))
    shown = lines("-l", "-a", "-x", tasks=[task(frame)])
    assert shown[2:] == [
        "  #0   [0000000000008000] 0000000000001010 schedule+0x10/0x40",
        "          a.h:3  inner (inlined)",
        "          b.c:9",
        "          x=1, y=2",
    ]
    assert lines("-l", tasks=[task(frame)])[3:] == shown[3:5]
    assert lines("-a", tasks=[task(frame)])[3:] == shown[5:]


def test_registers_stand_three_in_a_line() -> None:
    frame = replace(USER, registers={"ip": 1, "cs": 0x33, "flags": 2, "sp": 3})
    assert lines("-r", tasks=[task(frame)])[2:] == [
        "          ip 0000000000000001      cs 0000000000000033   flags 0000000000000002",
        "          sp 0000000000000003",
    ]


def test_no_task_is_said() -> None:
    assert lines(tasks=[]) == ["no task matches"]


def test_a_stack_pointer_in_anothers_stack_has_no_frames_but_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = stack_areas.Area("task stack", 0x8000, 0xC000)
    sleeps = Task(0xFF00, 7, 7, b"dd", "S", 1, None, 0xBF00, 0, False, None)
    others = BTstack.Stack(frames(("schedule", "top")), True, "")
    for name, answer in (("task_stack", own), ("cpu_stacks", [])):
        monkeypatch.setattr(stack_areas, name, lambda _, answer=answer: answer)
    monkeypatch.setattr(stack_details.cpus, "registers_by_cpu", dict)
    monkeypatch.setattr(modules, "add_to_tables", list)
    monkeypatch.setattr(BTstack, "stacks", lambda tasks, notes, starts: [others] * len(tasks))
    monkeypatch.setattr(stack_details, "task_table", lambda: SimpleNamespace(panic_task=int))
    tasks = [sleeps, sleeps._replace(sp_addr=0x4000), sleeps._replace(sp_addr=0)]
    right, astray, dead = stack_details.task_stacks(tasks)
    assert (len(right.frames), right.is_complete) == (1, True)
    assert (len(astray.frames), astray.is_complete) == (0, False)
    assert astray.reason == (
        "the stack pointer 0x4000 (struct task_struct.thread.sp) is not in its stack, "
        "0x8000 to 0xc000"
    )
    assert len(dead.frames) == 1  # the unwinder says what it is


def frames(*told: tuple[str, str]) -> list[Frame]:
    return [Frame(1, 2, kind, 0, function, 0, "") for function, kind in told]


def test_the_kernel_failed_where_an_exception_hit_that_led_to_panic() -> None:
    page_fault = ("asm_exc_page_fault", "call"), ("bad", "regs")
    assert _failed_at(frames(("panic", "top"), ("oops_end.cold", "call"), *page_fault)) == 3
    warned = frames(("panic", "top"), ("report_bug", "call"), ("asm_exc_invalid_op", "call"))
    assert _failed_at([*warned, *frames(("bad", "regs"))]) == 3
    old = frames(("die", "top"), ("invalid_op", "call"), ("bad", "regs"))
    assert _failed_at(old) == 2


def test_an_interrupt_or_nmi_on_the_way_is_no_failure() -> None:
    entries = ("asm_sysvec_apic_timer_interrupt", "asm_exc_nmi", "asm_exc_machine_check")
    for entry in (*entries, "nmi", "machine_check"):
        died = frames(("panic", "top"), ("die", "call"), (entry, "call"), ("f", "regs"))
        assert _failed_at(died) is None


def test_a_page_fault_that_finds_no_memory_is_not_what_failed() -> None:
    told = frames(("panic", "top"), ("out_of_memory", "call"), ("asm_exc_page_fault", "call"))
    assert _failed_at([*told, *frames(("clear_user", "regs"))]) is None
    assert _first_of_interest(told, None) == 1


def test_kdump_notes_the_registers_of_the_failure_itself() -> None:
    assert _failed_at(frames(("bad", "top"), ("do_syscall_64", "call"))) == 0
    assert _failed_at(frames(("__crash_kexec", "top"), ("panic", "call"))) is None


def test_frames_count_from_what_failed_or_called_panic() -> None:
    sysrq = frames(("panic", "top"), ("sysrq_handle_crash", "call"))
    assert _first_of_interest(sysrq, None) == 1
    assert _first_of_interest(sysrq, 7) == 7
    assert _first_of_interest(frames(("do_wait", "top")), None) == 0
