# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of struct pages, as kmem and files print them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from LinuxDump import pages
from pykdump import compat, lowlevel
from pykdump.bulk import Cells, format_rows
from pykdump.errors import CrashError
from pykdump.layout import Layout

compat.member("struct page", "Refs", "_refcount.counter", "_count.counter")

_PAGE = Layout("struct page", "Flags", "mapping", "Index", "Refs")

_AT_ONCE = 1 << 14
_U64 = 0xFFFF_FFFF_FFFF_FFFF


def rows(addrs: Sequence[int]) -> Iterator[str]:
    """A heading and a row a ``struct page *``, in pieces."""
    first, size = pages.vmemmap(), lowlevel.sizeof("struct page")
    width = _width(_physical([max(addrs, default=first)], first, size)[0])
    yield _heading(width)
    for at in range(0, len(addrs), _AT_ONCE):
        some = addrs[at : at + _AT_ONCE]
        physical = _physical(some, first, size)
        read = _PAGE.read_columns(some)
        flags = {number for number in read.Flags.tolist() if number is not None}
        names = {number: _flags_text(number) for number in flags}
        lines = format_rows(
            [
                Cells(array("Q", some), width=16),
                Cells(array("Q", physical), width=width),
                Cells(read.mapping, width=16),
                Cells(read.Index, width=8),
                Cells(read.Refs, "d", width=2),
                Cells(read.Flags, "s", names=names),
            ]
        )
        yield _with_lost(lines, some, physical, width, [row for row, _ in read.Flags.faults])


def _width(physical: int) -> int:
    return max(8, len(f"{physical:x}"))


def _heading(width: int) -> str:
    return f"      PAGE       {'PHYSICAL':^{width}}      MAPPING       INDEX CNT FLAGS"


def _physical(addrs: Sequence[int], first: int, size: int) -> Sequence[int]:
    if isinstance(addrs, range):  # one behind the other
        start = (addrs[0] - first) // size * pages.PAGE_SIZE
        return range(start, start + len(addrs) * pages.PAGE_SIZE, pages.PAGE_SIZE)
    return [(addr - first) // size * pages.PAGE_SIZE & _U64 for addr in addrs]


def _with_lost(
    text: str, addrs: Sequence[int], physical: Sequence[int], width: int, lost: list[int]
) -> str:
    if not lost:
        return text
    lines = text.split("\n")
    for row in lost:
        lines[row] = f"{addrs[row]:16x} {physical[row]:{width}x} (struct page is not in the dump)"
    return "\n".join(lines)


def _flags_text(flags: int) -> str:
    return f"{flags:x} {','.join(pages.flag_names(flags))}".rstrip()


def members(addrs: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """A heading and a row a ``struct page *`` with these members; raises TypeMissingError."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", name, re.ASCII):
            raise CrashError(f"{name or 'an empty word'} is no member of struct page")
    names = list(dict.fromkeys(names))
    layout = Layout("struct page", *names)
    sizes = [lowlevel.member("struct page", name).size for name in names]
    widths = [2 * size + max(0, size // 8 - 1) for size in sizes]  # a comma between words
    shown = zip(names, widths)
    yield f"{'PAGE':^16}" + "".join(f"  {name:^{max(width, len(name))}}" for name, width in shown)
    for at in range(0, len(addrs), _AT_ONCE):
        some = addrs[at : at + _AT_ONCE]
        rows_of = zip(some, layout.read_many(some))
        yield "\n".join(_members_line(addr, row, widths) for addr, row in rows_of)


def _members_line(addr: int, row: Any, widths: Sequence[int]) -> str:
    if row is None:
        return f"{addr:16x} (struct page is not in the dump)"
    words = (_hex(value, width) for value, width in zip(row, widths))
    return f"{addr:16x}  " + "  ".join(words) + "  "


def _hex(value: object, width: int) -> str:
    if isinstance(value, bytes):
        words = [value[at : at + 8][::-1].hex() for at in range(0, len(value), 8)]
        return ",".join(words)
    return f"{int(str(value)) & (1 << 4 * width) - 1:0{width}x}"


def one(addr: int) -> Iterator[str]:
    """A heading and the row of one ``struct page *``, as narrow as it can be."""
    row = _PAGE.read(addr)
    if row is None:
        yield f"struct page {addr:x} is not in the dump"
        return
    physical = pages.pfn_of(addr) * pages.PAGE_SIZE
    width = _width(physical)
    yield _heading(width)
    names = ",".join(pages.flag_names(row.Flags))
    yield (
        f"{addr:x} {physical:{width}x} {row.mapping or 0:16x} {row.Index:8x} {row.Refs:2} "
        f"{row.Flags:x} {names}"
    ).rstrip()
