# SPDX-License-Identifier: GPL-2.0-or-later
"""From a C type to the reader that makes Python values of it (the accelerator's)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pykdump import datatypes, debugtypes, structs, values
from pykdump.debugtypes import ARRAY, BOOL, ENUM, FLT, FUNC, INT, PTR, CField, CType

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import Member, Reader
    from pykdump.paths import Path
    from pykdump.values import SmartString

_FLOATS = {4: "<f", 8: "<d"}


def of_field(field: CField) -> Reader:
    """The reader of a member, to be called with the address of the struct plus its offset."""
    return of_bitfield(field) if field.bit_size else of_type(field.type)


def of_bitfield(field: CField) -> Reader:
    """The same for a bitfield."""
    shift = field.bit_offset % 8
    size = (shift + field.bit_size + 7) // 8
    return _integer(field.type, size, (shift, field.bit_size))


def of_path(path: Path) -> Member:
    """The reader of what a path leads to, to be called with the address where it begins."""
    return _accel.Member(of_field(path.field), path.field.offset, path.hops)


def of_type(type_: CType) -> Reader:
    """The reader of values of a type; raises TypeError for types that have no values."""
    if type_.code in (INT, BOOL, ENUM):
        if type_.size == 16:
            return _place(lambda addr: _wide(addr, type_.is_signed))
        return _integer(type_, type_.size, (0, 0))
    if type_.is_struct:
        return _accel.Reader("struct", make=structs.class_of(type_))
    if type_.code == PTR:
        return _pointer(type_)
    if type_.code == ARRAY:
        return _array(type_)
    if type_.code == FLT and type_.size in _FLOATS:
        return _place(lambda addr: _float(addr, type_.size))
    raise TypeError(f"a value of type {datatypes.TypeInfo.of(type_).typestr()} cannot be read")


def of_target(target: CType, through: bool) -> Callable[[int], Any]:
    """The reader of what a tPtr points at: of a pointer another tPtr, unless it leads to a struct
    and shall be followed ``through`` to it."""
    if target.code == PTR and not (through and target.target.is_struct):
        return _typed_pointer(target)
    return of_type(target)


def text_at(addr: int) -> SmartString:
    """Text that ends with a NUL; IndexError for NULL."""
    if addr == 0:
        raise IndexError("NULL pointer: no text lies at 0")
    size = values._TEXT_SIZE
    try:
        raw = _accel.read_memory(addr, size)
    except _accel.ReadError:
        raw = _accel.read_memory(addr, size - addr % size)
    return values.SmartString(raw, addr)


def _integer(type_: CType, size: int, bits: tuple[int, int]) -> Reader:
    if type_.code == BOOL:
        return _accel.Reader("bool", size=size, bits=bits)
    make = _Enumerated(type_).__getitem__ if type_.code == ENUM else None
    return _accel.Reader("int", size=size, is_signed=type_.is_signed, bits=bits, make=make)


class _Enumerated(dict[int, "values.tEnum"]):
    # The values of an enum that were met. A dump may be full of bad ones: those are not kept.

    def __init__(self, type_: CType) -> None:
        super().__init__()
        self._info = datatypes.EnumInfo.of(type_)
        self._good = set(type_.enumerators.values())

    def __missing__(self, value: int) -> values.tEnum:
        made = values.tEnum(value, self._info)
        if value in self._good:
            self[value] = made
        return made


def _pointer(type_: CType) -> Reader:
    target = type_.target
    if target.is_struct:
        return _accel.Reader("struct*", make=structs.class_of(target))
    if target.code == FUNC:
        return _accel.Reader("pointer", size=8)
    if is_plain_char(target):
        return _accel.Reader("text*", make=values.SmartString)
    return _typed_pointer(type_)


def _typed_pointer(type_: CType) -> Reader:
    info, new = datatypes.TypeInfo.of(type_), values.tPtr
    return _accel.Reader("pointer", size=8, make=lambda addr: new(addr, info))


def is_plain_char(type_: CType) -> bool:
    """Whether a type is spelled ``char``: arrays of it are text, those of ``u8`` are not."""
    return type_.code == INT and type_.name == "char" and type_.typedef is None


def _array(type_: CType, nested: bool = False) -> Reader:
    element, count = type_.target, type_.count
    if element.code == ARRAY:
        if element.target.code == ARRAY and element.target.target.code == ARRAY:
            raise TypeError("an array of more than three dimensions cannot be read")
        return _list(_array(element, nested=True), element.size, count)
    if element.is_struct:
        one = of_type(element)
        return one if count <= 1 else _list(one, element.size, count)
    if element.code == PTR and not nested:
        read = of_type(element)
        if count <= 1:
            return _place(lambda addr: values.tPtrDimensionlessArray(addr, read, 8))
        return _place(lambda addr: values.PointerArray(addr, read, count))
    if count == 0 and not nested:
        read, size = of_type(element), element.size
        return _place(lambda addr: values.intDimensionlessArray(addr, read, size))
    if is_plain_char(element):
        return _accel.Reader("text", count=count, make=values.SmartString)
    if element.code == ENUM:
        element = debugtypes.CType(INT, "", element.size, is_signed=element.is_signed)
    return _list(of_type(element), element.size, count)


def _list(element: Reader, stride: int, count: int) -> Reader:
    return _accel.Reader("array", element=element, stride=stride, count=count)


def _place(make: Callable[[int], Any]) -> Reader:
    return _accel.Reader("place", make=make)


def _wide(addr: int, is_signed: bool) -> int:
    return int.from_bytes(_accel.read_memory(addr, 16), "little", signed=is_signed)


def _float(addr: int, size: int) -> float:
    value: float = struct.unpack(_FLOATS[size], _accel.read_memory(addr, size))[0]
    return value
