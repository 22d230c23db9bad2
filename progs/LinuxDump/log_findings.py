# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of the log that tell of trouble, as data: what they look like and what they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump.oops import LogLine


@dataclass(frozen=True)
class LogRule:
    """A kind of trouble."""

    title: str  #: "{n}" is the number of lines
    pattern: str
    weight: int  #: as of LinuxDump.findings
    command: str = "pykdump log"


LOG_RULES = (
    LogRule(
        "hardware errors (machine checks): {n}", r"\[Hardware Error\]: (CPU|Machine check|Mach)", 80
    ),
    LogRule("slab corruption reported: {n}", r"^BUG [\w-]+ \(.*\): ", 80, "pykdump slab"),
    LogRule("bad pages or page tables: {n}", r"^BUG: Bad (page|rss|pagetable)", 80),
    LogRule("soft lockups: {n}", r"BUG: soft lockup - CPU#", 75, "pykdump stack -c"),
    LogRule("hard lockups: {n}", r"Watchdog detected hard LOCKUP", 78, "pykdump stack -c"),
    LogRule("RCU stalls: {n}", r"(self-)?detected (expedited )?stalls? on", 70, "pykdump stack -c"),
    LogRule(
        "tasks reported as hung: {n}", r"INFO: task .+:\d+ blocked for more than", 70, "hanginfo"
    ),
    LogRule("work queue lockups: {n}", r"BUG: workqueue lockup", 65, "crashinfo --workqueues"),
    LogRule(
        "processes killed for want of memory: {n}",
        r"Out of memory: Kill|oom-kill:",
        60,
        "taskinfo --memory",
    ),
    LogRule("page allocations failed: {n}", r"page allocation failure", 50, "taskinfo --memory"),
    LogRule(
        "file system errors: {n}",
        r"EXT[234]-fs error|XFS .*(Corruption|shutting down|metadata I/O error)|"
        r"BTRFS(: | )(error|critical)",
        65,
    ),
    LogRule(
        "I/O errors: {n}",
        r"I/O error, dev |Buffer I/O error|critical (medium|target) error",
        60,
        "crashinfo --blkreq",
    ),
    LogRule(
        "NFS servers that did not respond: {n}", r"nfs: server .* not responding", 50, "hanginfo"
    ),
    LogRule(
        "corrupted lists or reference counters: {n}",
        r"list_(add|del) corruption|refcount_t: ",
        75,
    ),
    LogRule("warnings of the kernel (WARN): {n}", r"^WARNING: ", 40),
    LogRule(
        "scheduling while atomic: {n}",
        r"BUG: (scheduling while atomic|sleeping function called)",
        55,
    ),
    LogRule("undefined behaviour (UBSAN): {n}", r"^UBSAN: ", 45),
    LogRule("network transmit timeouts: {n}", r"NETDEV WATCHDOG:", 50),
    LogRule(
        "SCSI commands aborted or devices offlined: {n}",
        r"rejecting I/O to (offline|dead) device|Device offlined",
        55,
        "crashinfo --blkreq",
    ),
    LogRule("segmentation faults of processes: {n}", r"\bsegfault at [0-9a-f]+ ip", 15),
)


def matches(lines: Sequence[LogLine]) -> list[tuple[LogRule, list[LogLine]]]:
    """The rules that some lines match, with these lines."""
    any_of = re.compile("|".join(rule.pattern for rule in LOG_RULES))
    telling = [line for line in lines if any_of.search(line.text)]
    found = []
    for rule in LOG_RULES:
        pattern = re.compile(rule.pattern)
        hits = [line for line in telling if pattern.search(line.text)]
        if hits:
            found.append((rule, hits))
    return found
