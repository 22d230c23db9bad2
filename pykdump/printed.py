# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs, variables and types as GDB prints them, in the way of the crash utility."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pykdump import lowlevel, struct_text
from pykdump.errors import CrashError

try:
    import gdb
except ImportError:  # plain pytest: asking needs GDB
    pass

#: What numbers without a format are printed in: 10 or 16.
radix = 10

#: How many elements of an array are printed, and whether each has a line of its own.
most_elements = 256
pretty_arrays = False

#: Before a command that shows a value: a struct pglist_data has 170 kB, GDB shows up to 64 by
#: itself.
WITH_LARGE_VALUES = f"with max-value-size {64 << 20}"


def value_of(type_name: str, addr: int) -> Any:
    """GDB's value of an object of this type at an address."""
    return lowlevel.typed_pointer(type_name, addr).dereference()


def pointer_to_variable(name: str, addr: int) -> Any:
    """GDB's value of a pointer to an object that has the type of a variable."""
    return gdb.Value(addr).cast(lowlevel.variable_type(name).pointer())


def value_in(type_name: str, data: bytes) -> Any:
    """GDB's value of an object of this type that has these bytes."""
    return gdb.Value(data, lowlevel.find_type(type_name))


def definition(type_name: str, with_offsets: bool = False) -> str:
    """A type as GDB's ptype shows it; raises TypeMissingError."""
    # Raw: else GDB looks for the definition of whatever a member points to, unit by unit.
    pointer = gdb.Value(0).cast(lowlevel.find_type(type_name).pointer())
    with variable(pointer) as name:
        shown = gdb.execute(f"ptype/r{'o' if with_offsets else ''} *{name}", to_string=True)
    return shown.replace("type = ", "", 1)


def member_type(type_name: str, path: str) -> str | None:
    """The type of a member as it is declared: ``a.b[2].c``, pointers on the way are followed; None
    where there is no such member."""
    kind = lowlevel.find_type(type_name)
    for name, indices in re.findall(r"(\w+)((?:\[\d+\])*)", path):
        kind = kind.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_PTR:
            kind = kind.target().strip_typedefs()
        if kind.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return None
        try:
            kind = kind[name].type
        except KeyError:
            return None
        for _ in range(indices.count("[")):
            kind = kind.strip_typedefs()
            if kind.code not in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_PTR):
                return None
            kind = kind.target()
    return str(kind)


@contextmanager
def variable(value: Any) -> Iterator[str]:
    """A name for a value, for the body only: so a command of GDB's is given one."""
    # GDB looks for a tag in an expression among the names of all source files, too: 100 ms the
    # first time, and 16 ms again.
    gdb.set_convenience_variable("_pykdump", value)
    try:
        yield "$_pykdump"
    finally:
        gdb.set_convenience_variable("_pykdump", None)


def evaluate(expression: str) -> Any:
    """GDB's value of an expression; raises CrashError."""
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise CrashError(str(error)) from None


def struct_shown(expression: str, base: int = 0) -> str | None:
    """What GDB's print says of an expression that is a struct, with its place in the history.

    None for all else, and where GDB has printers of somebody's. Raises CrashError.
    """
    somebodys = [gdb.pretty_printers[1:], gdb.current_progspace().pretty_printers]
    if any([*somebodys, *(file.pretty_printers for file in gdb.objfiles())]):
        return None
    value = evaluate(expression)
    if value.type.strip_typedefs().code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return None
    shown = text(value, base)
    try:
        return f"${gdb.add_history(value)} = {shown}"
    except gdb.error:  # too large for it, as long as `WITH_LARGE_VALUES` is not set
        return None


def member(value: Any, path: str) -> Any:
    """A member of a struct: ``a.b[2].c``; pointers on the way are followed. Raises CrashError."""
    try:
        for step in path.replace("->", ".").split("."):
            name, *indices = step.replace("]", "").split("[")
            if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
                value = value.dereference()
            value = value[name] if name else value
            for index in indices:
                value = value[int(index, 0)]
        return value
    except gdb.error as error:
        raise CrashError(f"{path}: {error}") from None
    except (KeyError, ValueError):
        raise CrashError(f"there is no member {path}") from None


def text(value: Any, base: int = 0) -> str:
    """A value as crash prints it, over several lines; raises CrashError when it cannot be read.

    :param base: 10 or 16; 0 for `radix`.
    """
    options: dict[str, Any] = {"raw": True, "pretty_structs": True, "repeat_threshold": 0}
    options.update(max_elements=most_elements, pretty_arrays=pretty_arrays)
    try:
        with _output_radix(base or radix):
            if is_simple(value):
                return struct_text.simple(value, options)
            return _Formatting(value, options, base or radix).text()
    except gdb.error as error:
        raise CrashError(str(error)) from None


@contextmanager
def _output_radix(base: int) -> Iterator[None]:
    # GDB's format x would take texts, enumerators and names of symbols for numbers, too.
    before = gdb.parameter("output-radix") if base == 16 else base
    if before == base:
        yield
        return
    gdb.execute(f"set output-radix {base}", to_string=True)
    try:
        yield
    finally:
        gdb.execute(f"set output-radix {before}", to_string=True)


class _Formatting:
    # GDB keeps the values that it makes of all members up to the end of a command, and looks
    # through these whenever it makes one for Python: so this is a command of its own.
    waiting: list[_Formatting] = []

    def __init__(self, value: Any, options: dict[str, Any], base: int) -> None:
        self._value, self._options, self._base = value, options, base
        self._found: str | None = None
        self._error: BaseException | None = None

    def text(self) -> str:
        self.waiting.append(self)
        try:
            run_it = "python __import__('pykdump.printed').printed.run()"
            gdb.execute(f"{WITH_LARGE_VALUES} -- {run_it}", to_string=True)
        finally:
            self.waiting.clear()
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise KeyboardInterrupt
        return self._found

    def run(self) -> None:
        try:
            self._found = struct_text.text(self._value, self._options, self._base)
        except BaseException as error:  # GDB would only print it
            self._error = error


def run() -> None:
    """Do what is waited for; for `text` alone."""
    for formatting in _Formatting.waiting:
        formatting.run()


def is_pointer(value: Any) -> bool:
    """Whether a value is a pointer."""
    return bool(value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR)


def target(value: Any) -> Any:
    """What a pointer leads to; None for other values, and where no type or address is there."""
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_PTR or not int(value):
        return None
    if kind.target().strip_typedefs().code in (gdb.TYPE_CODE_VOID, gdb.TYPE_CODE_FUNC):
        return None
    return value.dereference()


def is_simple(value: Any) -> bool:
    """Whether a value is a number or a pointer."""
    kinds = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
    return value.type.strip_typedefs().code not in kinds


def is_function(value: Any) -> bool:
    """Whether a value is a function."""
    return bool(value.type.code == gdb.TYPE_CODE_FUNC)
