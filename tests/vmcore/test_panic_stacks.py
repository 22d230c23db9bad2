# SPDX-License-Identifier: GPL-2.0-or-later
"""The stack of each class of panic beside what the kernel said on the console."""

from __future__ import annotations

from typing import Any

import pytest
from gdb_run import launch

from harness import Vmcore

#: The kernel panicked by itself: no instruction failed.
BY_DECISION = (
    *("soft-lockup", "rcu-stall", "hung-task", "oom", "init-died"),
    "machine-check",  # what it interrupted is not its reason
)
PANIC = ("panic", "vpanic", "mce_panic")


@pytest.mark.vmcore
def test_frame_0_of_a_panic_is_what_failed_or_decided(panic_dump: Vmcore) -> None:
    (files,) = panic_dump.forms.values()
    run = launch(panic_dump.vmlinux, *files, "--batch", "-c", "pykdump stack panic --json")
    (stack,) = run.json()["stacks"]
    frames = [frame for frame in stack["frames"] if frame["kind"] != "user"]
    (first,) = (place for place, frame in enumerate(frames) if frame["number"] == 0)
    failed = [place for place, frame in enumerate(frames) if frame["failed_here"]]
    if panic_dump.facts["class"] in BY_DECISION:
        assert failed == []
        assert frames[first - 1]["function"] in PANIC
    else:
        assert failed == [first]
        assert place_of(frames[first]) == panic_dump.facts["console"]["rip"]
    assert stack["is_complete"]
    names = {frame["stack"] for frame in frames}
    assert "unknown stack" not in names
    overflowed = panic_dump.facts["class"] == "stack-overflow"
    assert ("task stack (overflowed)" in names) == overflowed


def place_of(frame: dict[str, Any]) -> str:
    """As the kernel prints it."""
    if frame["function"] is None:
        return str(hex(int(frame["addr"], 16)))
    return f"{frame['function']}+{frame['offset']:#x}/{frame['size_bytes']:#x}"
