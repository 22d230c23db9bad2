# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of tasks with all that is known of their frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from LinuxDump import BTstack, cpus, modules, stack_areas
from LinuxDump.saved_registers import registers_at, registers_in_note, syscall_name
from LinuxDump.task_records import Task, task_table
from LinuxDump.task_selection import comm
from pykdump import frames as gdb_frames

#: Functions that say that the kernel failed, where they are on a stack.
_FAILED = frozenset(
    (
        "panic",
        "vpanic",
        "crash_kexec",
        "__crash_kexec",
        "die",
        "__die",
        "die_addr",
        "oops_end",
        "page_fault_oops",
        "no_context",
    )
)
_PANIC = ("panic", "vpanic", "nmi_panic", "mce_panic")
#: Those that an exception's handler calls when the exception is why. Otherwise it only led to the
#: code that failed, as a page fault does that finds no memory.
_DIED_OF_EXCEPTION = frozenset(
    (
        *("die", "__die", "die_addr", "oops_end", "page_fault_oops", "no_context", "report_bug"),
        *("handle_stack_overflow", "df_debug"),
    )
)
#: Entry code of exceptions; from v5.8 on their names begin with asm_exc_. What an NMI or a machine
#: check interrupts is not its reason.
_OLD_EXCEPTIONS = frozenset(
    (
        *("page_fault", "async_page_fault", "general_protection", "invalid_op", "divide_error"),
        *("double_fault", "stack_segment", "segment_not_present", "overflow", "bounds", "int3"),
        *("alignment_check", "error_entry"),
    )
)
_NOT_ITS_REASON = ("asm_exc_nmi", "asm_exc_machine_check")


@dataclass(frozen=True)
class FrameRecord:
    """A frame, from the innermost on."""

    number: int | None  #: from the one that failed on; None for what the kernel did after that
    addr: int
    sp_addr: int
    kind: str  #: "top", "call", "regs": was interrupted here, "user": the end, in user mode
    function: str | None
    offset: int
    size_bytes: int  #: of the function
    module: str
    is_reliable: bool
    stack: str  #: "task stack", "IRQ stack", "NMI stack", ...
    failed_here: bool  #: this instruction is why the kernel died
    regs_addr: int  #: struct pt_regs *, 0 without
    registers: dict[str, int] | None  #: those saved there; of frame "top" those of the CPU
    syscall: str | None  #: of "user": the system call that it made
    source: tuple[gdb_frames.SourceLine, ...]
    arguments: tuple[gdb_frames.Argument, ...]


@dataclass(frozen=True)
class TaskStack:
    """The stack of a task."""

    task_addr: int
    pid: int
    tgid: int
    comm: str
    state: str
    cpu: int
    is_running: bool
    ran_ago_ns: int | None
    frames: tuple[FrameRecord, ...]
    is_complete: bool
    reason: str  #: why an incomplete one ends


def task_stacks(
    tasks: Sequence[Task],
    *,
    source: bool = False,
    arguments: bool = False,
    where: Callable[[BTstack.Stack], bool] = lambda stack: True,
    starts: Mapping[int, BTstack.Start] = {},
) -> Iterator[TaskStack]:
    """The stack of each task, in order.

    :param source: with source lines, where the debug info has them.
    :param arguments: with arguments, where GDB knows them; this takes long.
    :param where: which stacks to take.
    :param starts: where else stacks begin, by ``struct task_struct *``.
    """
    modules.add_to_tables()
    by_cpu: dict[int, list[stack_areas.Area]] = {}
    notes = cpus.registers_by_cpu()
    for task, stack in zip(tasks, BTstack.stacks(tasks, notes, starts)):
        own = stack_areas.task_stack(task)
        stack = (None if task.addr in starts else _astray(task, own)) or stack
        if not where(stack):
            continue
        if task.cpu not in by_cpu:
            by_cpu[task.cpu] = stack_areas.cpu_stacks(task.cpu)
        areas = by_cpu[task.cpu]
        if own:
            areas = [own, *areas, stack_areas.below(own)]
        yield TaskStack(
            task_addr=task.addr,
            pid=task.pid,
            tgid=task.tgid,
            comm=comm(task),
            state=task.state,
            cpu=task.cpu,
            is_running=task.is_running,
            ran_ago_ns=task.ran_ago_ns,
            frames=tuple(_records(task, stack.frames, areas, source, arguments, notes)),
            is_complete=stack.is_complete,
            reason=stack.reason,
        )


