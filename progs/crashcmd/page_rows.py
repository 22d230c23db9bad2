# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of struct pages, as kmem and files print them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from LinuxDump import pages
from pykdump import compat, lowlevel
from pykdump.layout import Layout

compat.member("struct page", "Refs", "_refcount.counter", "_count.counter")

_PAGE = Layout("struct page", "Flags", "mapping", "Index", "Refs")

_AT_ONCE = 1 << 14

HEADING = "      PAGE        PHYSICAL      MAPPING       INDEX CNT FLAGS"


def rows(addrs: Sequence[int]) -> Iterator[str]:
    """A heading and a row a ``struct page *``, in pieces."""
    yield HEADING
    first, size = pages.vmemmap(), lowlevel.sizeof("struct page")
    flags_of: dict[int, str] = {}
    for at in range(0, len(addrs), _AT_ONCE):
        some = addrs[at : at + _AT_ONCE]
        read = _PAGE.read_columns(some)
        columns = (read.Flags, read.mapping, read.Index, read.Refs)
        lines = []
        for addr, flags, mapping, index, refs in zip(some, *(each.tolist() for each in columns)):
            physical = (addr - first) // size * pages.PAGE_SIZE
            if flags is None or mapping is None or index is None or refs is None:
                lines.append(f"{addr:16x} {physical:9x} (struct page is not in the dump)")
                continue
            if flags not in flags_of:
                flags_of[flags] = f"{flags:x} {','.join(pages.flag_names(flags))}".rstrip()
            lines.append(
                f"{addr:16x} {physical:9x} {mapping:16x} {index:8x} {refs} {flags_of[flags]}"
            )
        yield "\n".join(lines)


def members(addrs: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    """A heading and a row a ``struct page *`` with these members; raises TypeMissingError."""
    layout = Layout("struct page", *names)
    widths = [2 * lowlevel.member("struct page", name).size for name in names]
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
        return value[::-1].hex()
    return f"{int(str(value)) & (1 << 4 * width) - 1:0{width}x}"


def one(addr: int) -> Iterator[str]:
    """A heading and the row of one ``struct page *``, as narrow as it can be."""
    row = _PAGE.read(addr)
    if row is None:
        yield f"struct page {addr:x} is not in the dump"
        return
    physical = pages.pfn_of(addr) * pages.PAGE_SIZE
    width = max(8, len(f"{physical:x}"))
    yield f"      PAGE       {'PHYSICAL':^{width}}      MAPPING       INDEX CNT FLAGS"
    names = ",".join(pages.flag_names(row.Flags))
    yield (
        f"{addr:x} {physical:{width}x} {row.mapping or 0:16x} {row.Index:8x} {row.Refs:2} "
        f"{row.Flags:x} {names}"
    ).rstrip()
