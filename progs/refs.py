# SPDX-License-Identifier: GPL-2.0-or-later
"""Show who points at an address: every word of memory that holds it, and what it lies in."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from LinuxDump import Slab
from LinuxDump.hits import Found, found, lines, number_at, stop_at
from LinuxDump.whatis import address, what_is
from pykdump.bulk import find_numbers
from pykdump.tool import Tool, UsageError, at_least_one

_SHOWN = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("addr", metavar="ADDR", help="an address, or a symbol's name")
    parser.add_argument(
        "-o", "--object", action="store_true", help="pointers into the slab object of ADDR, too"
    )
    parser.add_argument("--size", type=int, help="pointers to this many bytes from ADDR on")
    parser.add_argument(
        "--limit",
        type=at_least_one,
        help=f"hits to search for and show (default: the first {_SHOWN}, and how many there are)",
    )


def collect(options: argparse.Namespace) -> Found:
    addr = address(options.addr)
    low, size = addr, max(1, options.size or 1)
    if options.object:
        low, size = _object_of(addr)
    if low + size > 1 << 64:
        raise UsageError(f"--size {size}: no memory lies so far behind {addr:#x}")
    hits, shown = find_numbers(low, low + size - 1, limit=stop_at(options.limit)), options.limit
    if size == 1:
        return found(hits, classify=True, shown=shown or _SHOWN)
    return found(hits, classify=True, shown=shown or _SHOWN, value=number_at(8))


def _object_of(addr: int) -> tuple[int, int]:
    place = what_is(addr)
    if place.kind != "slab" or not place.details["object_addr"]:
        raise UsageError(f"{addr:#x} lies in no slab object: {place.text}; use --size")
    cache = next(c for c in Slab.caches() if c.addr == place.details["cache_addr"])
    return place.details["object_addr"], cache.object_size


def render(result: Found, options: argparse.Namespace) -> Iterator[str]:
    yield from lines(result)


TOOL = Tool(add_arguments, collect, render, boxes_warnings=False)
