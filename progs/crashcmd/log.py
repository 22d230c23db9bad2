# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log, as dmesg would have shown it.

Each record is [SECONDS.MICROSECONDS] TEXT; further lines of a record are indented below its text.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from crashcmd import rust
from crashcmd.command import Command, Given, Option
from LinuxDump import printk_safe, timekeeping
from LinuxDump.audit_log import AuditMessage, audit_messages
from LinuxDump.printk import IN_INTERRUPT, LogRecord, has_callers, log_records


def collect(given: Given) -> Any:
    if given.words:
        raise given.error(f"it takes no words: {given.words[0]}")
    if "-a" in given:
        return tuple(audit_messages())
    if "-s" in given:
        if not printk_safe.exist():
            raise given.error("this kernel has no buffers of printk for NMIs: its log has all")
        return tuple(printk_safe.safe_buffers())
    if "-c" in given and not has_callers():
        raise given.error("the log of this kernel does not tell who called printk()")
    return log_records(devices="-d" in given, callers="-c" in given)


def render(record: Any, given: Given) -> Iterator[str]:
    if "-a" in given:
        yield from _audit(record)
    elif "-s" in given:
        yield from _safe(record)
    else:
        yield from _log(record, given)


def _audit(record: Sequence[AuditMessage]) -> Iterator[str]:
    if not record:
        yield "kernel audit log is empty"
    for message in record:
        yield f"type={message.type} {message.text.decode('utf-8', 'backslashreplace')}".rstrip()


def _safe(record: Sequence[printk_safe.SafeBuffer]) -> Iterator[str]:
    name = ""
    for buffer in record:
        if buffer.name != name:
            name = buffer.name
            yield f"PRINTK_SAFE_SEQ_BUF: {name}"
        yield (
            f"CPU: {buffer.cpu}  ADDR: {buffer.addr:x} LEN: {buffer.length}  "
            f"MESSAGE_LOST: {buffer.lost}"
        )
        lines = buffer.text.decode("utf-8", "backslashreplace").splitlines() or ["(empty)"]
        yield from (f"  {line}" for line in lines)
        yield ""


def _log(record: Iterator[LogRecord], given: Given) -> Iterator[str]:
    booted = _boot_time(given) if "-T" in given else 0
    for message in record:
        stamp = "" if "-t" in given else _stamp(message.ts_ns, booted)
        if message.caller_id is not None:
            stamp += f"[{_caller(message.caller_id):>6}] "
        if "-m" in given:
            stamp += f"<{message.level}>"
        text = message.text.decode("utf-8", "backslashreplace").rstrip("\n")
        if "-R" in given:
            text = rust.readable(text)
        margin = " " * len(stamp)
        yield stamp + text.replace("\n", "\n" + margin)
        yield from (f"{margin}{name}={value}" for name, value in message.origin)


def _caller(caller_id: int) -> str:
    number = caller_id & ~IN_INTERRUPT
    return f"C{number}" if caller_id & IN_INTERRUPT else f"T{number}"


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
            Option("-c", "who called printk(), as [T1] for pid 1 and [C0] for CPU 0's interrupts"),
            Option("-R", "names of Rust's symbols as they are in the source"),
            Option("-d", "the subsystem and device that records are of"),
            Option("-a", "audit messages that no daemon has fetched: type=NUMBER TEXT"),
            Option("-s", "what is left in the buffers of printk for NMIs, up to 5.14"),
        ),
    ),
)
