# SPDX-License-Identifier: GPL-2.0-or-later
"""Show what addresses are: symbols, slab objects, pages and whose they are, stacks, modules."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.whatis import Place, address, what_is
from pykdump.tool import Tool


@dataclass(frozen=True)
class Report:
    """What each address is."""

    places: tuple[Place, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="ADDR", help="an address, or a symbol's name")


def collect(options: argparse.Namespace) -> Report:
    return Report(tuple(what_is(address(text)) for text in options.what))


def render(report: Report, options: argparse.Namespace) -> Iterator[str]:
    for place in report.places:
        yield f"{place.addr:#018x}  {place.text}"


TOOL = Tool(add_arguments, collect, render)
