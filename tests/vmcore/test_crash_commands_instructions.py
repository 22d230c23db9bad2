# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions of crash dis beside the text that GDB itself prints for the same code."""

from __future__ import annotations

import re

from crash_texts import texts
from harness import Vmcore

FUNCTIONS = (
    *("schedule", "vfs_read", "do_exit", "mutex_lock", "kfree", "proc_reg_open", "wake_up_process"),
    *("copy_process", "ksys_read", "do_idle", "__schedule", "memcpy", "strlen", "panic"),
)
LINE = re.compile(r"(?:=>)?\s*(0x\w+)(?: <[^>]*>)?:\s*(.*)")


def shown(text: str) -> list[tuple[str, str]]:
    matches = filter(None, map(LINE.match, text.splitlines()))
    return [(match[1], re.sub(r"\s*#", " #", match[2]).rstrip()) for match in matches]


def test_instructions_are_those_of_gdb(vmcore: Vmcore) -> None:
    asked = [word for name in FUNCTIONS for word in (f"dis {name} 40", f"gdb x/40i {name}")]
    found = texts(vmcore, asked)
    compared = 0
    for name in FUNCTIONS:
        ours, gdbs = shown(found[f"dis {name} 40"]), shown(found[f"gdb x/40i {name}"])
        assert ours == gdbs[: len(ours)], name
        compared += len(ours)
    assert compared > 400


def test_memory_that_is_not_there_is_named(vmcore: Vmcore) -> None:
    found = texts(vmcore, ["dis ffffffffff000000"])["dis ffffffffff000000"]
    assert "Cannot access memory at address 0xffffffffff000000" in found
