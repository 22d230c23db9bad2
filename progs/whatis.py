# SPDX-License-Identifier: GPL-2.0-or-later
"""Show what addresses are: symbols, slab objects, pages and whose they are, stacks, modules."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.whatis import Place, address, what_is
from pykdump.errors import Interrupted, PykdumpError
from pykdump.logging import pylog
from pykdump.tool import Tool


@dataclass(frozen=True)
class Report:
    """What each address is."""

    places: tuple[Place, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="+", metavar="ADDR", help="an address, or a symbol's name")


def collect(options: argparse.Namespace) -> Report:
    places = []
    for text in options.what:
        try:
            places.append(what_is(address(text)))
        except Interrupted:
            raise
        except PykdumpError as error:
            if len(options.what) == 1:
                raise
            pylog.warning(str(error))
    return Report(tuple(places))


def render(report: Report, options: argparse.Namespace) -> Iterator[str]:
    for place in report.places:
        yield f"{place.addr:#018x}  {place.text}"


TOOL = Tool(add_arguments, collect, render)
