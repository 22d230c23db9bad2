# SPDX-License-Identifier: GPL-2.0-or-later
"""Show the kernel's log, as dmesg would have."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.printk import LogRecord, log_records
from LinuxDump.timekeeping import clocks
from pykdump.tool import Tool, UsageError

LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")


@dataclass(frozen=True)
class Log:
    """The log and what its times count from."""

    records: tuple[LogRecord, ...]
    boot_s: int | None  #: since 1970; None when the clock is not in the dump


def add_arguments(parser: argparse.ArgumentParser) -> None:
    times = parser.add_mutually_exclusive_group()
    times.add_argument("-T", "--ctime", action="store_true", help="wall clock times (UTC)")
    times.add_argument("-t", "--notime", action="store_true", help="no times")
    parser.add_argument("-x", "--decode", action="store_true", help="the level of each record")
    parser.add_argument(
        "-l", "--level", help=f"only these levels: {','.join(LEVELS)}, or err+ for err and worse"
    )
    parser.add_argument("-n", "--tail", type=int, metavar="N", help="only the last N records")


def collect(options: argparse.Namespace) -> Log:
    wanted = _levels(options.level)
    records = [record for record in log_records() if record.level in wanted]
    if options.tail is not None:
        records = records[max(0, len(records) - max(0, options.tail)) :]
    now = clocks()
    return Log(tuple(records), None if now is None else now.wall_s - now.uptime_s)


def _levels(asked: str | None) -> set[int]:
    if asked is None:
        return set(range(len(LEVELS)))
    found: set[int] = set()
    for name in asked.split(","):
        if name.rstrip("+") not in LEVELS:
            raise UsageError(f"there is no level {name}; levels: {', '.join(LEVELS)}")
        level = LEVELS.index(name.rstrip("+"))
        found |= set(range(level + 1)) if name.endswith("+") else {level}
    return found


def render(log: Log, options: argparse.Namespace) -> Iterator[str]:
    for record in log.records:
        prefix = f"{LEVELS[record.level]:6}: " if options.decode else ""
        if options.ctime and log.boot_s is not None:
            when = time.gmtime(log.boot_s + record.ts_ns // 10**9)
            prefix += time.strftime("[%a %b %e %H:%M:%S %Y] ", when)
        elif not options.notime:
            prefix += f"[{record.ts_ns // 10**9:5d}.{record.ts_ns % 10**9 // 1000:06d}] "
        first, *more = printable(record.text).split("\n")
        yield prefix + first
        yield from (" " * len(prefix) + line for line in more)


def printable(text: bytes) -> str:
    """Text that can do no harm to a terminal: control bytes and broken UTF-8 as \\xNN."""
    decoded = text.decode("utf-8", "backslashreplace").rstrip("\n")
    return "".join(
        char if char in "\n\t" or char.isprintable() else f"\\x{ord(char):02x}" for char in decoded
    )


TOOL = Tool(add_arguments, collect, render)
