# SPDX-License-Identifier: GPL-2.0-or-later
"""Show the kernel's log with wall clock times (UTC).

The clock of the log drifts against the one that the kernel keeps the time with: times are corrected
for that, in proportion.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.printk import LogRecord, log_records
from LinuxDump.timekeeping import clocks
from pykdump.printing import printable
from pykdump.tool import Tool


@dataclass(frozen=True)
class Line:
    """A line of the log."""

    ts_ns: int
    wall_s: float | None  #: since 1970
    text: str


@dataclass(frozen=True)
class Tslog:
    """The log."""

    last_s: float | None  #: time stamp of the last line
    boot_s: float | None  #: since 1970
    lines: tuple[Line, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # there are none of its own


def collect(options: argparse.Namespace) -> Tslog:
    records = list(log_records())
    last = records[-1].ts_ns / 1e9 if records else None
    now = clocks()
    if now is None or not last:
        return Tslog(last, None, tuple(_lines(records, None, 1.0)))
    boot = float(now.wall_s - now.uptime_s)
    # The last line may be from long before the dump: a clock does not drift by more than this.
    factor = now.uptime_s / last if abs(now.uptime_s - last) < last / 1000 else 1.0
    return Tslog(last, boot, tuple(_lines(records, boot, factor)))


def _lines(records: list[LogRecord], boot: float | None, factor: float) -> Iterator[Line]:
    for record in records:
        stamp = record.ts_ns
        wall = None if boot is None else boot + stamp / 1e9 * factor
        for text in record.text.decode("utf-8", "backslashreplace").rstrip("\n").split("\n"):
            yield Line(stamp, wall, text)


def render(log: Tslog, options: argparse.Namespace) -> Iterator[str]:
    if log.last_s is None:
        yield "No timestamps"
        return
    yield f"{log.last_s:.6f}"
    for line in log.lines:
        stamp = f"[{line.ts_ns // 10**9:5d}.{line.ts_ns % 10**9 // 1000:06d}] "
        when = ""
        if line.wall_s is not None:
            when = time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime(line.wall_s))
        yield when + stamp + printable(line.text.replace("\t", "    "))


TOOL = Tool(add_arguments, collect, render)
