# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks as data: the kernel's unwind tables, symbols, and the frames of any number of tasks."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from LinuxDump import cpus
from LinuxDump.task_records import Task
from pykdump import collector, lowlevel
from pykdump.logging import pylog
from pykdump.star import with_api
from pykdump.unwinding import new_symbol_table, new_unwinder

if TYPE_CHECKING:
    from pykdump._accel import StackFrame, SymbolTable, Unwinder

_ORC_IPS, _ORC_IPS_END = "__start_orc_unwind_ip", "__stop_orc_unwind_ip"
_ORC_ENTRIES = "__start_orc_unwind"
_TEXT, _TEXT_END = "_text", "_einittext"
# v6.5 3aec4ecb3d1f ("x86: Rewrite ret_from_fork() in C") made the assembly part ret_from_fork_asm.
_FORK_RETURN = ("ret_from_fork_asm", "ret_from_fork")

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (_ORC_IPS, _ORC_IPS_END, _ORC_ENTRIES, _TEXT, _TEXT_END, *_FORK_RETURN)


#: What the unwinder begins with: thread.sp of a task that sleeps, or 0 and an NT_PRSTATUS note.
Start = tuple[int, bytes]

# struct inactive_task_frame: what __switch_to_asm() pushes above the return address.
_SAVED_BELOW = 48
# struct elf_prstatus of x86_64; the registers begin at 112.
_NOTE_SIZE, _NOTE_IP, _NOTE_CS, _NOTE_SP = 336, 112 + 8 * 16, 112 + 8 * 17, 112 + 8 * 19
_KERNEL_CS = 0x10


class Frame(NamedTuple):
    """A frame of a kernel stack."""

    addr: int  #: of the instruction: where it was, or where a call will return to
    sp_addr: int
    kind: str  #: "top", "call", "regs" (interrupted here), "user" (the end: user mode)
    regs_addr: int  #: struct pt_regs * of the kinds "regs" and "user", else 0
    function: str | None
    offset: int  #: into the function
    module: str  #: "" in the kernel itself
    size_bytes: int = 0  #: of the function
    regs_are_whole: bool = True  #: else struct pt_regs has only ip, cs, flags, sp and ss
    is_reliable: bool = True  #: False behind code without unwind tables, which is guessed over
    is_exact: bool = True  #: False: the address is what a call will return to


class Stack(NamedTuple):
    """What is known of a stack."""

    frames: list[Frame]
    is_complete: bool
    reason: str  #: why it ends where it does, "" for a complete one


class Places(NamedTuple):
    """Where a stack of a known shape lies."""

    shape: int  #: its number
    sp_addrs: list[int]  #: of its frames
    regs_addr: int  #: struct pt_regs * of the last frame, 0 without


class Tables(NamedTuple):
    """What unwinding needs, read once a dump."""

    unwinder: Unwinder
    symbols: SymbolTable
    modules_added: list[bool]  #: filled by LinuxDump.modules

    @property
    def has_orc(self) -> bool:
        """Whether the kernel was built with CONFIG_UNWINDER_ORC."""
        return lowlevel.find_symbol(_ORC_IPS) is not None


_tables: tuple[lowlevel.Kernel, Tables] | None = None


def tables() -> Tables:
    """The unwind tables and symbols of the kernel; modules are added by LinuxDump.modules."""
    global _tables
    if _tables is None or _tables[0] is not lowlevel.kernel():
        _tables = (lowlevel.kernel(), _read_kernel_tables())
    return _tables[1]


def _read_kernel_tables() -> Tables:
    lowlevel.prefetch_symbols(SYMBOLS)
    kernel = lowlevel.kernel()
    symbols = new_symbol_table()
    symbols.add_vmlinux(kernel.elf, kernel.offset)
    symbols.sort()
    fork_return = next(filter(None, map(lowlevel.find_symbol, _FORK_RETURN)), 0)
    unwinder = new_unwinder(fork_return)
    places = [lowlevel.find_symbol(name) for name in SYMBOLS[:5]]
    ips, ips_end, entries, text, text_end = (place or 0 for place in places)
    if all(places):
        count = max(0, ips_end - ips) // 4
        problem = unwinder.add(kernel.dump, "", ips, entries, count, text, text_end)
        if problem:
            pylog.warning(problem)
    return Tables(unwinder, symbols, [])


