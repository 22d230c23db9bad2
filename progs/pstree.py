# SPDX-License-Identifier: GPL-2.0-or-later
"""Show processes as a tree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import task_tree
from LinuxDump.task_records import task_table
from pykdump import __version__
from pykdump.tool import Tool, UsageError


@dataclass(frozen=True)
class Pstree:
    """The tree, and how many processes and threads are in it."""

    tree: task_tree.Node | None
    count: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-p", "--pids", action="store_true", help="pids")
    parser.add_argument("-s", "--states", action="store_true", help="states, as [UN]")
    parser.add_argument("-g", "--threads", action="store_true", help="how many threads there are")
    parser.add_argument("-t", "--task", type=int, metavar="PID", help="only this process and below")
    parser.add_argument("--version", action="store_true", help="print the version")


def collect(options: argparse.Namespace) -> Pstree:
    if options.version:
        return Pstree(None, 0)
    found = task_tree.tree(task_table(), options.task or 0)
    if found is None and options.task:
        raise UsageError(f"there is no process with pid {options.task}; see: pykdump taskinfo")
    return Pstree(found, 0 if found is None else found.count())


def render(found: Pstree, options: argparse.Namespace) -> Iterator[str]:
    if found.tree is None:
        yield f"pstree version {__version__}" if options.version else "there are no tasks"
        return
    yield from task_tree.lines(
        found.tree, pids=options.pids, states=options.states, threads=options.threads
    )
    yield f"Total {found.count} tasks printed"


TOOL = Tool(add_arguments, collect, render, uses_colors=True)
