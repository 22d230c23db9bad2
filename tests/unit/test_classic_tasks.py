# SPDX-License-Identifier: GPL-2.0-or-later
"""States, flags and times of tasks as scripts see them."""

from __future__ import annotations

import pytest

from LinuxDump.sysctl_values import as_text
from LinuxDump.task_clocks import ms2uptime, sched_clock2ms
from LinuxDump.task_states import TASK_STATE, decode_tflags, task_state_str


@pytest.mark.parametrize(
    "state, text",
    [
        (0, "TASK_RUNNING"),
        (1, "TASK_INTERRUPTIBLE"),
        (2, "TASK_UNINTERRUPTIBLE"),
        (0x402, "TASK_IDLE"),
        (0x20, "EXIT_ZOMBIE"),
        (3, "TASK_INTERRUPTIBLE|TASK_UNINTERRUPTIBLE"),
        (0x200, "state:512"),
    ],
)
def test_states_are_spelled_out(state: int, text: str) -> None:
    assert TASK_STATE.task_state2str(state) == text


@pytest.mark.parametrize(
    "state, code",
    [(0, "RU"), (1, "IN"), (0x102, "UN"), (0x402, "ID"), (0x80, "DE"), (0x20, "ZO"), (8, "TR")],
)
def test_states_have_two_letters(state: int, code: str) -> None:
    assert task_state_str(state) == code


def test_flags_of_threads_have_names() -> None:
    assert decode_tflags(1 << 3) == "TIF_NEED_RESCHED"
    assert decode_tflags(1 << 3 | 1 << 2, 4) == "SIGPENDING|NEED_RESCHED"


def test_times_are_written_as_uptime_does() -> None:
    assert ms2uptime(90_061_999) == "1 days, 01:01:01"
    assert sched_clock2ms(1_999_999) == 1


def test_values_of_sysctls_are_separated_by_tabs() -> None:
    assert as_text((4, 2, 30)) == "4\t2\t30"
    assert as_text(None) == "" and as_text("core") == "core"
