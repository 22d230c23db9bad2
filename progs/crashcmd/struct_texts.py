# SPDX-License-Identifier: GPL-2.0-or-later
"""Very many objects of one type as GDB prints them: the text around their values is made once.

GDB is asked for what only it knows (symbols, enumerators, text), once for equal bytes, and for the
whole first object: where that is another text than ours, it has to be asked for all of them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from pykdump import debugtypes, lowlevel, printed
from pykdump.debugtypes import ARRAY, INT, PTR, CType
from pykdump.errors import PykdumpError, TypeMissingError

_MOST_ELEMENTS = 200  # of arrays that are not left to GDB
_MOST_STRUCTS = 64
_MOST_LEAVES = 20_000
_MOST_KEPT = 1 << 14  # texts of one leaf
_CODES = {
    **{(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"},
    **{(1, True): "b", (2, True): "h", (4, True): "i", (8, True): "q"},
}
#: Where x86_64 has no symbols of the kernel: user space, what is mapped one to one, vmalloc().
_PLAIN = ((1 << 40, 1 << 56), (0xFF00_0000_0000_0000, 0xFFFF_FFFF_8000_0000))

#: Text of a raw value of an object that lies at an address.
_Shown = Callable[[Any, int], Any]


class _Unknown(Exception):
    """This type is left to GDB."""


@dataclass
class _Leaf:
    """A value in the object."""

    path: str
    offset: int
    code: str  #: as `struct` has it
    shown: _Shown | None = None  #: None for a number as it is


@dataclass
class _Form:
    """The text of a type, with %s where the leaves come."""

    leaves: list[_Leaf] = field(default_factory=list)

    def text(self, type_: CType, path: str, offset: int, indent: int) -> str:
        if len(self.leaves) > _MOST_LEAVES:
            raise _Unknown
        if type_.is_struct:
            return self._struct(type_, path, offset, indent)
        if type_.code == ARRAY and type_.target.is_struct:
            if not 0 < type_.count <= _MOST_STRUCTS:
                raise _Unknown
            inner, size = type_.target, type_.target.size
            made = (
                self.text(inner, f"{path}[{number}]", offset + number * size, indent + 2)
                for number in range(type_.count)
            )
            return "{" + ", ".join(made) + "}"
        self.leaves.append(_leaf(type_, path, offset))
        return "%s"

    def _struct(self, type_: CType, path: str, offset: int, indent: int) -> str:
        if not type_.fields:
            if type_.size:
                raise _Unknown
            return "{<No data fields>}"
        lines = []
        for member in type_.fields:
            inner = path if not member.name else f"{path}.{member.name}" if path else member.name
            head = f"{member.name} = " if member.name else ""
            at = offset + member.offset
            if member.bit_size:
                self.leaves.append(_bits(member, inner, offset))
                lines.append(f"{head}%s")
            else:
                lines.append(head + self.text(member.type, inner, at, indent + 2))
        blank = "\n" + " " * (indent + 2)
        return "{" + blank + f",{blank}".join(lines) + "\n" + " " * indent + "}"


def _bits(member: debugtypes.CField, path: str, offset: int) -> _Leaf:
    # A bitfield, of which the bytes that hold it are read.
    its = member.type
    if its.code != INT or its.size not in (2, 4, 8):
        raise _Unknown
    at = offset * 8 + member.bit_offset
    first = at // (8 * its.size) * its.size
    shift, mask = at - 8 * first, (1 << member.bit_size) - 1
    if shift + member.bit_size > 8 * its.size:
        raise _Unknown
    sign = 1 << (member.bit_size - 1) if its.is_signed else 0
    return _Leaf(
        path, first, _CODES[its.size, False], lambda v, _: (((v >> shift) & mask) ^ sign) - sign
    )


class _Asked:
    # What GDB says of equal bytes.
    def __init__(self, full: str, path: str) -> None:
        self.full, self.path = full, path
        self.known: dict[Any, str] = {}

    def __call__(self, raw: Any, addr: int) -> str:
        found = self.known.get(raw)
        if found is None:
            if len(self.known) > _MOST_KEPT:
                self.known.clear()
            found = self.known[raw] = self.ask(addr)
        return found

    def ask(self, addr: int) -> str:
        return printed.text(printed.member(printed.value_of(self.full, addr), self.path))


def _is_plain(addr: int) -> bool:
    return any(start <= addr < end for start, end in _PLAIN)


class _Pointer(_Asked):
    def __call__(self, raw: int, addr: int) -> str:
        return self.known.get(raw) or (hex(raw) if _is_plain(raw) else super().__call__(raw, addr))


class _TextPointer(_Asked):
    # To characters, which are shown, too.
    def __call__(self, raw: int, addr: int) -> str:
        return self.ask(addr) if raw else "0x0"


class _Behind(_Asked):
    # An array of characters without a length: its address, and the text there.
    def __init__(self, full: str, path: str, offset: int) -> None:
        super().__init__(full, path)
        self._offset = offset

    def __call__(self, raw: int, addr: int) -> str:
        at = addr + self._offset
        return self.ask(addr) if raw or not _is_plain(at) else f'{at:#x} ""'


_FULL = ""  # of the struct that is being laid out


def _leaf(type_: CType, path: str, offset: int) -> _Leaf:
    size = type_.size
    if type_.code == INT and size in (2, 4, 8):
        return _Leaf(path, offset, _CODES[size, type_.is_signed])
    if type_.code == PTR and size == 8:
        if lowlevel.dump().arch != "x86_64":
            raise _Unknown
        is_text = (type_.target.code, type_.target.size) == (INT, 1)
        asked = _TextPointer(_FULL, path) if is_text else _Pointer(_FULL, path)
        return _Leaf(path, offset, "Q", asked)
    if type_.code == ARRAY and type_.target.code == INT:
        inner = type_.target
        if not size:
            if inner.size != 1:
                raise _Unknown
            return _Leaf(path, offset, "B", _Behind(_FULL, path, offset))
        if inner.size in (2, 4, 8) and 0 < type_.count <= _MOST_ELEMENTS:
            numbers = struct.Struct(f"<{type_.count}{_CODES[inner.size, inner.is_signed]}")
            return _Leaf(
                path,
                offset,
                f"{size}s",
                lambda raw, _: "{" + ", ".join(map(str, numbers.unpack(raw))) + "}",
            )
    if type_.code == ARRAY and (not type_.count or _has_text(type_)):
        raise _Unknown
    if not 0 < size <= 1 << 16:
        raise _Unknown
    return _Leaf(path, offset, f"{size}s", _Asked(_FULL, path))


def _has_text(array: CType) -> bool:
    # Of an array of pointers to text what is shown is not in its bytes.
    inner = array
    while inner.code == ARRAY:
        inner = inner.target
    return inner.is_struct or (inner.code == PTR and inner.target.code == INT)


class StructTexts:
    """Texts of objects of a type, or of a member of them, as printed.text() has them.

    :param path: of the member, as in ``se.avg``; "" for the whole object.
    """

    def __init__(self, full: str, path: str = "") -> None:
        self._full, self._path = full, path
        self._is_ours = False
        try:
            self._is_ours = self._lay_out()
        except (_Unknown, TypeMissingError):
            pass

    def _lay_out(self) -> bool:
        global _FULL
        type_, offset = debugtypes.find(self._full), 0
        for name in self._path.split(".") if self._path else ():
            member = type_.members.get(name)
            if member is None or member.bit_size or not re.fullmatch(r"\w+", name):
                return False
            type_, offset = member.type, offset + member.offset
        _FULL = self._full
        form = _Form()
        self._shape = form.text(type_, self._path, offset, 0)
        if self._shape.count("%") != len(form.leaves):
            return False
        self._leaves = form.leaves
        self._unpackers, order = _unpackers(form.leaves)
        # One value alone would come without a tuple.
        self._in_order = itemgetter(*order, order[0]) if order else None
        self._shown = [(n, leaf.shown) for n, leaf in enumerate(form.leaves) if leaf.shown]
        self._start = min((leaf.offset for leaf in form.leaves), default=0)
        ends = (leaf.offset + struct.calcsize("<" + leaf.code) for leaf in form.leaves)
        self._size = max(ends, default=0) - self._start
        return bool(form.leaves)

    def of(self, addrs: Sequence[int]) -> Iterator[str | None]:
        """The text of each object; None for one that GDB has to be asked for."""
        dump = lowlevel.dump()
        is_checked = False
        if printed.radix != 10 or printed.most_elements != 256 or printed.pretty_arrays:
            self._is_ours = False
        for addr in addrs:
            if not self._is_ours:
                yield None
                continue
            try:
                text = self._text(dump.read(addr + self._start, self._size), addr)
                if not is_checked:
                    self._is_ours = is_checked = text == self._by_gdb(addr)
                yield text if self._is_ours else None
            except PykdumpError:
                yield None

    def _text(self, raw: bytes, addr: int) -> str:
        found: list[Any] = []
        for unpack in self._unpackers:
            found += unpack(raw)
        assert self._in_order is not None
        values = list(self._in_order(found))
        values.pop()
        for number, shown in self._shown:
            values[number] = shown(values[number], addr)
        return self._shape % tuple(values)

    def _by_gdb(self, addr: int) -> str:
        value = printed.value_of(self._full, addr)
        return printed.text(printed.member(value, self._path) if self._path else value)


def _unpackers(leaves: Sequence[_Leaf]) -> tuple[list[Callable[[bytes], Any]], list[int]]:
    # What reads them, those of unions that lie at the same place apart, and which value is whose.
    start = min((leaf.offset for leaf in leaves), default=0)
    left = sorted(range(len(leaves)), key=lambda number: leaves[number].offset)
    order, count = [0] * len(leaves), 0
    made: list[Callable[[bytes], Any]] = []
    while left:
        form, at, later = "<", start, []
        for number in left:
            leaf = leaves[number]
            if leaf.offset < at:
                later.append(number)
                continue
            form += f"{leaf.offset - at}x{leaf.code}"
            at = leaf.offset + struct.calcsize("<" + leaf.code)
            order[number] = count
            count += 1
        made.append(struct.Struct(form).unpack_from)
        left = later
    return made, order
