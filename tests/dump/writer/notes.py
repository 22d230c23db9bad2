# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF notes of a vmcore: registers of the CPUs, QEMU's CPU state, VMCOREINFO."""

from __future__ import annotations

import struct
from collections.abc import Mapping

NT_PRSTATUS = 1
U64 = (1 << 64) - 1

# struct user_regs_struct (arch/x86/include/asm/user_64.h)
USER_REGS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
    "rip cs eflags rsp ss fs_base gs_base ds es fs gs"
).split()

# QEMUCPUState (target/i386/arch_dump.c) between `size` and the segments
QEMU_REGS = (
    "rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags"  # eflags: its rflags
).split()
QEMU_SEGMENTS = "cs ds es fs gs ss ldt tr gdt idt".split()


def note(name: str, kind: int, desc: bytes) -> bytes:
    """A whole ELF note with its padding."""
    raw_name = name.encode() + b"\0"
    head = struct.pack("<III", len(raw_name), len(desc), kind)
    return head + pad4(raw_name) + pad4(desc)


def pad4(data: bytes) -> bytes:
    """Padded with zeros to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


def prstatus_desc(pid: int, regs: Mapping[str, int]) -> bytes:
    """struct elf_prstatus of x86-64 (336 bytes); registers that are not given are zero."""
    values = [regs.get(name, 0) & U64 for name in USER_REGS]
    return struct.pack("<32xi76x27Qi4x", pid, *values, 0)


def prstatus(pid: int, regs: Mapping[str, int]) -> bytes:
    """An NT_PRSTATUS note."""
    return note("CORE", NT_PRSTATUS, prstatus_desc(pid, regs))


def qemu_cpu(regs: Mapping[str, int], cr3: int, kernel_gs_base: int = 0) -> bytes:
    """A "QEMU" note, as dump-guest-memory writes one per CPU after the NT_PRSTATUS notes."""
    out = b"".join(struct.pack("<Q", regs.get(name, 0) & U64) for name in QEMU_REGS)
    for name in QEMU_SEGMENTS:
        base = regs.get(name + "_base", 0) & U64
        out += struct.pack("<IIIIQ", regs.get(name, 0), 0xFFFFFFFF, 0, 0, base)
    out += struct.pack("<5QQ", 0x80050033, 0, 0, cr3, 0x6F0, kernel_gs_base & U64)
    return note("QEMU", 0, struct.pack("<II", 1, len(out) + 8) + out)


def vmcoreinfo_note(text: bytes) -> bytes:
    """The VMCOREINFO note."""
    return note("VMCOREINFO", 0, text)


def vmcoreinfo_text(fields: Mapping[str, object]) -> bytes:
    """VMCOREINFO as the kernel formats it: a `KEY=value` line each."""
    return "".join(f"{key}={value}\n" for key, value in fields.items()).encode()
