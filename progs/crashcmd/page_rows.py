# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of struct pages, as kmem and files print them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from LinuxDump import pages
from pykdump import compat
from pykdump.layout import Layout

compat.member("struct page", "Refs", "_refcount.counter", "_count.counter")

_PAGE = Layout("struct page", "flags", "mapping", "index", "Refs")

HEADING = "      PAGE        PHYSICAL      MAPPING       INDEX CNT FLAGS"


def rows(addrs: Sequence[int]) -> Iterator[str]:
    """A heading and a row a ``struct page *``."""
    yield HEADING
    for addr, row in zip(addrs, _PAGE.read_many(addrs)):
        physical = pages.pfn_of(addr) * pages.PAGE_SIZE
        if row is None:
            yield f"{addr:16x} {physical:9x} (struct page is not in the dump)"
            continue
        names = ",".join(pages.flag_names(row.flags))
        yield (
            f"{addr:16x} {physical:9x} {row.mapping or 0:16x} {row.index:8x} {row.Refs} "
            f"{row.flags:x} {names}"
        ).rstrip()
