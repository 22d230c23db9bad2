# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs in GDB's words, without the definitions of what their members point to.

To print a pointer GDB looks for the struct behind it, and reads a unit of the debug info for each
that this one only declares: a dozen for a task_struct. Here pointers to structs are printed as
those to void, numbers as numbers; GDB prints the other members, one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pykdump import lowlevel

try:
    import gdb
except ImportError:  # plain pytest: printing needs GDB
    pass

#: Prints a value at a depth of structs around it.
Printer = Callable[[Any, int], str]

_TO_STRUCT = re.compile(r"(?:(?:const|volatile) )*(?:struct|union) \w+ \*(?:const|volatile| )*")
_TEXT_TYPES = ("wchar_t", "char16_t", "char32_t")
# Settings by which GDB prints otherwise than here.
_USUAL: Mapping[str, Any] = {
    **{"print union": True, "print array-indexes": False, "print address": True},
    **{"print max-depth": 20, "language": "auto"},
}

_contains: dict[str, bool] = {}  # by name of the struct: whether it has pointers to structs


def text(value: Any, options: Mapping[str, Any], base: int) -> str:
    """A value as GDB's ``Value.format_string`` gives it with these options; raises gdb.error.

    :param base: 10 or 16, the radix that is set.
    """
    value.fetch_lazy()
    if options["pretty_arrays"] or any(gdb.parameter(k) != v for k, v in _USUAL.items()):
        return str(value.format_string(**options))
    key = base, options["max_elements"], str(value.type)
    known = _printers.get(key)
    if known is not None:
        known.pointers.clear()  # settings may have changed, and modules come
        try:
            return known.of(value.type)(value, 0)
        except (TypeError, gdb.error):
            pass  # they were of another unit's struct: its members are no members of this
    known = _printers[key] = _Printers(options, base)
    return known.of(value.type)(value, 0)


def simple(value: Any, options: Mapping[str, Any]) -> str:
    """The same of a number or a pointer."""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR and _TO_STRUCT.fullmatch(str(kind)):
        value = gdb.Value(int(value)).cast(gdb.lookup_type("void").pointer())
    return str(value.format_string(**options))


class _Printers:
    def __init__(self, options: Mapping[str, Any], base: int) -> None:
        self._options = options
        self._is_hexadecimal = base == 16
        self._known: dict[str, Printer] = {}  # by keyword and tag of the struct
        self._void = gdb.lookup_type("void").pointer()
        self.pointers: dict[int, str] = {}

    def of(self, kind: gdb.Type) -> Printer:
        whole = kind.strip_typedefs()
        code = whole.code
        if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION) and _has_pointers(whole):
            return self._of_struct(whole)
        if code == gdb.TYPE_CODE_PTR and _TO_STRUCT.fullmatch(str(whole)):
            return self._pointer
        if code == gdb.TYPE_CODE_INT and whole.sizeof in (2, 4, 8) and not _is_text(kind):
            if self._is_hexadecimal:
                mask = (1 << 8 * whole.sizeof) - 1
                return lambda value, depth: f"{int(value) & mask:#x}"
            return lambda value, depth: str(int(value))
        if code == gdb.TYPE_CODE_ARRAY and _has_pointers(whole):
            return self._of_array(whole)
        return self._gdbs

    def _gdbs(self, value: Any, depth: int) -> str:
        shown: str = value.format_string(**self._options)
        return shown.replace("\n", "\n" + 2 * depth * " ") if "\n" in shown else shown

    def _pointer(self, value: Any, depth: int) -> str:
        addr = int(value)
        if addr not in self.pointers:
            pointer = gdb.Value(addr).cast(self._void)
            self.pointers[addr] = pointer.format_string(**self._options)
        return self.pointers[addr]

    def _of_struct(self, struct: gdb.Type) -> Printer:
        key = f"{struct.code} {struct.tag}"
        if key not in self._known or not struct.tag:
            members = [
                (field, f"{field.name} = " if field.name else "", self._of_field(field))
                for field in struct.fields()
            ]

            def show(value: Any, depth: int) -> str:
                gap = "\n" + (2 + 2 * depth) * " "
                texts = [f"{gap}{name}{show(value[f], depth + 1)}" for f, name, show in members]
                return "{" + ",".join(texts) + "\n" + 2 * depth * " " + "}"

            self._known[key] = show
        return self._known[key]

    def _of_field(self, field: gdb.Field) -> Printer:
        return self._gdbs if field.bitsize else self.of(field.type)

    def _of_array(self, array: gdb.Type) -> Printer:
        first, last = (int(bound) for bound in array.range())
        element = self.of(array.target())
        if first or not 0 <= last < self._options["max_elements"]:
            return self._gdbs

        def show(value: Any, depth: int) -> str:
            texts = [element(value[number], depth + 1) for number in range(last + 1)]
            return "{" + ", ".join(texts) + "}"

        return show


def _is_text(kind: gdb.Type) -> bool:
    while kind.code == gdb.TYPE_CODE_TYPEDEF:
        if kind.name in _TEXT_TYPES:
            return True
        kind = kind.target()
    return kind.name in _TEXT_TYPES


def _has_pointers(kind: gdb.Type) -> bool:
    # To structs, at any depth; of arrays of arrays those are left to GDB.
    whole = kind.strip_typedefs()
    if whole.code == gdb.TYPE_CODE_PTR:
        return bool(_TO_STRUCT.fullmatch(str(whole)))
    if whole.code == gdb.TYPE_CODE_ARRAY:
        element = whole.target().strip_typedefs()
        is_empty = whole.sizeof == 0
        return not is_empty and element.code != gdb.TYPE_CODE_ARRAY and _has_pointers(element)
    if whole.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return False
    name = f"{whole.code} {whole.tag}" if whole.tag else ""
    if name in _contains:
        return _contains[name]
    found = any(_has_pointers(field.type) for field in whole.fields())
    if name:
        _contains[name] = found
    return found


# By radix, most elements and name of the type; in one struct each tag has but one meaning.
_printers: dict[tuple[int, int, str], _Printers] = {}
lowlevel.on_forget(_contains.clear)
lowlevel.on_forget(_printers.clear)
