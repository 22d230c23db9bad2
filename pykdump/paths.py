# SPDX-License-Identifier: GPL-2.0-or-later
"""Dotted paths through structs, pointers to structs followed."""

from __future__ import annotations

from dataclasses import dataclass

from pykdump.debugtypes import PTR, CField, CType


@dataclass(frozen=True)
class Path:
    """Where a path leads."""

    hops: tuple[int, ...]  #: offsets of the pointers to follow first
    field: CField  #: what it leads to; its offset counts from what the last pointer points at


def find_path(struct: CType, path: str) -> Path | None:
    """Where a dotted path leads from a struct, None when it has no such members."""
    hops: list[int] = []
    base, at_type = 0, struct
    field = CField("", struct, 0, 0)
    for step in filter(None, path.split(".")):
        if at_type.code == PTR:
            hops.append(base // 8)
            base, at_type = 0, at_type.target
        found = at_type.members.get(step) if at_type.is_struct else None
        if found is None:
            return None
        base += found.bit_offset
        field = CField(step, found.type, base, found.bit_size)
        at_type = found.type
    return Path(tuple(hops), field)
