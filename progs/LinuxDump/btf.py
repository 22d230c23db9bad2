# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own table of its types, BTF (include/uapi/linux/btf.h): all of them, in one reading.

GDB would read the debug info of every unit to list all structs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pykdump import lowlevel
from pykdump.errors import PykdumpError

_MAGIC, _HEADER = 0xEB9F, struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_MEMBER = struct.Struct("<III")
(_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FWD, _TYPEDEF, _VOLATILE, _CONST, _RESTRICT) = range(
    1, 12
)
_FUNC, _FUNC_PROTO, _VAR, _DATASEC, _FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = range(12, 20)
#: Bytes behind a type: once, and for each of its members.
_BEHIND = {
    **{_INT: (4, 0), _ARRAY: (12, 0), _STRUCT: (0, 12), _UNION: (0, 12), _ENUM: (0, 8)},
    **{_FUNC_PROTO: (0, 8), _VAR: (4, 0), _DATASEC: (0, 12), _DECL_TAG: (4, 0), _ENUM64: (0, 12)},
}
_WORDS = {_STRUCT: "struct ", _UNION: "union ", _ENUM: "enum ", _ENUM64: "enum ", _FWD: "struct "}
_MOST_BYTES = 1 << 28
_DEEPEST = 64


class _Raw(NamedTuple):
    kind: int
    name_at: int
    other: int  #: size, or the type that it is made of
    members: tuple[tuple[int, int, int], ...]  #: name, type, offset


@dataclass(frozen=True)
class Structure:
    """A struct or union that has a name."""

    name: str
    is_union: bool
    size_bytes: int
    members: tuple[str, ...]  #: their types as C has them, those of embedded structs too


class Types:
    """All types of a kernel."""

    def __init__(self, data: bytes) -> None:
        magic, version, _, header, types_at, types, text_at, text = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != 1 or header + max(types_at, text_at) > len(data):
            raise PykdumpError("the kernel's table of types (BTF) is of a form that is not known")
        self._text = data[header + text_at : header + text_at + text]
        self._types = list(_read(data[header + types_at : header + types_at + types]))
        self._known: dict[int, frozenset[str]] = {}

    def structures(self) -> Iterator[Structure]:
        """Structs and unions that have a name, if only a typedef's."""
        for number, raw in enumerate(self._types, 1):
            name, inner = self._name(raw), self._at(raw.other) if raw.kind == _TYPEDEF else None
            if inner is not None and not self._name(inner):
                raw, number = inner, self._types[number - 1].other
            if raw.kind in (_STRUCT, _UNION) and name:
                members = tuple(sorted(self._members(number)))
                yield Structure(name, raw.kind == _UNION, raw.other, members)

    def _name(self, raw: _Raw) -> str:
        end = self._text.find(b"\0", raw.name_at)
        return self._text[raw.name_at : end].decode("utf-8", "backslashreplace")

    def _members(self, number: int, depth: int = 0) -> frozenset[str]:
        # Types of the members, and of the members of those that are structs themselves.
        if number not in self._known:
            found: set[str] = set()
            for _, kind, _ in self._types[number - 1].members:
                found.add(self._spelling(kind))
                inner = self._embedded(kind)
                if inner and depth < _DEEPEST:
                    found |= self._members(inner, depth + 1)
            self._known[number] = frozenset(found)
        return self._known[number]

    def _embedded(self, number: int) -> int:
        # The struct that a member is, through typedefs, qualifiers and arrays; 0 for none.
        for _ in range(_DEEPEST):
            raw = self._at(number)
            if raw is None:
                return 0
            if raw.kind in (_STRUCT, _UNION):
                return number
            if raw.kind == _ARRAY:
                number = raw.members[0][0]
            elif raw.kind in (_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG):
                number = raw.other
            else:
                return 0
        return 0

    def _at(self, number: int) -> _Raw | None:
        return self._types[number - 1] if 0 < number <= len(self._types) else None

    def _spelling(self, number: int, depth: int = 0) -> str:
        raw = self._at(number)
        if raw is None or depth > _DEEPEST:
            return "void"
        if raw.kind == _PTR:
            inner = self._spelling(raw.other, depth + 1)
            return f"{inner}{'' if inner.endswith('*') else ' '}*"
        if raw.kind == _ARRAY:
            return self._spelling(raw.members[0][0], depth + 1) + " []"
        if raw.kind in (_VOLATILE, _CONST, _RESTRICT, _TYPE_TAG):
            return self._spelling(raw.other, depth + 1)
        if raw.kind == _FUNC_PROTO:  # what it is called with is no member
            return f"{self._spelling(raw.other, depth + 1)} ()"
        return _WORDS.get(raw.kind, "") + (self._name(raw) or "{...}")


def _read(data: bytes) -> Iterator[_Raw]:
    at = 0
    while at + _TYPE.size <= len(data):
        name, info, other = _TYPE.unpack_from(data, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        once, each = _BEHIND.get(kind, (0, 0))
        at += _TYPE.size
        size = once + each * count
        members: tuple[tuple[int, int, int], ...] = ()
        if kind in (_STRUCT, _UNION):
            members = tuple((n, t, o) for n, t, o in _MEMBER.iter_unpack(data[at : at + size]))
        elif kind == _ARRAY:
            element, index, count = _MEMBER.unpack_from(data, at)
            members = ((element, index, count),)
        if not 0 < kind <= _ENUM64:
            raise PykdumpError(f"the kernel's table of types (BTF) has a type of kind {kind}")
        at += size
        yield _Raw(kind, name, other, members)


_types: tuple[lowlevel.Kernel, Types] | None = None


def types() -> Types:
    """All types of the open kernel; raises PykdumpError where it has no such table."""
    global _types
    if _types is None or _types[0] is not lowlevel.kernel():
        _types = (lowlevel.kernel(), Types(_data()))
    return _types[1]


def _data() -> bytes:
    start, end = lowlevel.link_address("__start_BTF"), lowlevel.link_address("__stop_BTF")
    if start is None or end is None or not _HEADER.size < end - start <= _MOST_BYTES:
        raise PykdumpError("this kernel has no table of its types: CONFIG_DEBUG_INFO_BTF is off")
    try:
        return lowlevel.kernel().elf.read(start, end - start)
    except PykdumpError:
        return lowlevel.dump().read(start + lowlevel.kernel().offset, end - start)
