# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump status`: what is open, what is known about it, what is missing."""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import cpus, timekeeping
from LinuxDump.printk import panic_message
from LinuxDump.task_records import Task
from pykdump._accel import Dump
from pykdump.errors import PykdumpError
from pykdump.printing import counted
from pykdump.tool import Tool
from pykdump_gdb import session
from pykdump_gdb.session import Session


@dataclass(frozen=True)
class Status:
    """The open dump in figures; None and "" stand for what the dump does not say."""

    files: list[str]
    format: str
    size_bytes: int
    vmlinux: str
    release: str
    build_id: str
    arch: str
    page_table_levels: int
    kaslr_offset_addr: int
    vmcoreinfo_from: str
    located_by: str
    cpus_online: list[int]
    cpus_present: int
    memory_bytes: int
    pages_total: int
    pages_present: int
    pages_cut: int
    dump_level: int | None
    tasks: int
    threads: int
    panic_cpu: int | None
    panic_task: Task | None
    panic_message: str
    crash_time: int | None  #: seconds since 1970
    uptime_s: int | None
    missing: list[str]
    cache: dict[str, int]
    server: dict[str, int]


def collect(options: argparse.Namespace) -> Status:
    """The status of the open dump; raises NoDumpError."""
    now = session.require()
    dump = now.dump
    clocks = timekeeping.clocks()
    wall = clocks.wall_s if clocks else None
    online, present = _cpus()
    return Status(
        files=dump.paths,
        format=dump.format,
        size_bytes=dump.size_bytes,
        vmlinux=now.vmlinux,
        release=dump.release,
        build_id=dump.build_id,
        arch=dump.arch,
        page_table_levels=dump.levels,
        kaslr_offset_addr=dump.kaslr_offset,
        vmcoreinfo_from=dump.vmcoreinfo_from,
        located_by=dump.located_by,
        cpus_online=online,
        cpus_present=present,
        memory_bytes=dump.memory_bytes,
        pages_total=dump.pages_total,
        pages_present=dump.pages_present,
        pages_cut=dump.pages_cut,
        dump_level=dump.dump_level,
        tasks=len(now.kernel_tasks()),
        threads=now.server.thread_count(),
        panic_cpu=cpus.panic_cpu(),
        panic_task=now.panicked,
        panic_message=panic_message(),
        crash_time=wall if dump.crash_time is None else dump.crash_time,
        uptime_s=clocks.uptime_s if clocks else None,
        missing=[*now.warnings, *_changed_since(dump)],
        cache=dump.stats(),
        server=now.server.stats(),
    )


def _changed_since(dump: Dump) -> Iterator[str]:
    try:
        size = sum(os.stat(path).st_size for path in dump.paths)
    except OSError:
        return  # removed: what is open stays whole
    if not dump.format.startswith("flattened") and size < dump.size_bytes:
        yield (
            f"the dump's file became shorter since it was opened: {size} of {dump.size_bytes} "
            "bytes are left, the rest cannot be read any more"
        )


def _cpus() -> tuple[list[int], int]:
    try:
        return cpus.online_cpus(), len(cpus.present_cpus())
    except PykdumpError:
        return [], 0


def render(status: Status, options: argparse.Namespace) -> Iterator[str]:
    """Lines for the terminal."""
    for label, value in _rows(status):
        if value:
            yield f"{label + ':':<14} {value}"
    for warning in status.missing:
        yield f"warning: {warning}"


def _rows(status: Status) -> Iterator[tuple[str, str]]:
    yield "dump", " ".join(status.files)
    yield "format", f"{status.format}, {_size(status.size_bytes)}"
    yield "vmlinux", status.vmlinux
    yield "kernel", status.release
    yield "build-id", status.build_id
    yield "machine", f"{status.arch}, {status.page_table_levels} levels of page tables"
    yield "cpus", _cpu_counts(status)
    yield "memory", _size(status.memory_bytes)
    yield "pages", _pages(status)
    yield "tasks", _tasks(status)
    yield "panic", _panic(status)
    yield "message", status.panic_message
    if status.crash_time:
        yield "crash time", _time(status.crash_time)
    if status.uptime_s:
        yield "uptime", str(datetime.timedelta(seconds=status.uptime_s))
    yield "kaslr offset", f"{status.kaslr_offset_addr:#x} (from {status.located_by})"
    yield "vmcoreinfo", status.vmcoreinfo_from or "none"
    yield "page cache", _cache(status.cache)
    yield "gdb's reads", ", ".join(f"{count} {name}" for name, count in status.server.items())


def _cpu_counts(status: Status) -> str:
    if not status.cpus_present:
        return ""
    return f"{status.cpus_present}, {len(status.cpus_online)} online at the end"


def _pages(status: Status) -> str:
    absent = status.pages_total - status.pages_present - status.pages_cut
    level = f" (makedumpfile -d {status.dump_level})" if status.dump_level and absent else ""
    cut = f", {status.pages_cut} lost as the file is cut short" if status.pages_cut else ""
    return (
        f"{status.pages_present} of {status.pages_total} in the dump, {absent} excluded{level}{cut}"
    )


def _tasks(status: Status) -> str:
    if status.threads < status.tasks:
        return f"{status.tasks}, of which {status.threads} are threads of GDB (pykdump threads)"
    return str(status.tasks)


def _panic(status: Status) -> str:
    task = status.panic_task
    if task is None:
        return "" if status.panic_cpu is None else f"CPU {status.panic_cpu}"
    what = describe(task)
    return what if status.panic_cpu is not None else f"none; selected: {what}"


def _cache(stats: dict[str, int]) -> str:
    looked = stats["page_hits"] + stats["page_misses"]
    share = f", {100 * stats['page_hits'] // looked} % hits" if looked else ""
    return (
        f"{_size(stats['cache_bytes'])} of {_size(stats['cache_limit_bytes'])} in "
        f"{stats['pages_cached']} pages{share}"
    )


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size /= 1024
    else:
        unit = "TiB"
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _time(seconds: int) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def describe(task: Task) -> str:
    """A task in a few words."""
    comm = task.comm.decode("utf-8", "backslashreplace")
    return f'CPU {task.cpu}, pid {task.pid} "{comm}"'


def headline(opened: Session) -> Iterator[str]:
    """What a user sees first of a dump."""
    dump = opened.dump
    names = " ".join(os.path.basename(path) for path in dump.paths)
    _, present = _cpus()
    release = f"Linux {dump.release}" if dump.release else "Linux"
    yield (
        f"{names}: {dump.format}, {release}, {present} CPUs, {_size(dump.memory_bytes)}, "
        f"{counted(len(opened.kernel_tasks()), 'task')}"
    )
    if opened.panicked is not None:
        verb = "panic on" if cpus.panic_cpu() is not None else "no panic; selected:"
        yield f"{verb} {describe(opened.panicked)}"


TOOL = Tool(lambda parser: None, collect, render)
