# SPDX-License-Identifier: GPL-2.0-or-later
"""Say why the dump was taken and what is wrong in it: the first thing to run.

First comes the verdict: the kind of panic, the task and the code at fault, the lines of the log
that belong to it; then what all checks found, the weightiest first, each with the command that
shows more; then the state of the machine. The exit status is 1 if anything was found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import crash_report, crash_views
from LinuxDump.crash_report import CrashReport
from LinuxDump.crash_views import View
from pykdump import __version__
from pykdump.tool import Tool


@dataclass(frozen=True)
class Crashinfo:
    """The full report, or one view that was asked for."""

    version: str
    report: CrashReport | None = None
    view: View | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        *("-v", "--verbose"), action="count", default=0, help="more detail, and times of sections"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="only what the checks found")
    parser.add_argument(
        "--fast", action="store_true", help="leave out what takes long on large dumps"
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    crash_views.add_arguments(parser)


def collect(options: argparse.Namespace) -> Crashinfo:
    if options.version:
        return Crashinfo(__version__)
    view = crash_views.collect(options)
    if view is not None:
        return Crashinfo(__version__, view=view)
    report = crash_report.collect(fast=options.fast, quiet=options.quiet, detail=options.verbose)
    return Crashinfo(__version__, report)


def render(found: Crashinfo, options: argparse.Namespace) -> Iterator[str]:
    if found.view is not None:
        yield from found.view.lines
    elif found.report is None:
        yield f"crashinfo version {found.version}"
    else:
        yield from crash_report.render(found.report, detail=options.verbose)


def has_findings(found: Crashinfo) -> bool:
    """Whether a check found more than what is only worth knowing, or the kernel died."""
    if found.report is None:
        return bool(found.view and found.view.has_findings)
    died = found.report.verdict.panic_class != "alive"
    return died or any(each.severity != "note" for each in found.report.findings or ())


TOOL = Tool(add_arguments, collect, render, has_findings, uses_colors=True, warns_last=True)