def stacks(
    tasks: Sequence[Task],
    registers: Mapping[int, bytes] | None = None,
    starts: Mapping[int, Start] = {},
) -> list[Stack]:
    """The stack of each task, from the innermost frame to the user boundary.

    :param registers: NT_PRSTATUS notes by CPU, for the tasks that ran; None for the dump's.
    :param starts: where else stacks begin, by ``struct task_struct *``.
    """
    with collector.paused():
        raw = _unwinder().stacks(
            lowlevel.dump(), _starts(tasks, registers, starts), tables().symbols
        )
        return [_stack(task, *found) for task, found in zip(tasks, raw)]


def shapes(
    tasks: Sequence[Task], registers: Mapping[int, bytes] | None = None
) -> tuple[list[Stack], list[Places]]:
    """The same for very many tasks: a stack of each shape, and of each task the shape of its stack
    and where it lies. Stacks of a shape have the same frames, at other places.
    """
    with collector.paused():
        first, places = _unwinder().stacks_by_shape(
            lowlevel.dump(), _starts(tasks, registers), tables().symbols
        )
        known = [
            Stack([Frame(*frame) for frame in raw], is_whole, why) for raw, is_whole, why in first
        ]
        return known, [Places(*each) for each in places]


def _unwinder() -> Unwinder:
    if not tables().has_orc:
        pylog.warning("stacks cannot be unwound: the kernel was built without CONFIG_UNWINDER_ORC")
    return tables().unwinder


def _starts(
    tasks: Sequence[Task],
    registers: Mapping[int, bytes] | None,
    starts: Mapping[int, Start] = {},
) -> list[Start]:
    notes = cpus.registers_by_cpu() if registers is None else registers
    return [starts.get(task.addr) or _start(task, notes) for task in tasks]


def start_behind(return_addr_at: int) -> Start:
    """As if a task slept in what will return to the address at this place of its stack."""
    return return_addr_at - _SAVED_BELOW, b""


def start_at(ip: int, sp: int) -> Start:
    """As if an instruction of the kernel had been stopped at; the other registers are 0."""
    note = bytearray(_NOTE_SIZE)
    for at, value in ((_NOTE_IP, ip), (_NOTE_CS, _KERNEL_CS), (_NOTE_SP, sp)):
        note[at : at + 8] = value.to_bytes(8, "little")
    return 0, bytes(note)


def _start(task: Task, notes: Mapping[int, bytes]) -> Start:
    if task.is_running:
        return 0, notes.get(task.cpu, b"")
    return task.sp_addr, b""


def _stack(task: Task, frames: Iterable[StackFrame], is_complete: bool, reason: str) -> Stack:
    if not task.is_running and not task.sp_addr:
        reason = "the task is dead: its stack was given back"
    return Stack([Frame(*frame) for frame in frames], is_complete, reason)


def functions(stack: Stack) -> Iterable[str]:
    """Names of the functions on a stack, innermost first; addresses where there is no name."""
    for frame in stack.frames:
        if frame.kind != "user":
            yield frame.function or f"{frame.addr:#x}"


# --- classic names

_CLASSIC = (
    *("BTFrame", "BTStack", "bt_mergestacks", "bt_summarize", "exec_bt", "parse_bt"),
    *("fastSubroutineStacks", "funcsMatch", "verifyFastSet"),
)
_api = with_api(globals())


def __getattr__(name: str) -> Any:
    # Later, as classic_stacks itself stands on this module.
    if name == "__all__":
        return [*_api(name), *_CLASSIC]
    if name in _CLASSIC:
        return getattr(importlib.import_module("LinuxDump.classic_stacks"), name)
    return _api(name)