def source_of(frame: BTstack.Frame) -> tuple[gdb_frames.SourceLine, ...]:
    """Where the code of a frame comes from, as `FrameRecord.source` tells it."""
    if frame.kind == "user":
        return ()
    at = frame.addr if frame.is_exact else frame.addr - 1
    found = gdb_frames.source_lines(at)
    if found and not found[-1].function:  # of assembler the debug info may tell lines only
        found[-1] = found[-1]._replace(function=frame.function or "")
    return tuple(found)


def _astray(task: Task, own: stack_areas.Area | None) -> BTstack.Stack | None:
    # What lies elsewhere is another's: its frames are not this task's.
    if task.is_running or not task.sp_addr or own is None or own.holds(task.sp_addr):
        return None
    reason = (
        f"the stack pointer {task.sp_addr:#x} (struct task_struct.thread.sp) is not in its stack, "
        f"{own.start:#x} to {own.end:#x}"
    )
    return BTstack.Stack([], False, reason)


def _records(
    task: Task,
    frames: Sequence[BTstack.Frame],
    areas: list[stack_areas.Area],
    source: bool,
    arguments: bool,
    notes: Mapping[int, bytes],
) -> Iterator[FrameRecord]:
    panicked = task is task_table().panic_task() and cpus.panic_cpu() is not None
    failed = _failed_at(frames) if panicked else None
    known = gdb_frames.details(gdb_frames.tid(task.pid, task.idle_cpu)) if arguments else {}
    first = _first_of_interest(frames, failed) if panicked else 0
    for place, frame in enumerate(frames):
        its = known.get((frame.addr, frame.sp_addr))
        number = place - first if place >= first else None
        record = _record(frame, areas, number, place == failed)
        if source or its:
            # What is no thread of GDB has source lines, too, and so has what GDB did not get to.
            lines = its.source if its else source_of(frame)
            record = replace(record, source=lines, arguments=its.arguments if its else ())
        if place == 0 and task.is_running:
            record = replace(record, registers=registers_in_note(notes.get(task.cpu, b"")))
        yield record


def _record(
    frame: BTstack.Frame,
    areas: list[stack_areas.Area],
    number: int | None,
    failed: bool,
) -> FrameRecord:
    is_user = frame.kind == "user"
    registers = registers_at(frame.regs_addr, frame.regs_are_whole) if frame.regs_addr else None
    return FrameRecord(
        number=number,
        addr=frame.addr,
        sp_addr=frame.sp_addr,
        kind=frame.kind,
        function=frame.function,
        offset=frame.offset,
        size_bytes=frame.size_bytes,
        module=frame.module,
        is_reliable=frame.is_reliable,
        stack="user stack" if is_user else stack_areas.name_of(frame.sp_addr, areas),
        failed_here=failed,
        regs_addr=frame.regs_addr,
        registers=registers,
        syscall=_syscall(registers) if is_user and registers else None,
        source=(),
        arguments=(),
    )


def _syscall(registers: dict[str, int]) -> str | None:
    number = registers.get("orig_ax", -1)
    return syscall_name(number - (1 << 64) if number >> 63 else number)


def _failed_at(frames: Sequence[BTstack.Frame]) -> int | None:
    # The frame that an exception interrupted, where the kernel died of it.
    if not any(_name(frame) in _FAILED for frame in frames):
        # kdump kept the registers of the exception itself: what came after is not in the note
        return 0 if frames and frames[0].kind == "top" and frames[0].is_exact else None
    died = False
    for number, frame in enumerate(frames):
        if frame.kind == "regs":
            entry = frames[number - 1].function or ""
            is_new = entry.startswith("asm_exc_") and entry not in _NOT_ITS_REASON
            return number if died and (is_new or entry in _OLD_EXCEPTIONS) else None
        died = died or _name(frame) in _DIED_OF_EXCEPTION
    return None


def _first_of_interest(frames: Sequence[BTstack.Frame], failed: int | None) -> int:
    # The instruction that failed, else who called panic().
    if failed is not None:
        return failed
    callers = (place + 1 for place, frame in enumerate(frames) if _name(frame) in _PANIC)
    return max(callers, default=0)


def _name(frame: BTstack.Frame) -> str:
    # The compiler splits functions: panic.cold is one of panic()'s pieces.
    return (frame.function or "").partition(".")[0]
