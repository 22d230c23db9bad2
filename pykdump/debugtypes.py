# SPDX-License-Identifier: GPL-2.0-or-later
"""C types as the debug info describes them: records made from GDB's types, once each.

What is behind a type (what a pointer points at, the members of a struct) is made when it is asked
for, since C types refer to each other in circles. What GDB says of a type is kept between sessions
(`kept`), by the way that leads to it from a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from pykdump import kept, lowlevel
from pykdump.errors import TypeMissingError
from pykdump.members import note_origin

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
    place = _Place(f"={name}", lambda: lowlevel.variable_type(name))
    return _made(place.describe(name), name, place)


def enum_of(enumerator: str) -> CType | None:
    """The enum that has this enumerator, None when there is none."""

    def raw() -> gdb.Type | None:
        symbol = gdb.lookup_static_symbol(
            enumerator, gdb.SYMBOL_VAR_DOMAIN
        ) or gdb.lookup_global_symbol(enumerator, gdb.SYMBOL_VAR_DOMAIN)
        return None if symbol is None else symbol.type

    place = _Place(f"#{enumerator}", raw)
    description = place.describe(enumerator)
    if description is None:
        return None
    found = _made(description, enumerator, place)
    return found if found.code == ENUM and enumerator in found.enumerators else None


def _look_up(name: str) -> CType:
    if not isinstance(name, str):
        raise TypeError(f"the name of a type is text, not {name!r}")
    base = name.rstrip("* ")
    stars = name[len(base) :].count("*")

    def raw() -> gdb.Type | None:
        found = _in_scope(base) or _named_by_gdb(base)
        for _ in range(stars if found else 0):
            assert found
            found = found.pointer()
        return found

    # With a scope several types of a name are in use.
    place = _Place("" if _scope else base + "*" * stars, raw)
    description = place.describe(base)
    if description is None:
        raise TypeMissingError(
            f"{name} is unknown: the loaded debug info has no such type; "
            "if a module defines it, load the module's debug info"
        )
    return _made(description, base, place)


def _named_by_gdb(name: str) -> gdb.Type | None:
    try:
        return gdb.lookup_type(name)
    except (gdb.error, RuntimeError) as error:
        if lowlevel.says_missing(error):
            return None
        raise TypeMissingError(f"{name} is unknown: GDB says: {error}") from None


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


class _Place:
    # A type of GDB's, and the way that leads to it from a name: "struct page/3/*" is what member 3
    # points at. Without a path what GDB says of it is not kept.

    def __init__(self, path: str, raw: Callable[[], gdb.Type | None]) -> None:
        self.path = path
        self._raw = raw

    @cached_property
    def whole(self) -> gdb.Type:
        # Without typedefs; where GDB met a declaration, the definition if there is one.
        raw = self._raw()
        assert raw is not None
        return _definition(raw.strip_typedefs())[0]

    def describe(self, origin: str) -> Any:
        def ask() -> Any:
            raw = self._raw()
            return None if raw is None else _describe(raw, origin)

        return self._answer("type", ask, _is_description)

    def describe_inside(self, find: Callable[[gdb.Type], Any], check: Callable[[Any], bool]) -> Any:
        return self._answer("in", lambda: find(self.whole), check)

    def _answer(self, what: str, ask: Callable[[], Any], check: Callable[[Any], bool]) -> Any:
        return kept.answer(f"{what} {self.path}", ask, check) if self.path else ask()

    def beyond(self, step: str | int, find: Callable[[gdb.Type], gdb.Type]) -> _Place:
        path = f"{self.path}/{step}" if self.path else ""
        return _Place(path, lambda: find(self.whole))


_NAMED, _ANONYMOUS, _DECLARED = range(3)  # forms: _DECLARED are those that have no definition


def _describe(raw: gdb.Type, origin: str) -> list[Any]:
    # The arguments of a CType, as JSON has them; its form is the last. `origin` says where a type
    # without a name was met: "conf_nested.named_union".
    note_origin(raw)
    typedef = None
    while raw.code == gdb.TYPE_CODE_TYPEDEF:
        typedef = typedef or raw.name
        raw = raw.target()
    code, name, form = _codes().get(raw.code, VOID), raw.name or "", _NAMED
    is_signed, count = False, 0
    if code in _KEYWORDS:
        raw, is_defined = _definition(raw.strip_typedefs())
        note_origin(raw)
        name, form = f"{_KEYWORDS[code]} {raw.tag}", _NAMED if is_defined else _DECLARED
        if not raw.tag:
            name, form = typedef or f"{_KEYWORDS[code]} {{{origin}}}", _ANONYMOUS
    if code == ARRAY:
        low, high = raw.range()  # of an array without a length GDB says (0, 0), too
        is_empty = raw.sizeof == 0 and raw.target().strip_typedefs().sizeof != 0
        count = 0 if is_empty else max(0, int(high) - int(low) + 1)
    elif code == ENUM:
        is_signed = any(int(field.enumval) < 0 for field in raw.fields())
    elif code == INT:
        is_signed = bool(raw.is_signed)
    return [code, name, int(raw.sizeof), typedef, is_signed, count, form]


def _definition(raw: gdb.Type) -> tuple[gdb.Type, bool]:
    # And whether it is one: the debug info may never say what is in a struct.
    code = _codes().get(raw.code, VOID)
    if code in _KEYWORDS and raw.tag and not raw.fields():
        try:
            return lowlevel.find_type(f"{_KEYWORDS[code]} {raw.tag}"), True
        except TypeMissingError:
            return raw, False
    return raw, True


def _is_description(found: Any) -> bool:
    code, name, size, typedef, is_signed, count, form = found
    numbers = all(type(number) is int and number >= 0 for number in (code, size, count))
    texts = isinstance(name, str) and (typedef is None or isinstance(typedef, str))
    return numbers and texts and isinstance(is_signed, bool) and form in (_NAMED, _ANONYMOUS)


def _made(description: list[Any], origin: str, place: _Place) -> CType:
    code, name, size, typedef, is_signed, count, form = description
    made = CType(code, name, size, typedef, is_signed, count, form == _ANONYMOUS)
    if form == _ANONYMOUS and not made.typedef:
        _invented.setdefault(made.name, made)
    if form == _DECLARED:
        place = _Place("", place._raw)
    if made.code in (PTR, ARRAY, FUNC):
        made.find_target = lambda: _target(origin, place)
    if made.is_struct:
        owner = made.name.partition(" ")[2].strip("{}")
        made.find_fields = lambda: _fields(owner, place)
    elif made.code == FUNC:
        made.find_fields = lambda: _fields(origin, place)
    elif made.code == ENUM:
        made.find_enumerators = lambda: _enumerators(place)
    return made


def _enumerators(place: _Place) -> dict[str, int]:
    found = place.describe_inside(lowlevel.enumerators_of, lowlevel.are_enumerators)
    return dict(found)


def _target(origin: str, place: _Place) -> CType:
    behind = place.beyond("*", lambda raw: raw.target())
    return _made(behind.describe(origin), origin, behind)


def _fields(owner: str, place: _Place) -> list[CField]:
    found = []
    for number, name, bit_offset, bit_size, *description in place.describe_inside(
        lambda raw: _describe_fields(raw, owner), _are_fields
    ):
        origin = _origin_of(owner, number, name)
        inner = place.beyond(number, partial(_type_of_field, number))
        found.append(CField(name, _made(description, origin, inner), bit_offset, bit_size))
    return found


def _type_of_field(number: int, raw: gdb.Type) -> gdb.Type:
    return raw.fields()[number].type


def _origin_of(owner: str, number: int, name: str) -> str:
    return f"{owner}.{name or number}"


def _describe_fields(raw: gdb.Type, owner: str) -> list[list[Any]]:
    found = []
    for number, field in enumerate(raw.fields()):
        if hasattr(field, "bitpos"):
            name = field.name or ""
            description = _describe(field.type, _origin_of(owner, number, name))
            found.append([number, name, int(field.bitpos), int(field.bitsize), *description])
    return found


def _are_fields(found: Any) -> bool:
    for number, name, bit_offset, bit_size, *description in found:
        numbers = all(type(part) is int and part >= 0 for part in (number, bit_offset, bit_size))
        if not (numbers and isinstance(name, str) and _is_description(description)):
            return False
    return True


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
