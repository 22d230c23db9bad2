# SPDX-License-Identifier: GPL-2.0-or-later
"""Search all memory of the dump for a number, a range of numbers, text or bytes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from LinuxDump.hits import Found, found, lines, number_at, only, stop_at, text_at
from LinuxDump.pages import CLASSES
from pykdump.bulk import Hits, find_numbers, find_pattern
from pykdump.tool import Tool, UsageError, at_least_one

_SHOWN = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("number", nargs="?", metavar="NUMBER", help="hex, or LOW-HIGH for a range")
    what.add_argument("-s", "--string", metavar="TEXT", help="text, at any place")
    what.add_argument("-b", "--bytes", metavar="HEX", help="bytes as hex digits, at any place")
    parser.add_argument(
        "--size", type=int, choices=(1, 2, 4, 8), default=8, help="of the number (default: 8)"
    )
    parser.add_argument("--mask", metavar="MASK", help="bits of the number that count, in hex")
    parser.add_argument(
        "--in",
        dest="classes",
        metavar="CLASS[,...]",
        help=f"only in pages of these classes: {', '.join(CLASSES)}; --in=-free: in all others",
    )
    parser.add_argument(
        "--limit",
        type=at_least_one,
        help=f"hits to search for and show (default: the first {_SHOWN}, and how many there are)",
    )
    parser.add_argument("-w", "--whatis", action="store_true", help="say what each hit lies in")


def collect(options: argparse.Namespace) -> Found:
    for name in (options.classes or "").lstrip("-").split(","):
        if name and name not in CLASSES:
            raise UsageError(f"there is no class {name}; classes: {', '.join(CLASSES)}")
    shown = options.limit or _SHOWN
    if options.number is None:
        return found(_search(options), classify=options.whatis, shown=shown, value=text_at)
    low, high = _range(options.number, options.size)
    if low == high and options.mask is None:  # each hit is the number itself
        return found(_search(options), classify=options.whatis, shown=shown)
    value = number_at(options.size)
    return found(_search(options), classify=options.whatis, shown=shown, value=value)


def _search(options: argparse.Namespace) -> Hits:
    pages, limit = only(options.classes), stop_at(options.limit)
    if options.number is None:
        return find_pattern(_pattern(options), pages=pages, limit=limit)
    low, high = _range(options.number, options.size)
    mask = (1 << 64) - 1 if options.mask is None else _mask(options.mask)
    return find_numbers(low, high, size=options.size, mask=mask, pages=pages, limit=limit)


def _pattern(options: argparse.Namespace) -> bytes:
    pattern: bytes
    if options.string is not None:
        pattern = options.string.encode("utf-8", "surrogateescape")
    else:
        try:
            pattern = bytes.fromhex(options.bytes)
        except ValueError:
            raise UsageError(f"{options.bytes} is no even number of hex digits") from None
    if not pattern:
        raise UsageError("nothing to search for: the text or the bytes are empty")
    return pattern


def _mask(text: str) -> int:
    try:
        return int(text, 16) & (1 << 64) - 1
    except ValueError:
        raise UsageError(f"{text} is no mask; write it in hex") from None


def _range(text: str, size: int) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    try:
        first = int(low, 16)
        last = int(high, 16) if dash else first
    except ValueError:
        raise UsageError(f"{text} is no number; write it in hex, a range as LOW-HIGH") from None
    if first > last or last >> 8 * size:
        raise UsageError(f"{text}: no number of {size} bytes can be in that range")
    return first, last


def render(result: Found, options: argparse.Namespace) -> Iterator[str]:
    yield from lines(result)


TOOL = Tool(add_arguments, collect, render, boxes_warnings=False)
