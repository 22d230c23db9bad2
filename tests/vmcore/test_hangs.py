# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of guests that hang: who waits, in which state and function, as the guest wrote down."""

from __future__ import annotations

from typing import Any

import pytest
from gdb_run import launch

from harness import Vmcore

_stacks: dict[str, dict[int, dict[str, Any]]] = {}


@pytest.fixture
def stacks(hang_dump: Vmcore) -> dict[int, dict[str, Any]]:
    """The stacks of all tasks, by pid; of the idle ones only one."""
    if hang_dump.name not in _stacks:
        (files,) = hang_dump.forms.values()
        run = launch(hang_dump.vmlinux, *files, "--batch", "-c", "pykdump stack -A --json")
        found = run.json()["stacks"]
        _stacks[hang_dump.name] = {stack["pid"]: stack for stack in found}
    return _stacks[hang_dump.name]


def functions(stack: dict[str, Any]) -> list[str]:
    return [frame["function"] for frame in stack["frames"]]


def test_kernel_threads_wait_where_they_were_planted(
    hang_dump: Vmcore, stacks: dict[int, dict[str, Any]]
) -> None:
    threads = hang_dump.facts["hangs"]["threads"] + hang_dump.facts["late"]["threads"]
    assert len(threads) > 25
    for thread in threads:
        stack = stacks[thread["pid"]]
        seen = (stack["comm"], int(stack["task_addr"], 16), stack["state"])
        assert seen == (thread["comm"], thread["task"], thread["state"])
        assert thread["function"].split()[0] in functions(stack)


def test_holders_are_threads_of_the_facts(hang_dump: Vmcore) -> None:
    hangs = hang_dump.facts["hangs"]
    threads = hangs["threads"] + hang_dump.facts["late"]["threads"]
    comms = {thread["comm"] for thread in threads} | {"worker"}
    assert {thread["holder"] for thread in threads if "holder" in thread} <= comms
    assert len(hangs["disk"]["requests"]) == 2


def test_the_worker_is_stuck_in_its_work(
    hang_dump: Vmcore, stacks: dict[int, dict[str, Any]]
) -> None:
    worker = hang_dump.facts["hangs"]["worker"]
    assert worker["function"].split()[0] in functions(stacks[worker["pid"]])


def test_processes_wait_in_the_functions_that_were_noted(
    hang_dump: Vmcore, stacks: dict[int, dict[str, Any]]
) -> None:
    planted = hang_dump.facts["planted"]
    assert len(planted) > 12
    for name, process in planted.items():
        stack = stacks[process["pid"]]
        assert (stack["comm"], stack["state"]) == (process["comm"], process["state"]), name
        assert process["function"] in functions(stack), (name, stack)
        assert process["holder"] is None or process["holder"] in stacks, name
