# SPDX-License-Identifier: GPL-2.0-or-later
"""The views of crashinfo that show one thing instead of the full report."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from LinuxDump import (
    crash_block,
    crash_locks,
    crash_requests,
    crash_text,
    memory_usage,
    merged_stacks,
    run_queues,
    sysctl_tables,
    sysctl_values,
    task_memory,
    work_queues,
)
from LinuxDump.checks.stacks import corrupted_stacks
from LinuxDump.fs import ext4_sizes, listing
from LinuxDump.KernLocks import decode_mutex, decode_rwsemaphore, decode_semaphore
from LinuxDump.locks import read_mutex, read_rwsem, read_semaphore
from LinuxDump.stack_details import task_stacks
from LinuxDump.syscall import generic_decoder
from LinuxDump.syscalls import in_syscalls
from LinuxDump.task_records import Task, task_table
from LinuxDump.task_selection import select
from LinuxDump.trees import radix_tree_lookup_element
from LinuxDump.WorkQueues import print_all_workqueues
from pykdump.commands import printed
from pykdump.printing import printable
from pykdump.symbols import sym2addr
from pykdump.tool import UsageError, only_text

_SHOWN_VALUES = 5


@dataclass(frozen=True)
class View:
    """What one of the options shows."""

    name: str
    records: Any
    has_findings: bool
    lines: tuple[str, ...] = only_text()  #: the same


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all views."""
    group = parser.add_argument_group("views, instead of the full report")
    for option, (metavar, text, _) in _VIEWS.items():
        if metavar:
            shape: dict[str, Any] = {"metavar": metavar}
            if " " in metavar:
                shape = {"metavar": tuple(metavar.split()), "nargs": 2}
            group.add_argument(f"--{option}", help=text, **shape)
        else:
            group.add_argument(f"--{option}", action="store_true", help=text)
    group.add_argument("--filelock", action="store_true", help="accepted, has no effect")


def collect(options: argparse.Namespace) -> View | None:
    """The first view that was asked for; None without any."""
    for option, (_, _, show) in _VIEWS.items():
        value = getattr(options, option)
        if value:
            records, lines, *found = show(value, options.verbose)
            return View(option, records, bool(found and found[0]), tuple(lines))
    return None


def address(text: str) -> int:
    """The address that a word of the user's means: a number, or the name of a symbol."""
    try:
        return int(text, 16)
    except ValueError:
        addr = sym2addr(text)
    if not addr:
        raise UsageError(f"{text} is neither an address nor a symbol")
    return addr


Shown = tuple[Any, ...]


# --- stacks


def _findstacks(pattern: str, detail: int) -> Shown:
    try:
        wanted = re.compile(pattern.strip("'\""))
    except re.error as error:
        raise UsageError(f"{pattern} is no regular expression: {error}") from None

    def matches(stack: Any) -> bool:
        return any(frame.function and wanted.search(frame.function) for frame in stack.frames)

    found = tuple(task_stacks(task_table().tasks, where=matches))
    lines: list[str] = []
    for stack in found:
        lines += ["", *crash_text.stack_lines(stack)]
    return found, lines or ["no stack has such a function"]


def _stacksummary(_: object, detail: int) -> Shown:
    found = merged_stacks.merged_stacks()
    return found, [
        line for each in found for line in merged_stacks.lines(each, with_pids=detail > 0)
    ]


def _checkstacks(_: object, detail: int) -> Shown:
    found = tuple(corrupted_stacks(task_table()))
    lines = [line for each in found for line in (each.title, *each.details)]
    return found, lines or ["no stack is corrupted"], bool(found)


def _decodesyscalls(word: str, detail: int) -> Shown:
    tasks = select([word])
    calls = in_syscalls(tasks)
    lines: list[str] = []
    for task in tasks:
        call = calls.get(task.addr)
        if call is None:
            continue
        for stack in task_stacks([task]):
            lines += ["", *crash_text.stack_lines(stack)]
        lines.append("    ....... Decoding Syscall Args .......")
        lines.append("    " + generic_decoder(call.name, [value for _, _, value in call.values]))
        lines += [f"      {name}={value:#x}  ({kind})" for kind, name, value in call.values]
    return list(calls.values()), lines or ["none of these tasks is in a system call"]


# --- kernel objects


def _object(read: Callable[[int], Any], show: Callable[[int], Any]) -> Callable[..., Shown]:
    def view(text: str, detail: int) -> Shown:
        addr = address(text)
        return read(addr), list(printed(lambda: show(addr)))

    return view


def _workqueues(_: object, detail: int) -> Shown:
    return work_queues.workqueues(), list(printed(lambda: print_all_workqueues(detail)))


def _gone_workqueue(_: object, detail: int) -> Shown:
    text = "this kernel has no work queue of its own for each CPU; see: crashinfo --workqueues"
    return {"message": text}, [text]


