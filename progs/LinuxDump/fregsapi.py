# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: registers of frames. The work is in LinuxDump.entry_registers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from LinuxDump.entry_registers import FrameRegisters, entry_registers
from LinuxDump.stack_details import task_stacks
from LinuxDump.task_records import task_table
from pykdump.commands import gdb
from pykdump.star import with_api


@contextmanager
def DisasmFlavor(flavor: str = "att") -> Iterator[None]:
    """For the body, instructions are shown in this syntax and numbers in decimal."""
    settings = {"disassembly-flavor": flavor, "output-radix": "10"}
    before = {name: _setting(name) for name in settings}
    try:
        for name, value in settings.items():
            gdb().execute(f"set {name} {value}")
        yield
    finally:
        for name, value in before.items():
            gdb().execute(f"set {name} {value}")


def _setting(name: str) -> str:
    text = gdb().execute(f"show {name}").rstrip(". \n")
    return text.rpartition(" ")[2].strip('"')


def disasm(addr: int, n: int = 1) -> str:
    """What ``x/Ni`` shows."""
    return gdb().execute(f"x/{n}i {int(addr):#x}")


def search_for_registers(stack: Any, filter: str = "") -> list[Any]:
    """The frames of a BTStack whose function contains the text, with registers at their entry.

    Each gets ``reg``, the registers as ``{"RDI": (value, confidence)}``, and ``lookup_regs``, the
    names that are known. Confidence 0 is certain; else it is how many instructions before the call
    the value was found.
    """
    found = _registers(stack)
    chosen = []
    for frame in stack.frames:
        if filter in (frame.func or ""):
            frame.reg = extract_registers(frame, stack, found)
            frame.lookup_regs = sorted(frame.reg)
            chosen.append(frame)
    return chosen


def extract_registers(
    frame: Any, stack: Any, found: dict[int, FrameRegisters] | None = None
) -> dict[str, tuple[int, int]]:
    """The registers at the entry of a frame of a BTStack: name to value and confidence."""
    known = (_registers(stack) if found is None else found).get(int(frame.frame))
    if known is None:
        return {}
    return {
        (name if name.startswith("r") else f"r{name}").upper(): (each.value_addr, each.distance)
        for name, each in known.registers.items()
    }


def _registers(stack: Any) -> dict[int, FrameRegisters]:
    # By stack pointer, which both kinds of frames have.
    task = task_table().by_addr.get(int(stack.addr))
    if task is None:
        return {}
    record = next(iter(task_stacks([task])), None)
    if record is None:
        return {}
    sp = 0 if task.is_running else task.sp_addr
    return {each.frame.sp_addr: each for each in entry_registers(record, sp)}


__getattr__ = with_api(globals())
