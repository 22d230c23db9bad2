# SPDX-License-Identifier: GPL-2.0-or-later
"""Code as GDB knows it: instructions, the variables that live in registers, members at offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

try:
    import gdb
except ImportError:  # plain pytest: models can be imported, asking needs GDB
    pass

_MAX_FUNCTION = 1 << 16
_DEEPEST = 8  # of structs within structs

_SYMBOL = re.compile(r"^Symbol (?P<name>\S+) is (?P<what>.*)")
_RANGE = re.compile(r"^  Range (?P<low>0x[0-9a-f]+)-(?P<high>0x[0-9a-f]+): (?P<what>.*)")
_REGISTER = re.compile(r"a variable in \$(?P<register>\w+)")


class Instruction(NamedTuple):
    """An instruction, in AT&T syntax."""

    addr: int
    size_bytes: int
    text: str

    @property
    def end_addr(self) -> int:
        return self.addr + self.size_bytes


class Variable(NamedTuple):
    """A variable or argument that lives in a register at some place."""

    name: str
    type: str
    register: str  #: as GDB names it: rax


class MemberAt(NamedTuple):
    """What lies at an offset into a struct."""

    path: str  #: "link.next"
    type: str
    is_start: bool  #: else the offset is within it


def instructions(start: int, end: int) -> list[Instruction]:
    """The instructions from ``start`` to before ``end``; as far as memory can be read."""
    if not 0 < end - start <= _MAX_FUNCTION:
        return []
    with _att_syntax():
        try:
            found = gdb.selected_inferior().architecture().disassemble(start, end - 1)
        except gdb.error:
            return []
    return [Instruction(each["addr"], each["length"], each["asm"].strip()) for each in found]


@contextmanager
def _att_syntax() -> Iterator[None]:
    before = gdb.parameter("disassembly-flavor")
    if before != "att":
        gdb.execute("set disassembly-flavor att")
    try:
        yield
    finally:
        if before != "att":
            gdb.execute(f"set disassembly-flavor {before}")


def variables_at(addr: int) -> list[Variable]:
    """Variables in registers where this instruction is about to run, those of inner blocks first.

    Empty where the loaded debug info does not know.
    """
    try:
        text = gdb.execute(f"info scope *{addr:#x}", to_string=True)
    except gdb.error:
        return []
    places = list(registers_in_scope(text, addr))
    types = _types_at(addr) if places else {}
    return [Variable(name, types[name], register) for name, register in places if name in types]


def registers_in_scope(text: str, addr: int) -> Iterator[tuple[str, str]]:
    """Name and register of the variables that GDB's ``info scope`` names.

    >>> list(registers_in_scope("Symbol sk is a variable in $rdi, length 8.", 0))
    [('sk', 'rdi')]
    """
    name = ""
    for line in text.splitlines():
        symbol = _SYMBOL.match(line)
        if symbol:
            name = symbol["name"]
        found = symbol or _RANGE.match(line)
        if not found or not name:
            continue
        register = _REGISTER.match(found["what"])
        is_here = symbol or int(found["low"], 16) <= addr < int(found["high"], 16)
        if register and is_here:
            yield name, register["register"]


def _types_at(addr: int) -> dict[str, str]:
    # Of the names in the innermost block first.
    block = gdb.block_for_pc(addr)
    found: dict[str, str] = {}
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if symbol.type is not None:
                found.setdefault(symbol.name, str(symbol.type))
        block = block.superblock
    return found


def variable_type(name: str) -> str:
    """C type of a global or static variable, "" where it is not known."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    return "" if found is None or found.type is None else str(found.type)


def pointed_struct(type_name: str) -> str:
    """The struct or union that a type points to, "" for all other types.

    >>> pointed_struct("const struct file *")
    'struct file'
    """
    words = type_name.replace("*", " * ").split()
    if words.count("*") != 1 or words[-1] not in ("*", "const", "volatile"):
        return ""
    names = [word for word in words if word not in ("*", "const", "volatile", "__rcu", "__user")]
    if len(names) == 2 and names[0] in ("struct", "union"):
        return " ".join(names)
    if len(names) != 1:
        return ""
    try:
        target = gdb.lookup_type(names[0]).strip_typedefs()
    except (gdb.error, NameError):
        return ""
    is_struct = target.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
    return f"struct {target.tag}" if is_struct and target.tag else ""


def size_of(struct: str) -> int:
    """Size of a struct, 0 where it is not known."""
    try:
        return int(gdb.lookup_type(struct).sizeof)
    except gdb.error:
        return 0


def member_at(struct: str, offset: int) -> MemberAt | None:
    """The innermost named member at an offset into ``struct x``; None where there is none.

    Of a union it is the first member that is there.
    """
    try:
        at = gdb.lookup_type(struct).strip_typedefs()
    except gdb.error:
        return None
    path = ""
    for _ in range(_DEEPEST):
        field = _field_over(at, offset)
        if field is None:
            break
        offset -= field.bitpos // 8
        if field.name:
            path += ("." if path else "") + field.name
        at = field.type.strip_typedefs()
        if at.code == gdb.TYPE_CODE_ARRAY and at.target().sizeof:
            path += f"[{offset // at.target().sizeof}]"
            offset %= at.target().sizeof
            at = at.target().strip_typedefs()
        if at.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            break
    return MemberAt(path, str(at), offset == 0) if path else None


def _field_over(struct: gdb.Type, offset: int) -> gdb.Field | None:
    for field in struct.fields():
        if not hasattr(field, "bitpos") or field.type is None:
            continue
        start = field.bitpos // 8
        if start <= offset < start + max(1, field.type.sizeof):
            return field
    return None


def parameters(addr: int) -> list[tuple[str, str]]:
    """Name and type of the parameters of the function that an instruction is in, in order.

    Empty where the loaded debug info does not know.
    """
    block = gdb.block_for_pc(addr)
    while block is not None and (
        block.function is None or not (block.superblock is None or block.superblock.is_static)
    ):
        if block.is_global or block.is_static:
            return []
        block = block.superblock
    return [(symbol.name, str(symbol.type)) for symbol in block or () if symbol.is_argument]
