# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: what an IDR holds. Records are in LinuxDump.trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from LinuxDump import trees
from pykdump import API
from pykdump.logging import pylog

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = ["idr_for_each", *API.__all__]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


def idr_for_each(idr: int) -> Iterator[tuple[int, int]]:
    """Id and pointer of each entry of a ``struct idr *``, by id; what is behind damage is lost."""
    found = trees.idr(int(idr))
    yield from found.entries
    if found.end != "complete":
        pylog.warning(
            f"<struct idr {int(idr):#x}> is broken ({found.end} at {found.stopped_at:#x})"
        )
