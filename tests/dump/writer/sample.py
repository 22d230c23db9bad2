# SPDX-License-Identifier: GPL-2.0-or-later
"""A small machine without a kernel: page frames that a test can tell apart."""

from __future__ import annotations

import random
import struct

from .machine import PAGE, Machine
from .notes import prstatus, vmcoreinfo_text

RAM = ((0, 0xA0000), (0x100000, 0x1000000), (0x100000000, 0x100400000))
FILLED = (*range(0x100, 0x180), *range(0x100000, 0x100040))  # page frames that are not zero
NOISE_PFN = 0x180  # does not compress
EXCLUDED_PFNS = (0x110, 0x111, 0x112, 0xFFF)


def full_machine() -> Machine:
    """RAM in three ranges; page frames of FILLED begin with their own number."""
    machine = Machine(ram=RAM)
    for pfn in FILLED:
        machine.write(pfn * PAGE, struct.pack("<Q", pfn) * (PAGE // 8))
    machine.write(NOISE_PFN * PAGE, random.Random(1).randbytes(PAGE))
    machine.vmcoreinfo = vmcoreinfo_text({"OSRELEASE": "6.1.0-mini", "PAGESIZE": PAGE})
    machine.notes = [prstatus(pid, {"rip": 0xFFFFFFFF81000000 + pid}) for pid in (11, 22)]
    return machine
