# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk reads of struct members, compiled by the accelerator."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pykdump import compat, lowlevel
from pykdump.errors import TypeMissingError

try:
    import gdb

    from pykdump import _accel
except ImportError:  # plain pytest: a Layout can be declared, reading needs GDB
    pass

if TYPE_CHECKING:
    from pykdump._accel import Field


class Layout:
    """Some members of a struct, read for many structs at once.

    Rows are named tuples. A dotted member is named with underscores: ``se.exec_start`` becomes
    ``row.se_exec_start``. Integers come as int, char arrays as bytes up to their NUL, other arrays
    and structs as raw bytes. Nothing is looked up before the first read.
    """

    def __init__(self, struct: str, *members: str) -> None:
        self.struct = struct
        self.members = members
        self._generation = -1
        self._compiled: _accel.Layout
        self._bitfields: list[tuple[int, int, int]] = []  # (column, shift, width)
        self._make_row = _row_type([name.replace(".", "_") for name in members])

    def read_many(self, addrs: Sequence[int]) -> list[Any]:
        """A row a struct, in order; None where one of the members cannot be read.

        :param addrs: addresses of the structs.
        """
        self._compile()
        rows = self._compiled.read_many(lowlevel.dump(), addrs)
        make = self._make_row
        if self._bitfields:
            rows = [None if row is None else self._cut(row) for row in rows]
        return [None if row is None else make(row) for row in rows]

    def read(self, addr: int) -> Any:
        """The row of one struct, None where one of the members cannot be read."""
        return self.read_many([addr])[0]

    def _compile(self) -> None:
        if self._generation == lowlevel.generation:
            return
        self._bitfields = []
        self._compiled = _accel.Layout(
            [self._field(column, name) for column, name in enumerate(self.members)]
        )
        self._generation = lowlevel.generation

    def _field(self, column: int, name: str) -> Field:
        member = lowlevel.member(self.struct, compat.spelling(self.struct, name))
        label = f"{self.struct}.{name}"
        if not member.bit_size:
            kind = _kind(member.type)
            return (label, member.hops, member.offset, int(member.type.sizeof), kind)
        shift = member.bit_offset % 8
        size = (shift + member.bit_size + 7) // 8
        if size > 8:
            raise TypeMissingError(f"{label}: a bitfield over 9 bytes cannot be read")
        self._bitfields.append((column, shift, member.bit_size))
        storage = next(width for width in (1, 2, 4, 8) if width >= size)
        return (label, member.hops, member.offset, storage, "u")

    def _cut(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for column, shift, width in self._bitfields:
            values[column] = (values[column] >> shift) & ((1 << width) - 1)
        return tuple(values)


def _row_type(names: list[str]) -> Callable[[Iterable[Any]], Any]:
    row: Any = namedtuple("Row", names)  # type: ignore[misc]
    return row._make


def _kind(type_: gdb.Type) -> str:
    code = type_.code
    if code == gdb.TYPE_CODE_ARRAY:
        element = type_.target().strip_typedefs()
        is_text = element.code == gdb.TYPE_CODE_INT and element.name == "char"
        return "c" if is_text else "b"
    if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) or type_.sizeof not in (1, 2, 4, 8):
        return "b"
    if code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_BOOL):
        return "u"
    return "s" if type_.is_signed else "u"
