# SPDX-License-Identifier: GPL-2.0-or-later
"""Bulk reads of struct members, compiled by the accelerator."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from functools import cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Union

from pykdump import aliases, compat, lowlevel, pseudo
from pykdump.errors import TypeMissingError
from pykdump.members import Member
from pykdump.walks import LIMIT, walk_list

try:
    from pykdump import _accel
except ImportError:  # plain pytest: a Layout can be declared, reading needs GDB
    pass

if TYPE_CHECKING:
    from array import array

    from pykdump._accel import Field, HashWalk, Walk

    Addresses = Union[Sequence[int], "array[int]", Walk, HashWalk]


class CString(str):
    """A member that points to text: ``CString("name")`` in a Layout gives the text itself, up to
    its NUL and at most 4096 bytes."""


class Columns:
    """Members of many structs, an array each: ``columns.pid``.

    A column is a sequence, has ``tolist()``, and offers its values without a copy by the buffer
    protocol (``memoryview(columns.pid)``). Where a struct or what it points to cannot be read its
    value is None (in the buffer: zeros), and `why` says why.
    """

    def __init__(
        self, columns: dict[str, _accel.Column], read_from: Addresses, offset: int
    ) -> None:
        self._columns = columns
        self._read_from, self._offset = read_from, offset

    def __len__(self) -> int:
        return next((len(column) for column in self._columns.values()), 0)

    @cached_property
    def addrs(self) -> Sequence[int]:
        """Of the structs."""
        source: Any = self._read_from
        found: Sequence[int] = getattr(source, "nodes", source)
        return [addr - self._offset for addr in found] if self._offset else found

    def __getattr__(self, name: str) -> _accel.Column:
        try:
            return self._columns[name]
        except KeyError:
            raise AttributeError(name) from None

    def why(self, name: str, row: int) -> str | None:
        """Why there is no value in this column and row; None when there is one."""
        for at, addr in self._columns[name].faults:
            if at == row:
                return lowlevel.why_unreadable(addr) if addr else "a pointer on the way is NULL"
        return None


def _python_name(member: str) -> str:
    # A named tuple takes no name that begins with an underscore, nor a word of Python's own.
    name = member.replace(".", "_").replace("[", "_").replace("]", "").lstrip("_")
    return name + "_" if iskeyword(name) else name


class Layout:
    """Some members of a struct, read for many structs at once.

    Rows are named tuples. A dotted member is named with underscores: ``se.exec_start`` becomes
    ``row.se_exec_start``, ``numbers[0].nr`` ``row.numbers_0_nr``, ``_refcount`` ``row.refcount``,
    and ``class`` ``row.class_``. Steps that are pointers are followed. Integers come as int, bool
    as bool, char arrays as bytes up to their NUL, other arrays and structs as raw bytes:
    ``memoryview(row.ints).cast("i")``. A member may also be one that ``structSetAttr`` declared as
    a path, or one that this kernel renamed. Nothing is looked up before the first read.
    """

    def __init__(self, struct: str, *members: str) -> None:
        self.struct = struct
        self.members = members
        self._generation = -1
        self._compiled: _accel.Layout
        self._names = [_python_name(member) for member in members]
        self._row_type = namedtuple("Row", self._names)  # type: ignore[misc]

    def read_many(self, addrs: Addresses, *, offset: int = 0) -> list[Any]:
        """A row a struct, in order; None for one that cannot be read.

        What lies behind a pointer that is NULL or leads nowhere is None in the row.

        :param addrs: addresses of the structs: a sequence, an array of 64-bit numbers, or a walk.
        :param offset: of what ``addrs`` holds in the structs: of ``tasks`` for a walk over them.
        """
        self._compile()
        return self._compiled.read_many(lowlevel.dump(), addrs, self._row_type, less=offset)

    def read_columns(self, addrs: Addresses, *, offset: int = 0) -> Columns:
        """The same as arrays: for very many structs."""
        self._compile()
        columns = self._compiled.read_columns(lowlevel.dump(), addrs, less=offset)
        return Columns(dict(zip(self._names, columns)), addrs, offset)

    def read_array(self, base: int, count: int) -> list[Any]:
        """Rows of the structs of an array."""
        size, base = lowlevel.sizeof(self.struct), int(base)  # adding to a struct counts structs
        return self.read_many(range(base, base + count * size, size))

    def read_list(self, head: int, link: str, *, limit: int = LIMIT) -> tuple[list[Any], Walk]:
        """Rows of the structs on a list, and how the walk over it ended.

        :param head: ``struct list_head *``.
        :param link: the ``struct list_head`` member that the list leads through.
        """
        walk = walk_list(head, limit=limit)
        at = lowlevel.member(self.struct, compat.spelling(self.struct, link)).offset
        return self.read_many(walk, offset=at), walk

    def read(self, addr: int) -> Any:
        """The row of one struct, None where one of the members cannot be read."""
        return self.read_many([addr])[0]

    def _compile(self) -> None:
        if self._generation == lowlevel.generation:
            return
        self._compiled = _accel.Layout([self._field(name) for name in self.members])
        self._generation = lowlevel.generation

    def _field(self, name: str) -> Field:
        member = _find(self.struct, str(name))
        label = f"{self.struct}.{name}"
        if isinstance(name, CString) and member.kind != "c":
            if "*" not in member.type_name:
                raise TypeMissingError(f"{label} is of type {member.type_name}: it has no text")
            return (label, member.hops, member.offset, 8, "z")
        kind = member.kind
        if not member.bit_size:
            return (label, member.hops, member.offset, member.size, kind)
        shift, size = member.bit_offset % 8, member.size
        if shift + member.bit_size > 64:
            raise TypeMissingError(f"{label}: a bitfield over 9 bytes cannot be read")
        if kind == "?":
            kind = "u" if member.bit_size > 1 else "?"
        return (label, member.hops, member.offset, size, f"{kind}:{shift}:{member.bit_size}")


def _find(struct: str, name: str) -> Member:
    if not compat.has(f"{struct}.{name}"):
        older = [(struct, path) for path in aliases.find_paths((struct,), name)]
        for place, path in (*pseudo.places(struct, name), *older):
            found = lowlevel.find_member(place, path)
            if found is not None:
                return found
        lowlevel.sizeof(struct)  # raises where there is no such struct at all
    return lowlevel.member(struct, compat.spelling(struct, name))
