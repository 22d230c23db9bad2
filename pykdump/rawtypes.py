# SPDX-License-Identifier: GPL-2.0-or-later
"""Types as the dicts that the low-level ``crash`` module gives to scripts."""

from __future__ import annotations

from typing import Any

from pykdump import debugtypes
from pykdump.datatypes import TypeInfo
from pykdump.debugtypes import ENUM, CField, CType
from pykdump.errors import CrashError, SymbolMissingError


def gdb_typeinfo(name: str) -> dict[str, Any]:
    """A type as a dict; raises crash.error when it is unknown.

    Keys are ``basetype``, ``codetype`` and ``typelength`` (of one element); where they apply
    ``typedef``, ``stars`` and ``ptrbasetype``, ``dims``, ``uint``, ``prototype`` (the returned type
    first), ``edef`` (pairs of enumerator and value), and ``body`` of a struct: dicts of its members
    with ``fname``, ``bitoffset``, and ``bitsize`` of bitfields.

    >>> crash.gdb_typeinfo("enum pid_type")["edef"][0]
    ('PIDTYPE_PID', 0)
    """
    return _described(debugtypes.find(name), with_body=True)


def gdb_whatis(symbol: str) -> dict[str, Any]:
    """The type of a variable or function as such a dict, its name as ``fname``; raises crash.error
    without debug info for it."""
    try:
        type_ = debugtypes.of_variable(symbol)
    except SymbolMissingError as error:
        raise CrashError(str(error)) from None
    return {"fname": symbol, **_described(type_)}


def _described(type_: CType, with_body: bool = False) -> dict[str, Any]:
    info = TypeInfo.of(type_)
    base = info.getTargetType().ctype
    found: dict[str, Any] = {
        "basetype": info.stype,
        "codetype": info.codetype,
        "typelength": info.size,
    }
    if info.typedef:
        found["typedef"] = info.typedef
    if info.ptrlev:
        found.update(stars=info.ptrlev, ptrbasetype=info.ptrbasetype)
    if info.dims:
        found["dims"] = list(info.dims)
    if info.uint is not None:
        found["uint"] = info.uint
    if info.prototype is not None:
        found["prototype"] = [_described(one.ctype) for one in info.prototype]
    if base.code == ENUM:
        found["edef"] = list(base.enumerators.items())
    if base.is_struct and (with_body or base.is_anonymous):
        found["body"] = [_member(field) for field in base.fields]
    return found


def _member(field: CField) -> dict[str, Any]:
    found = {"fname": field.name, "bitoffset": field.bit_offset, **_described(field.type)}
    if field.bit_size:
        found["bitsize"] = field.bit_size
    return found


__all__ = ["gdb_typeinfo", "gdb_whatis"]
