# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log, as dmesg would have shown it.

Each record is [SECONDS.MICROSECONDS] TEXT; further lines of a record are indented below its text.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from crashcmd.command import Command, Given, Option
from LinuxDump import timekeeping
from LinuxDump.printk import LogRecord, log_records


def collect(given: Given) -> Iterator[LogRecord]:
    if given.words:
        raise given.error(f"it takes no words: {given.words[0]}")
    return log_records(devices="-d" in given)


def render(record: Iterator[LogRecord], given: Given) -> Iterator[str]:
    booted = _boot_time(given) if "-T" in given else 0
    for message in record:
        stamp = "" if "-t" in given else _stamp(message.ts_ns, booted)
        if "-m" in given:
            stamp += f"<{message.level}>"
        text = message.text.decode("utf-8", "backslashreplace").rstrip("\n")
        margin = " " * len(stamp)
        yield stamp + text.replace("\n", "\n" + margin)
        yield from (f"{margin}{name}={value}" for name, value in message.origin)


def _boot_time(given: Given) -> int:
    clocks = timekeeping.clocks()
    if clocks is None:
        raise given.error("the kernel's clocks are not in the dump: no dates are known")
    return clocks.wall_s - clocks.uptime_s


def _stamp(ts_ns: int, booted: int) -> str:
    if booted:
        when = datetime.datetime.fromtimestamp(booted + ts_ns // 10**9, datetime.timezone.utc)
        return f"[{when:%a %b %e %H:%M:%S UTC %Y}] "
    return f"[{ts_ns // 10**9:5d}.{ts_ns % 10**9 // 1000:06d}] "


COMMANDS = (
    Command(
        "log",
        "",
        collect,
        render,
        (
            Option("-T", "dates in place of the seconds since boot"),
            Option("-t", "no times"),
            Option("-m", "the level of each record, as <6>"),
            Option("-d", "the subsystem and device that records are of"),
        ),
    ),
)
