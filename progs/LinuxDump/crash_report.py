# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of crashinfo: verdict, findings, and the state of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import checks, crash_text, machine_state
from LinuxDump.findings import Finding
from LinuxDump.machine_state import MachineState
from LinuxDump.situation import Situation
from LinuxDump.verdict import Verdict, log_lines, verdict
from LinuxDump.verdict_text import findings_lines, verdict_lines
from pykdump import __version__
from pykdump.sections import section


@dataclass(frozen=True)
class CrashReport:
    """All that crashinfo tells."""

    verdict: Verdict
    waits_for: str  #: what the task at fault waits for, and who has it; "" where it does not wait
    findings: tuple[Finding, ...] | None  #: None where the checks were not made
    state: MachineState | None  #: None where only the rest was asked for


def collect(*, fast: bool, quiet: bool, detail: int) -> CrashReport:
    """The report.

    :param fast: without the checks, which need all stacks.
    :param quiet: without the state of the machine.
    :param detail: more than 0: all blocked tasks, the whole log.
    """
    with section("log"):
        lines = log_lines()
    with section("verdict"):
        found = verdict(lines)
    situation = Situation(lines, found)
    problems: tuple[Finding, ...] | None = None
    if not fast:
        with section("checks"):
            problems = tuple(checks.findings(situation))
    return CrashReport(
        verdict=found,
        waits_for="" if fast else _waits_for(found, situation),
        findings=problems,
        state=None if quiet else machine_state.collect(situation, detail=detail),
    )


def _waits_for(found: Verdict, situation: Situation) -> str:
    if found.how != "waits":
        return ""
    for wait in situation.waits.waits:
        if wait.task_addr == found.task_addr and wait.text:
            held = [f'{each.how} pid {each.pid} "{each.comm}"' for each in wait.holders]
            mark = " (inferred)" if wait.inferred else ""
            return ", ".join([wait.text + mark, *held])
    return ""


def render(report: CrashReport, *, detail: int) -> Iterator[str]:
    """The report as text."""
    yield from verdict_lines(report.verdict, detail, report.waits_for)
    if report.findings is not None:
        yield from findings_lines(report.findings)
    if report.state is not None:
        yield ""
        yield from crash_text.box(f"*** Crashinfo v{__version__} ***", first=True)
        yield ""
        yield from machine_state.lines(report.state, report.verdict, detail)
