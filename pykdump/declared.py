# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs that a script declares in C, for types that the debug info does not have."""

from __future__ import annotations

from pykdump.datatypes import ArtStructInfo
from pykdump.tparser import parseSUDef


def sdef2ArtSU(sdef: str) -> ArtStructInfo:
    """The struct that C text declares, made by hand: `readSU` knows it from then on.

    Members follow each other without padding, as with ``ArtStructInfo.append``. Raises ValueError
    for what `parseSUDef` does not take and for bitfields, TypeError for a member of unknown type.

    >>> from pykdump.highlevel import sdef2ArtSU
    >>> made = sdef2ArtSU("struct triple { int a; struct list_head *b[2]; char c[3]; };")
    >>> len(readSU("struct triple", 0)), made["b"].offset, made["c"].offset
    (23, 4, 20)
    """
    declared = parseSUDef(sdef)
    for field in declared.fields:
        if field.bitsize is not None:
            raise ValueError(f"no bitfield can be declared: {field.name}")
    made = ArtStructInfo(declared.stype)
    for field in declared.fields:
        dims = "".join(f"[{dim}]" for dim in field.dims)
        made.append(f"{field.ctype} {'*' * field.stars}".rstrip() + dims, field.name)
    return made
