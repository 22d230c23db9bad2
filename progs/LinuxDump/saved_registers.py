# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers that the kernel saved on a stack, x86_64 (arch/x86/include/asm/ptrace.h)."""

from __future__ import annotations

from pykdump import lowlevel, models
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.unwinding import registers_of_note

#: As /proc/kallsyms and crash name them, in the order of the kernel's own oops.
NAMES = (
    *("ip", "cs", "flags", "sp", "ss"),
    *("ax", "bx", "cx", "dx", "si", "di", "bp"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "orig_ax"),
)
#: What the processor itself pushes.
_PUSHED = NAMES[:5]

_IN_NOTES = {"flags": "eflags"}

_PT_REGS = Layout("struct pt_regs", *NAMES)
_PUSHED_REGS = Layout("struct pt_regs", *_PUSHED)

_X32_SYSCALL_BIT = 0x40000000


def registers_at(addr: int, whole: bool = True) -> dict[str, int] | None:
    """Registers saved at a ``struct pt_regs *``; None when they cannot be read.

    :param whole: False: only what the processor pushed is there.
    """
    row = (_PT_REGS if whole else _PUSHED_REGS).read(addr)
    if row is None:
        return None
    return {name: value & 0xFFFF_FFFF_FFFF_FFFF for name, value in row._asdict().items()}


def registers_in_note(note: bytes) -> dict[str, int] | None:
    """Registers of an NT_PRSTATUS note by the names that `registers_at` has; None without any."""
    found = registers_of_note(lowlevel.dump().arch, note) if note else {}
    named = {name: found.get(_IN_NOTES.get(name, name), found.get(f"r{name}")) for name in NAMES}
    return {name: value for name, value in named.items() if value is not None} or None


def syscall_name(number: int) -> str | None:
    """Name of a system call, as in ``__x64_sys_NAME``; None for no system call.

    :param number: ``pt_regs.orig_ax``; that of an interrupt or exception is negative.
    """
    number &= ~_X32_SYSCALL_BIT
    table = lowlevel.find_symbol("sys_call_table")
    if table is None or not 0 <= number < 1024:
        return None
    try:
        found = models.get().symbols().at(lowlevel.read_pointer(table + 8 * number))
    except ReadError:
        return None
    if found is None or found[1] or "sys_" not in found[0] or found[0].endswith("ni_syscall"):
        return None
    return found[0].partition("sys_")[2]
