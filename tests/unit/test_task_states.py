# SPDX-License-Identifier: GPL-2.0-or-later
"""State letters are those of fs/proc/array.c; build-ids those of the kernel's notes."""

from __future__ import annotations

import pytest

from LinuxDump.task_records import state_letter
from pykdump_gdb.match import build_id_of_notes


@pytest.mark.parametrize(
    ("state", "exit_state", "letter"),
    [
        (0x0, 0, "R"),
        (0x1, 0, "S"),
        (0x2, 0, "D"),
        (0x102, 0, "D"),  # TASK_KILLABLE
        (0x402, 0, "I"),  # TASK_IDLE
        (0x2402, 0, "I"),  # freezable
        (0x2001, 0, "S"),  # freezable
        (0x4, 0, "T"),
        (0x8, 0, "t"),
        (0x40, 0, "P"),
        (0x1000, 0, "D"),  # TASK_RTLOCK_WAIT
        (0x8000, 0, "D"),  # TASK_FROZEN
        (0x80, 0x20, "Z"),
        (0x80, 0x10, "X"),
        (0x800, 0, "R"),  # TASK_NEW
    ],
)
def test_letter_of_state(state: int, exit_state: int, letter: str) -> None:
    assert state_letter(state, exit_state) == letter


def test_build_id_among_the_kernels_notes() -> None:
    # As in vmlinux's .notes: Xen's first, name and contents padded to 4 bytes.
    xen = bytes.fromhex("04000000060000000600000058656e006c696e757800aaaa")
    gnu = bytes.fromhex("040000001400000003000000474e5500") + bytes(range(20))
    assert build_id_of_notes(xen + gnu) == bytes(range(20)).hex()
    assert build_id_of_notes(xen) == build_id_of_notes(b"\xff" * 40) == ""
