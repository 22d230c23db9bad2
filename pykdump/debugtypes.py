# SPDX-License-Identifier: GPL-2.0-or-later
"""C types as the debug info describes them: records made from GDB's types, once each.

What is behind a type (what a pointer points at, the members of a struct) is made when it is asked
for, since C types refer to each other in circles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pykdump import lowlevel
from pykdump.errors import TypeMissingError

try:
    import gdb
except ImportError:  # plain pytest: types are made by hand
    pass

# Kinds of types, with the numbers that scripts know as crash.TYPE_CODE_*.
PTR, ARRAY, STRUCT, UNION, ENUM, FUNC, INT, FLT, VOID, BOOL = 1, 2, 3, 4, 5, 7, 8, 9, 10, 20

_KEYWORDS = {STRUCT: "struct", UNION: "union", ENUM: "enum"}


@dataclass(frozen=True)
class CField:
    """A member of a struct or union."""

    name: str  #: "" for an anonymous struct or union
    type: CType
    bit_offset: int  #: from the start of the struct
    bit_size: int  #: 0 unless it is a bitfield

    @property
    def offset(self) -> int:
        """In bytes; of a bitfield, of the byte where it begins."""
        return self.bit_offset // 8


@dataclass
class CType:
    """A type without its qualifiers; a typedef is one with the name that was used."""

    code: int
    name: str  #: "struct page", "unsigned long", "" for pointers, arrays and functions
    size: int
    typedef: str | None = None  #: the name that was used, when it was a typedef's
    is_signed: bool = False
    count: int = 0  #: elements of an array; 0 when it has no length
    is_anonymous: bool = False  #: `name` is invented
    find_target: Callable[[], CType] | None = None
    find_fields: Callable[[], list[CField]] | None = None
    find_enumerators: Callable[[], dict[str, int]] | None = None

    @cached_property
    def target(self) -> CType:
        """What a pointer points at, elements of an array, what a function returns."""
        assert self.find_target is not None, self
        return self.find_target()

    @cached_property
    def fields(self) -> list[CField]:
        """Members as declared, or arguments of a function; none of other types."""
        return self.find_fields() if self.find_fields else []

    @cached_property
    def enumerators(self) -> dict[str, int]:
        """Values of an enum by name, as declared."""
        return self.find_enumerators() if self.find_enumerators else {}

    @cached_property
    def members(self) -> dict[str, CField]:
        """All that has a name, members of anonymous structs and unions at any depth included."""
        return dict(_flat(self, 0))

    @property
    def spelling(self) -> str:
        """The name that was used."""
        return self.typedef or self.name

    @property
    def is_struct(self) -> bool:
        """Whether it is a struct or union."""
        return self.code in (STRUCT, UNION)


def _flat(struct: CType, base: int) -> Iterator[tuple[str, CField]]:
    for field in struct.fields:
        if field.name:
            moved = CField(field.name, field.type, base + field.bit_offset, field.bit_size)
            yield field.name, moved
        elif field.type.is_struct:
            yield from _flat(field.type, base + field.bit_offset)


# --- from GDB

_named: dict[str, CType] = {}
_invented: dict[str, CType] = {}  # of this kernel's structs without a name
_made_by_hand: dict[str, CType] = {}
_scope: gdb.Block | None = None


def find(name: str) -> CType:
    """The type of this C name; raises TypeMissingError. ``struct x *`` and the like work, too."""
    made = _made_by_hand.get(name) or _named.get(name) or _invented.get(name)
    if made is None:
        made = _named[name] = _look_up(name)
    return made


def find_or_none(name: str) -> CType | None:
    """The same, None when the debug info does not have it."""
    try:
        return find(name)
    except TypeMissingError:
        return None


def declare(name: str, made: CType) -> None:
    """Let this name mean a type that was made by hand."""
    _made_by_hand[name] = made


def set_scope(function: str | None) -> int:
    """Where several types have one name, use those of the file with this function from now on;
    None: those that GDB finds first. Returns the function's address, 0 for None.

    Raises SymbolMissingError.
    """
    global _scope
    block, addr = lowlevel.scope_of(function) if function else (None, 0)
    if block is not None or _scope is not None:
        _scope = block
        lowlevel.forget()
    return addr


def of_variable(name: str) -> CType:
    """Type of a variable or function; raises SymbolMissingError."""
    return _from_gdb(lowlevel.variable_type(name), name)


def enum_of(enumerator: str) -> CType | None:
    """The enum that has this enumerator, None when there is none."""
    symbol = gdb.lookup_static_symbol(
        enumerator, gdb.SYMBOL_VAR_DOMAIN
    ) or gdb.lookup_global_symbol(enumerator, gdb.SYMBOL_VAR_DOMAIN)
    if symbol is None or symbol.type is None:
        return None
    found = _from_gdb(symbol.type, enumerator)
    return found if found.code == ENUM and enumerator in found.enumerators else None


def _look_up(name: str) -> CType:
    base = name.rstrip("* ")
    stars = name[len(base) :].count("*")
    try:
        found = _in_scope(base) or gdb.lookup_type(base)
    except (gdb.error, RuntimeError):
        raise TypeMissingError(
            f"{name} is unknown: the loaded debug info has no such type; "
            "if a module defines it, load the module's debug info"
        ) from None
    for _ in range(stars):
        found = found.pointer()
    return _from_gdb(found, base)


def _in_scope(name: str) -> gdb.Type | None:
    # gdb.lookup_type() takes a block, too, and does not look into it for a tag.
    if _scope is None:
        return None
    keyword, _, tag = name.rpartition(" ")
    domain = gdb.SYMBOL_STRUCT_DOMAIN if keyword in _KEYWORDS.values() else gdb.SYMBOL_VAR_DOMAIN
    symbol, _ = gdb.lookup_symbol(tag, _scope, domain)
    if symbol is None or symbol.addr_class != gdb.SYMBOL_LOC_TYPEDEF:
        return None
    return symbol.type


def _codes() -> dict[int, int]:
    return {
        gdb.TYPE_CODE_PTR: PTR,
        gdb.TYPE_CODE_ARRAY: ARRAY,
        gdb.TYPE_CODE_STRUCT: STRUCT,
        gdb.TYPE_CODE_UNION: UNION,
        gdb.TYPE_CODE_ENUM: ENUM,
        gdb.TYPE_CODE_FUNC: FUNC,
        gdb.TYPE_CODE_INT: INT,
        gdb.TYPE_CODE_CHAR: INT,
        gdb.TYPE_CODE_FLT: FLT,
        gdb.TYPE_CODE_BOOL: BOOL,
    }


def _from_gdb(raw: gdb.Type, origin: str) -> CType:
    # `origin` says where a type without a name was met: "conf_nested.named_union".
    typedef = None
    while raw.code == gdb.TYPE_CODE_TYPEDEF:
        typedef = typedef or raw.name
        raw = raw.target()
    code = _codes().get(raw.code, VOID)
    made = CType(code, raw.name or "", int(raw.sizeof), typedef)
    if code in _KEYWORDS:
        raw = _name_tagged(made, raw.strip_typedefs(), typedef, origin)
    if code in (PTR, ARRAY, FUNC):
        made.find_target = lambda: _from_gdb(raw.target(), origin)
    if code == ARRAY:
        low, high = raw.range()  # of an array without a length GDB says (0, 0), too
        is_empty = raw.sizeof == 0 and raw.target().strip_typedefs().sizeof != 0
        made.count = 0 if is_empty else max(0, int(high) - int(low) + 1)
    elif code in (STRUCT, UNION):
        owner = made.name.partition(" ")[2]
        made.find_fields = lambda: _fields(raw, owner)
    elif code == FUNC:
        made.find_fields = lambda: [
            CField("", _from_gdb(field.type, origin), 0, 0) for field in raw.fields()
        ]
    elif code == ENUM:
        made.is_signed = any(int(field.enumval) < 0 for field in raw.fields())
        made.find_enumerators = lambda: {str(f.name): int(f.enumval) for f in raw.fields()}
    elif code == INT:
        made.is_signed = bool(raw.is_signed)
    return made


def _name_tagged(made: CType, raw: gdb.Type, typedef: str | None, origin: str) -> gdb.Type:
    # Names a struct, union or enum, and finds it where GDB only met its declaration.
    keyword = _KEYWORDS[made.code]
    if raw.tag:
        made.name = f"{keyword} {raw.tag}"
        if not raw.fields():
            try:
                raw = lowlevel.find_type(made.name)
            except TypeMissingError:
                pass  # the debug info never says what is in it
        made.size = int(raw.sizeof)
    else:
        made.is_anonymous = True
        made.name = typedef or f"{keyword} {{{origin}}}"
        if not typedef:
            _invented.setdefault(made.name, made)
    return raw


def _fields(raw: gdb.Type, owner: str) -> list[CField]:
    found = []
    for number, field in enumerate(raw.fields()):
        if hasattr(field, "bitpos"):
            name = field.name or ""
            type_ = _from_gdb(field.type, f"{owner.strip('{}')}.{name or number}")
            found.append(CField(name, type_, int(field.bitpos), int(field.bitsize)))
    return found


def _forget() -> None:
    global _scope
    _named.clear()
    _invented.clear()
    if _scope is not None and (not lowlevel.is_open() or not _scope.is_valid()):
        _scope = None


lowlevel.on_forget(_forget)


def as_gdb_prints(name: str, addr: int) -> str:
    """A struct at an address in GDB's words."""
    value = gdb.Value(addr).cast(gdb.lookup_type(name).pointer()).dereference()
    return str(value.format_string(max_elements=0))
