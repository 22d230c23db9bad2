# SPDX-License-Identifier: GPL-2.0-or-later
"""Taint letters of the kernel and of modules (kernel/panic.c)."""

from __future__ import annotations

from LinuxDump import modules
from pykdump import lowlevel
from pykdump.errors import PykdumpError

#: For taint letters: what they mean (Documentation/admin-guide/tainted-kernels.rst).
MEANINGS = {
    "P": "proprietary module",
    "F": "module was force loaded",
    "S": "processor out of its specification",
    "R": "module was force unloaded",
    "M": "machine check",
    "B": "bad page",
    "U": "user space asked for it",
    "D": "the kernel had an oops or BUG",
    "A": "ACPI table overridden",
    "W": "the kernel gave a warning",
    "C": "staging driver",
    "I": "workaround of a bug in firmware",
    "O": "module from outside the kernel's tree",
    "E": "unsigned module",
    "L": "soft lockup",
    "K": "live patched",
    "X": "of the distribution's own",
    "T": "randomized struct layout",
    "N": "in-kernel test",
    "J": "fwctl",
}


def of_kernel() -> str:
    """The letters of the kernel's taint, "" where it has none or it cannot be read."""
    addr = lowlevel.find_symbol("tainted_mask")
    try:
        return modules.taint_letters(lowlevel.read_uint(addr, 8)) if addr else ""
    except PykdumpError:
        return ""
