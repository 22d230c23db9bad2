# SPDX-License-Identifier: GPL-2.0-or-later
"""Show who waits for whom: deadlocks, what holds others up, and threads that cannot be woken.

First come deadlocks, then what holds up most threads, with the way to it, then the uninterruptible
threads (state D) by what they wait for. What is not noted by the kernel but follows from stacks and
code is marked as inferred, with the evidence. Ages are times since a thread ran last.

Exit status: 0 no uninterruptible thread and no deadlock, 1 there are some, 2 it could not be found
out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pykdump
from LinuxDump.hangs import drawing, text
from LinuxDump.hangs.graph import Graph
from LinuxDump.hangs.report import HangReport, report
from pykdump.errors import PykdumpError
from pykdump.printing import columns, folded
from pykdump.tool import Tool, UsageError

_ADVICE_SAPHANA = (
    " SAP HANA runs here. See that transparent huge pages are off or on madvise, as its release",
    " wants them, and that NUMA balancing is off; look for threads that wait on mmap semaphores.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="all pids, in tables; times of sections"
    )
    parser.add_argument(
        "--maxpids", type=int, default=10, metavar="N", help="pids to print per group (10)"
    )
    parser.add_argument("--sortbypid", action="store_true", help="lists by pid, not by age")
    parser.add_argument(
        "--syslogger", action="store_true", help="only who waits for UNIX sockets, as /dev/log"
    )
    parser.add_argument("--tree", action="store_true", help="trees of owners and waiters")
    parser.add_argument(
        "--graph", metavar="FILE", help="draw who waits for whom into FILE.svg or FILE.dot"
    )
    parser.add_argument("--saphana", action="store_true", help="advice if SAP HANA is detected")
    parser.add_argument("--version", action="store_true", help="version of this tool")


def collect(options: argparse.Namespace) -> HangReport | None:
    if options.version:
        return None
    if options.maxpids < 1:
        raise UsageError(f"--maxpids {options.maxpids}: at least 1")
    if options.graph and Path(options.graph).suffix not in (".svg", ".dot"):
        raise UsageError(f"--graph {options.graph}: name a file that ends in .svg or .dot")
    found = report()
    if options.graph:
        _draw(found, Path(options.graph))
    return found


def _draw(found: HangReport, path: Path) -> None:
    graph = Graph(found.nodes, found.links)
    draw = drawing.svg if path.suffix == ".svg" else drawing.dot
    try:
        path.write_text("\n".join(draw(graph)) + "\n", encoding="utf-8")
    except OSError as error:
        raise PykdumpError(f"{path} cannot be written: {error.strerror}") from None


def render(found: HangReport | None, options: argparse.Namespace) -> Iterator[str]:
    width = columns()
    for line in _lines(found, options, width):
        yield from folded(line, width)


def _lines(
    found: HangReport | None, options: argparse.Namespace, width: int | None
) -> Iterator[str]:
    if found is None:
        yield f"HANGINFO version {pykdump.__version__}"
        return
    look = text.Look(options.verbose, options.maxpids, options.sortbypid, width)
    if options.syslogger:
        shown = list(text.socket_lines(found, look))
        yield from shown or ["No thread waits for a UNIX socket"]
        return
    yield from text.lines(found, look)
    if options.tree:
        yield ""
        yield " *** Owners, and who waits for them ***"
        for tree in drawing.owner_trees(Graph(found.nodes, found.links)):
            yield ""
            yield from tree.splitlines()
    if options.saphana and found.has_saphana:
        yield ""
        yield from _ADVICE_SAPHANA
    if options.graph:
        yield ""
        yield f"Drawn into {options.graph}"


def has_findings(found: HangReport | None) -> bool:
    return found is not None and bool(found.cycles or found.uninterruptible)


TOOL = Tool(add_arguments, collect, render, has_findings=has_findings, uses_colors=True)
