# SPDX-License-Identifier: GPL-2.0-or-later
"""The mini kernel as a core that GDB itself can open: a thread per task, virtual addresses."""

from __future__ import annotations

import struct
from pathlib import Path

from .elf import EHDR_SIZE, PHDR_SIZE, PT_LOAD, PT_NOTE, ElfOptions, elf_header
from .machine import PAGE
from .mini import Mini
from .notes import prstatus
from .plant import STACK_SIZE
from .tasks import Task

FRAME = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")  # struct inactive_task_frame


def write_virtual_core(mini: Mini, path: Path) -> list[Task]:
    """Write the core; returns the tasks in the order of GDB's threads."""
    text = mini.kernel.sym("_text")
    pieces = [(text, mini.machine.read(mini.kernel.phys(text), mini.kernel.image_size))]
    notes = b""
    tasks = mini.facts.tasks
    for task in tasks:
        pieces.append((task.stack, task_stack(mini, task)))
        notes += prstatus(len(pieces), task_registers(mini, task))  # an LWP of its own
    headers = EHDR_SIZE + PHDR_SIZE * (len(pieces) + 1)
    at = -(-(headers + len(notes)) // PAGE) * PAGE
    out = elf_header(ElfOptions(), EHDR_SIZE, len(pieces) + 1, 0)
    out += struct.pack("<IIQQQQQQ", PT_NOTE, 0, headers, 0, 0, len(notes), 0, 0)
    body = b""
    for addr, data in pieces:
        where = at + len(body)
        out += struct.pack("<IIQQQQQQ", PT_LOAD, 7, where, addr, 0, len(data), len(data), 1)
        body += data
    path.write_bytes((out + notes).ljust(at, b"\0") + body)
    return tasks


def task_registers(mini: Mini, task: Task) -> dict[str, int]:
    """Registers of a task: its CPU's, or what it left on its stack."""
    if task.running:
        return mini.facts.regs[task.cpu]
    stack = task_stack(mini, task)
    words = struct.unpack_from("<7Q", stack, task.sp - task.stack)
    return {**dict(zip(FRAME, words)), "rsp": task.sp + 8 * len(FRAME)}


def task_stack(mini: Mini, task: Task) -> bytes:
    """Contents of a task's kernel stack; for no more than 1000 tasks."""
    out = b""
    for addr in range(task.stack, task.stack + STACK_SIZE, PAGE):
        out += mini.machine.read(mini.kernel.translate(addr), PAGE)
    return out
