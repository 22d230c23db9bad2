# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel stacks that unwind: frames of functions of the mini kernel, which all keep %rbp.

    top        end of the stack
               struct pt_regs, where the task came from user space
               return address into the outermost function ...
               saved %rbp <- its callee's %rbp
               GAP words that no unwinder looks at
               ...
    thread.sp  struct inactive_task_frame: r15 r14 r13 r12 bx bp ret_addr
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .kernel import MiniKernel

GAP = 8
PT_REGS_WORDS = 21
USER_CS, USER_SS, KERNEL_CS, KERNEL_SS = 0x33, 0x2B, 0x10, 0x18

WAITS = ("ret_from_fork", "kthread")
SLEEPS = ("schedule", "__schedule", "__switch_to_asm")
SYSCALL = ("entry_SYSCALL_64", "do_syscall_64")
IDLE = ("secondary_startup_64", "start_secondary", "cpu_startup_entry", "do_idle")
# Outermost function first.
CHAINS = {
    "worker": (*WAITS, "worker_thread", *SLEEPS),
    "kthreadd": (*WAITS, "kthreadd", *SLEEPS),
    "nanosleep": (*SYSCALL, "do_nanosleep", "schedule_timeout", *SLEEPS),
    "io": (*SYSCALL, "folio_wait_bit", "io_schedule", *SLEEPS),
    "exit": (*SYSCALL, "do_exit", *SLEEPS),
    "idle": (*IDLE, "default_idle"),
    "idle, preempted": (*IDLE, "schedule_idle", "__schedule", "__switch_to_asm"),
    "panic": (*SYSCALL, "sysrq_handle_crash", "panic", "__crash_kexec"),
}
# Where a task that is on a CPU was met: behind this call of its innermost function.
RUNNING_IN = {
    "idle": ("default_idle", "native_safe_halt"),
    "panic": ("__crash_kexec", "crash_setup_regs"),
}


@dataclass(frozen=True)
class Frames:
    """The used part of a stack, as words relative to its top."""

    words: tuple[int, ...]
    relative: tuple[int, ...]  #: indexes of the words to which the top's address is added
    bp: int  #: of the innermost frame, relative to the top

    @property
    def size(self) -> int:
        """In bytes."""
        return 8 * len(self.words)

    def render(self, top: int) -> bytes:
        """Contents for a stack that ends at `top`."""
        words = list(self.words)
        for index in self.relative:
            words[index] += top
        return struct.pack(f"<{len(words)}Q", *words)


class StackMaker:
    """Makes the frames of each chain once."""

    def __init__(self, kernel: MiniKernel) -> None:
        self._kernel = kernel
        self._returns: dict[tuple[str, str], int] = {}

    def return_address(self, caller: str, callee: str) -> int:
        """Address behind the call in the running kernel."""
        key = (caller, callee)
        if key not in self._returns:
            image = self._kernel.image
            self._returns[key] = image.return_address(caller, callee) + self._kernel.kaslr
        return self._returns[key]

    def sleeping(self, chain: Sequence[str], regs: Sequence[int] = ()) -> Frames:
        """A task that __switch_to_asm left: `regs` are the words of its pt_regs."""
        *callers, switch = chain
        words, relative, bp = self._frames(callers, regs)
        frame = [0x15, 0x14, 0x13, 0x12, 0xB, bp, self.return_address(callers[-1], switch)]
        relative = [index + len(frame) for index in relative] + [5]
        return Frames((*frame, *words), tuple(relative), bp)

    def running(self, chain: Sequence[str], regs: Sequence[int] = ()) -> Frames:
        """A task that is in the innermost function."""
        words, relative, bp = self._frames(chain, regs)
        return Frames(tuple(words), tuple(relative), bp)

    def _frames(
        self, functions: Sequence[str], regs: Sequence[int]
    ) -> tuple[list[int], list[int], int]:
        # Words from the innermost frame's gap up to the top; the outermost function has no frame.
        words = list(regs)
        pointers = []  # of the saved %rbp, as distance of their word from the top
        bp = 0
        for caller, callee in zip(functions, functions[1:]):
            words[:0] = [*(0 for _ in range(GAP)), bp, self.return_address(caller, callee)]
            if bp:
                pointers.append(len(words) - GAP)
            bp = -8 * (len(words) - GAP)
        return words, [len(words) - distance for distance in pointers], bp


def user_regs(ip: int, sp: int, nr: int) -> list[int]:
    """Words of the pt_regs of a task in the system call `nr`."""
    words = list(range(0xA0, 0xA0 + PT_REGS_WORDS))
    words[15:] = [nr, ip, USER_CS, 0x246, sp, USER_SS]
    return words
