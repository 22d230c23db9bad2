# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of text that crashinfo's report and views are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from LinuxDump.memory_usage import MemoryUsage
from LinuxDump.oops import LogLine
from LinuxDump.pages import FreeBlocks
from LinuxDump.stack_details import TaskStack
from pykdump.printing import printable

_WIDTH = 75


def box(title: str, *, first: bool = False) -> Iterator[str]:
    """A heading of three lines."""
    middle = f"={title:^{len(title) + 8}}=" if first else f">-----| {title} |-----<"
    edge = "=" * len(middle) if first else "+" + "-" * (len(middle) - 2) + "+"
    yield edge.center(_WIDTH).rstrip()
    yield middle.center(_WIDTH).rstrip()
    yield edge.center(_WIDTH).rstrip()


def log_line(line: LogLine) -> str:
    """A line of the log with its time, harmless to a terminal."""
    text = printable(line.text.replace("\t", "    "))
    return f"[{line.ts_ns // 10**9:5d}.{line.ts_ns % 10**9 // 1000:06d}] {text}"


def stack_lines(stack: TaskStack) -> Iterator[str]:
    """A stack as ``bt`` shows it."""
    comm = printable(stack.comm)
    yield f'PID: {stack.pid}  TASK: {stack.task_addr:x}  CPU: {stack.cpu}  COMMAND: "{comm}"'
    area = ""
    for number, frame in enumerate(stack.frames):
        if frame.kind == "user":
            yield f"    user mode, ip {frame.addr:#x}" + (
                f", in system call {frame.syscall}" if frame.syscall else ""
            )
            continue
        if frame.stack != area:
            area = frame.stack
            yield f" <{area}>"
        mark = "" if frame.is_reliable else "?"
        what = " (failed here)" if frame.failed_here else ""
        what = what or (" (interrupted)" if frame.kind == "regs" else "")
        module = f" [{frame.module}]" if frame.module else ""
        name = f"{frame.function}+{frame.offset:#x}" if frame.function else "(no function)"
        yield f" #{number:<2}{mark} [{frame.sp_addr:x}] {name} at {frame.addr:x}{module}{what}"
    if not stack.is_complete:
        yield f"    ends here: {stack.reason}"


def memory_lines(memory: MemoryUsage) -> Iterator[str]:
    """The machine's memory as ``kmem -i`` shows it."""
    yield f"{'':17}{'PAGES':>11}{'TOTAL':>13}      PERCENTAGE"
    rows = (
        ("TOTAL MEM", memory.total_kb, 0, ""),
        ("FREE", memory.free_kb, memory.total_kb, "TOTAL MEM"),
        ("USED", memory.used_kb, memory.total_kb, "TOTAL MEM"),
        ("SHARED", memory.shmem_kb, memory.total_kb, "TOTAL MEM"),
        ("FILE CACHE", memory.file_kb, memory.total_kb, "TOTAL MEM"),
        ("ANON", memory.anon_kb, memory.total_kb, "TOTAL MEM"),
        ("SLAB", memory.slab_kb, memory.total_kb, "TOTAL MEM"),
        ("DIRTY", memory.dirty_kb, memory.total_kb, "TOTAL MEM"),
        ("WRITEBACK", memory.writeback_kb, memory.total_kb, "TOTAL MEM"),
        ("TOTAL HUGE", memory.huge_kb, memory.total_kb, "TOTAL MEM"),
        ("TOTAL SWAP", memory.swap_total_kb, 0, ""),
        ("SWAP USED", memory.swap_total_kb - memory.swap_free_kb, memory.swap_total_kb, "SWAP"),
        ("COMMIT LIMIT", memory.commit_limit_kb, 0, ""),
        ("COMMITTED", memory.committed_kb, memory.commit_limit_kb, "LIMIT"),
    )
    for name, kb, whole, what in rows:
        if kb is None:
            yield f"{name:>13}  {'(unknown)':>13}"
            continue
        share = f"{kb * 100 // whole:4d}% of {what}" if whole else "----" if what == "" else "   0%"
        yield f"{name:>13}  {kb // 4:>13}{_size(kb):>13}      {share:>4}"


def zone_lines(zones: Sequence[FreeBlocks]) -> Iterator[str]:
    """How many free blocks of which size each zone has."""
    orders = max((len(each.counted) for each in zones), default=0)
    yield f"{'NODE':>4} {'ZONE':<8}" + "".join(f"{_size(4 << order):>8}" for order in range(orders))
    for each in zones:
        yield f"{each.node:4} {each.zone:<8}" + "".join(f"{count:8}" for count in each.counted)


def _size(kb: int) -> str:
    for unit, size in (("GB", 1 << 20), ("MB", 1 << 10)):
        if kb >= size:
            return f"{kb / size:.1f} {unit}"
    return f"{kb} KB" if kb else "0"