def _radix(words: list[str], detail: int) -> Shown:
    root, offset = (int(word, 16) for word in words)
    node, slot = radix_tree_lookup_element(root, offset)
    if not slot:
        return None, [f"there is no element at offset {offset:#x}"]
    record = {"node_addr": int(node or 0), "slot_addr": int(slot)}
    return record, [f"node={int(node or 0):#x}, slot={int(slot):#x}"]


def _sysctl(_: object, detail: int) -> Shown:
    tasks = [task.addr for task in task_table().tasks if task.pid == 1]
    entries: dict[str, sysctl_tables.Entry] = {}
    for tables in sysctl_tables.table_sets(tasks):
        for entry in sysctl_tables.entries(tables.addr):
            entries.setdefault(entry.path, entry)
    values = {path: sysctl_values.value(entry) for path, entry in sorted(entries.items())}
    lines: list[str] = []
    for path, value in values.items():
        entry = entries[path]
        if detail:
            handler = f" {entry.handler}" if detail > 1 else ""
            lines.append(f"<struct ctl_table {entry.addr:#x}>{handler}")
        lines.append(f"{path:<20} {_value_text(value)}")
    return values, lines


def _value_text(value: Any) -> str:
    if value is None:
        return "(?)"
    if isinstance(value, str):
        return value
    shown = " ".join(map(str, value[:_SHOWN_VALUES]))
    left = len(value) - _SHOWN_VALUES
    return f"{shown} ... {left} more elements" if left > 0 else shown


def _ls(path: str, detail: int) -> Shown:
    try:
        found = listing.listing(path)
    except ValueError:
        raise UsageError(f"{path} is neither an absolute path nor an address") from None
    lines = ["=== Listing Directory Contents"]
    if found is None:
        return None, [*lines, f"{path}: not in memory"]
    if found.path:
        lines.append(f"{printable(found.path)}:")
    return found, [
        *lines,
        *(line for each in found.entries for line in listing.lines(each, detail)),
    ]


def _ext3(_: object, detail: int) -> Shown:
    found = ext4_sizes.file_systems()
    lines = [line for each in found for line in ext4_sizes.lines(each)]
    return found, lines or ["no ext3 or ext4 file system is mounted"]


def _runq(_: object, detail: int) -> Shown:
    queues = run_queues.cpu_queues(task_table())
    return queues, [line for queue in queues for line in run_queues.lines(queue)]


def _umem(_: object, detail: int) -> Shown:
    leaders = [task.addr for task in task_table().tasks if _is_leader(task)]
    found = task_memory.memory(leaders)
    pages = sum(each.rss_kb // 4 for each in found if each is not None)
    total = memory_usage.memory_usage().total_kb
    share = pages * 400 / total if total else 0.0
    record = {"rss_pages": pages, "percent": round(share, 1)}
    return record, [f"RSS_TOTAL={pages} pages, %mem={share:6.1f}"]


def _is_leader(task: Task) -> bool:
    return task.idle_cpu is None and task.pid == task.tgid


#: By option, in the order in which they win: metavar, help, and what makes it.
_VIEWS: dict[str, tuple[str, str, Callable[..., Shown]]] = {
    "lws": (
        "",
        "locks, wait queues and work items of the kernel's variables in use",
        crash_locks.view,
    ),
    "radix_tree_element": ("ROOT OFFSET", "an element of a radix tree or XArray, both hex", _radix),
    "pci": ("", "PCI devices, and the ranges of addresses of devices", crash_block.pci_view),
    "sysctl": ("", "values of all sysctls", _sysctl),
    "findstacks": ("PATTERN", "stacks with a function that matches", _findstacks),
    "checkstacks": ("", "check the stacks of all tasks for corruption", _checkstacks),
    "keventd_wq": ("", "the work queue of keventd, on kernels that have it", _gone_workqueue),
    "kblockd_wq": ("", "the work queue of kblockd, on kernels that have it", _gone_workqueue),
    "blkreq": ("", "block requests that are not over", crash_requests.requests_view),
    "blkdevs": ("", "block devices by their majors", crash_block.devices_view),
    "decodesyscalls": (
        "TASK",
        "arguments of system calls: a pid, a command, or all",
        _decodesyscalls,
    ),
    "semaphore": ("ADDR", "a struct semaphore", _object(read_semaphore, decode_semaphore)),
    "rwsemaphore": ("ADDR", "a struct rw_semaphore", _object(read_rwsem, decode_rwsemaphore)),
    "mutex": ("ADDR", "a struct mutex", _object(read_mutex, decode_mutex)),
    "workqueues": ("", "all work queues", _workqueues),
    "ext3": ("", "blocks and inodes of ext3 and ext4 file systems", _ext3),
    "ls": ("PATH", "a folder, as far as its entries are cached", _ls),
    "stacksummary": ("", "equal stacks together", _stacksummary),
    "devmapper": ("", "devices of device-mapper", crash_block.mapper_view),
    "runq": ("", "run queues", _runq),
    "umem": ("", "memory of all processes", _umem),
}


def names() -> Iterator[str]:
    """The options of all views."""
    yield from _VIEWS
