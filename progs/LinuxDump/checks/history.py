# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what happened before: the log, oopses that were survived, modules."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import cpus, log_findings, modules, oops
from LinuxDump.findings import NOTE, Finding
from LinuxDump.oops import LogLine
from LinuxDump.situation import Situation
from pykdump.printing import counted


def log_lines(situation: Situation) -> Iterator[Finding]:
    # What the verdict tells needs no finding.
    told = set(situation.verdict.lines)
    for rule, lines in log_findings.matches([line for line in situation.lines if line not in told]):
        title = rule.title.format(n=len(lines))
        shown = (_log_text(lines[0]), *([_log_text(lines[-1])] if len(lines) > 1 else []))
        yield Finding(rule.weight, f"in the log: {title}", shown, rule.command)


def _log_text(line: LogLine) -> str:
    return f"[{line.ts_ns / 1e9:.6f}] {line.text}"


def earlier_oopses(situation: Situation) -> Iterator[Finding]:
    survived = oops.survived(situation.lines)
    died = cpus.panic_cpu() is not None
    if died and not any("Kernel panic" in line.text for line in situation.lines):
        survived = survived[:-1]  # the dump was taken for the last one
    if survived:
        first = survived[0]
        many = counted(len(survived), "oops", "oopses")
        title = f"the kernel went on after {many}: the rest may follow from that"
        yield Finding(78, title, (first.message, f"at {first.function}"), "log")


def tainting_modules(situation: Situation) -> Iterator[Finding]:
    tainted = [module for module in modules.modules() if module.taints]
    if tainted:
        names = [f"{each.name} ({modules.taint_letters(each.taints)})" for each in tainted]
        title = (
            f"{counted(len(tainted), 'module')} taint{'' if len(tainted) > 1 else 's'} the kernel"
        )
        yield Finding(NOTE, title, (" ".join(names[:20]),), "modinfo -t")
    if any(module.name == "pcc_cpufreq" for module in modules.modules()):
        yield Finding(35, "pcc_cpufreq is loaded: it slows machines with many CPUs", (), "modinfo")
