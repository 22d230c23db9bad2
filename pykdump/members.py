# SPDX-License-Identifier: GPL-2.0-or-later
"""Where members of structs lie, by GDB's types and in a form that can be kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from pykdump import kept

try:
    import gdb
except ImportError:  # plain pytest
    pass

if TYPE_CHECKING:
    FindType = Callable[[str], Optional[gdb.Type]]


@dataclass(frozen=True)
class Member:
    """Where a member lies in its struct, and what it is."""

    #: Offsets of the pointers to follow first; then `bit_offset` counts from what they point to.
    hops: tuple[int, ...]
    bit_offset: int

    #: Width of a bitfield, 0 for other members.
    bit_size: int

    #: In bytes, of the whole array if it is one.
    size: int

    #: How a `Layout` reads it: "u" and "s" are integers, "?" a bool, "c" text, "b" raw bytes.
    kind: str

    #: Without typedefs: ``struct xarray``, ``struct page *``, ``char []``; "" for a struct without
    #: a name.
    type_name: str

    @property
    def offset(self) -> int:
        return self.bit_offset // 8


#: Elements of one array or of arrays of arrays; no struct of the kernel has more.
_MOST_ELEMENTS = 1 << 24

_STEP = re.compile(r"(\w+)((?:\[[0-9]+\])*)")

_fields: dict[str, dict[str, tuple[int, gdb.Field]]] = {}


def forget() -> None:
    """Debug info was loaded or went."""
    _fields.clear()


def find(start: gdb.Type, path: str, find_type: FindType) -> list[Any] | bool | None:
    """Where a path leads from a type: what a Member has, as JSON; False when it leads nowhere.

    None when it may, with other debug info: of a struct GDB has but a declaration.
    """
    at, hops, bits, width = start, [], 0, 0
    for name in path.split("."):
        step = _STEP.fullmatch(name)
        if step is None:
            return False
        if at.code == gdb.TYPE_CODE_PTR:
            hops.append(bits // 8)
            at, bits = at.target().strip_typedefs(), 0
            note_origin(at)
        if at.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return False
        fields = _fields_of(at, find_type)
        found = fields.get(step[1])
        if found is None:
            return False if fields else None
        inner_bits, field = found
        bits += inner_bits
        width = int(field.bitsize)
        at = field.type.strip_typedefs()
        note_origin(at)
        for index in map(int, re.findall("[0-9]+", step[2])):
            if at.code == gdb.TYPE_CODE_PTR:
                hops.append(bits // 8)
                bits = 0
            elif at.code != gdb.TYPE_CODE_ARRAY or not _has_element(at, index):
                return False
            at = at.target().strip_typedefs()
            note_origin(at)
            bits += index * int(at.sizeof) * 8
    return [*hops, bits, width, int(at.sizeof), _kind(at), type_name(at)]


def _has_element(array: gdb.Type, index: int) -> bool:
    last = int(array.range()[1])  # below 0 where the length is not declared
    return index <= last if last >= 0 else index < _MOST_ELEMENTS


_KINDS = ("u", "s", "?", "c", "b")


def _kind(type_: gdb.Type) -> str:
    code = type_.code
    if code == gdb.TYPE_CODE_ARRAY:
        element = type_.target().strip_typedefs()
        is_text = element.code == gdb.TYPE_CODE_INT and element.name == "char"
        return "c" if is_text else "b"
    if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) or type_.sizeof not in (1, 2, 4, 8):
        return "b"
    if code == gdb.TYPE_CODE_BOOL and type_.sizeof == 1:
        return "?"
    if code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_BOOL):
        return "u"
    return "s" if type_.is_signed else "u"


def type_name(type_: gdb.Type) -> str:
    """How C spells a type, an array without its length; "" for a struct without a name."""
    keywords = {
        gdb.TYPE_CODE_STRUCT: "struct",
        gdb.TYPE_CODE_UNION: "union",
        gdb.TYPE_CODE_ENUM: "enum",
    }
    if type_.code == gdb.TYPE_CODE_ARRAY:
        return f"{type_name(type_.target().strip_typedefs())} []"
    keyword = keywords.get(type_.code)
    if keyword is None:
        return str(type_)
    return f"{keyword} {type_.tag}" if type_.tag else ""


def _fields_of(struct: gdb.Type, find_type: FindType) -> dict[str, tuple[int, gdb.Field]]:
    # Bit offset and field by name, those of anonymous members included.
    tag = struct.tag
    key = f"{struct.code} {tag}" if tag else ""
    if key and key in _fields:
        return _fields[key]
    found: dict[str, tuple[int, gdb.Field]] = {}
    if not struct.fields() and tag:  # only declared in the unit that GDB looked in
        keyword = "union" if struct.code == gdb.TYPE_CODE_UNION else "struct"
        struct = find_type(f"{keyword} {tag}") or struct
    for field in struct.fields():
        if not hasattr(field, "bitpos"):
            continue
        if field.name:
            found.setdefault(field.name, (int(field.bitpos), field))
        else:
            inner = field.type.strip_typedefs()
            if inner.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
                for name, (bits, inner_field) in _fields_of(inner, find_type).items():
                    found.setdefault(name, (int(field.bitpos) + bits, inner_field))
    if key:
        _fields[key] = found
    return found


def is_number(found: Any) -> bool:
    """Whether this can be a size or an offset."""
    return type(found) is int and 0 <= found < 1 << 48


def is_member(found: Any) -> bool:
    """Whether this can be what `find` gives, None left aside."""
    if found is False:
        return True
    *hops, bits, width, size, kind, name = found
    numbers = all(map(is_number, (*hops, bits, width, size)))
    return numbers and width <= 128 and kind in _KINDS and isinstance(name, str)


def of_answer(found: Any) -> Member | None:
    """The member that `find` found."""
    if not found:
        return None
    *hops, bits, width, size, kind, name = found
    return Member(tuple(hops), bits, width, size, kind, name)


def note_origin(type_: gdb.Type) -> None:
    """Tell whoever keeps answers that this type is a part of one; GDB's own belong to no file."""
    if type_.objfile is not None:
        kept.comes_from(type_.objfile.build_id)
