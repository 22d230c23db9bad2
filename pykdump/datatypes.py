# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptions of C types, variables, members and enums, as scripts ask for them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from pykdump import debugtypes, lowlevel, readers
from pykdump.debugtypes import ARRAY, BOOL, ENUM, FUNC, INT, PTR, CField, CType
from pykdump.errors import SymbolMissingError, TypeMissingError

if TYPE_CHECKING:
    from pykdump._accel import Reader


class TypeInfo:
    """A C type: ``TypeInfo("struct page *")``. Raises crash.error when it is unknown.

    An array is described by its elements and its dimensions, a pointer by what it leads to and the
    number of stars.

    >>> TypeInfo("struct list_head *")
    TypeInfo <struct list_head *> size=8
    >>> info = TypeInfo("unsigned int")
    >>> info.stype, info.size, info.uint, info.ptrlev
    ('unsigned int', 4, True, None)
    """

    stype: str  #: name of a typedef, a tag or a base type without stars; "(func)" for functions
    size: int  #: of one element, in bytes
    dims: list[int] | None  #: of an array; 0 for one without a length
    elements: int  #: product of `dims`, 1 for what is no array
    ptrlev: int | None  #: number of stars
    codetype: int  #: crash.TYPE_CODE_* of an element
    ptrbasetype: int | None  #: of what the pointers lead to
    tcodetype: int  #: of what remains without pointers and dimensions
    typedef: str | None  #: name of the typedef, if one was used
    uint: bool | None  #: unsigned? None for what is no integer

    def __init__(self, name: str) -> None:
        self._describe(debugtypes.find(name))

    @classmethod
    def of(cls, type_: CType) -> TypeInfo:
        """The description of this type."""
        made = cls.__new__(cls)
        made._describe(type_)
        return made

    def _describe(self, type_: CType) -> None:
        self.ctype = type_
        dims, element = _split_array(type_)
        self.dims = dims or None
        self.elements = 1
        for dim in dims:
            self.elements *= dim
        self.size = element.size
        self.codetype = element.code
        stars, base = 0, element
        while base.code == PTR:
            stars, base = stars + 1, base.target
        self.ptrlev = stars or None
        self._inner_dims, base = _split_array(base)  # int (*rows)[3]
        self.tcodetype = base.code
        self.ptrbasetype = base.code if stars else None
        self.stype = "(func)" if base.code == FUNC else base.spelling or "void"
        self.typedef = type_.typedef or element.typedef or base.typedef
        self.uint = not base.is_signed if base.code == INT else None
        self._base = base

    @property
    def prototype(self) -> list[TypeInfo] | None:
        """Of functions and pointers to them: the type returned, then those of the arguments."""
        if self._base.code != FUNC:
            return None
        arguments = [TypeInfo.of(argument.type) for argument in self._base.fields]
        return [TypeInfo.of(self._base.target), *arguments]

    def pointee(self) -> CType:
        """What a pointer points at; raises TypeError for ``void *`` and what is no pointer."""
        if self.ctype.code != PTR or self.ctype.target.code == debugtypes.VOID:
            raise TypeError(f"{self.typestr()} leads to nothing that has a type")
        return self.ctype.target

    def getTargetType(self) -> TypeInfo:
        """The same type without stars and dimensions."""
        return TypeInfo.of(self._base)

    def fullname(self) -> tuple[str, str, str]:
        """Name, stars and dimensions: ``("struct x", "**", "[2][3]")``."""
        return self.stype, "*" * (self.ptrlev or 0), _brackets(self.dims)

    def typestr(self) -> str:
        """As C spells it: ``struct x *``."""
        name, stars, dims = self.fullname()
        return (f"{name} {stars}" if stars else name) + dims

    def fullstr(self, indent: int = 0) -> str:
        """The same with a semicolon."""
        return " " * indent + self.typestr() + ";"

    def declare(self, name: str) -> str:
        """A declaration in C."""
        stype, stars, dims = self.fullname()
        if self.stype == "(func)" and self.prototype:
            returned, *arguments = (one.typestr() for one in self.prototype)
            return f"{returned} ({stars}{name}{dims})({', '.join(arguments) or 'void'})"
        if self._inner_dims:
            return f"{stype} ({stars}{name}{dims}){_brackets(self._inner_dims)}"
        return f"{stype} {stars}{name}{dims}".rstrip()

    def __repr__(self) -> str:
        return f"TypeInfo <{self.typestr()}> size={self.size}"


def _split_array(type_: CType) -> tuple[list[int], CType]:
    dims = []
    while type_.code == ARRAY:
        dims.append(type_.count)
        type_ = type_.target
    return dims, type_


def _brackets(dims: list[int] | None) -> str:
    return "".join(f"[{dim}]" for dim in dims or ())


class VarInfo:
    """A global variable (``whatis("x")``) or a member (``SUInfo("struct s")["f"]``).

    >>> info = getStructInfo("struct task_struct")["comm"]
    >>> info.size, info.array, info.basetype, info.shortstr()
    (16, 16, 'char', 'char comm[16];')
    >>> info.reader(sym2addr("init_task") + info.offset)
    'swapper/0'
    """

    def __init__(self, name: str, type_: CType, field: CField | None = None) -> None:
        self.name = name
        self.ti = TypeInfo.of(type_)
        self._field = field
        self.offset: int = field.offset if field else 0
        self.bitoffset: int | None = field.bit_offset if field else None
        self.bitsize: int | None = (field.bit_size or None) if field else None

    @cached_property
    def reader(self) -> Reader:
        """Callable: address of the variable or member -> its value."""
        return readers.of_field(self._field) if self._field else readers.of_type(self.ti.ctype)

    @property
    def size(self) -> int:
        """In bytes, of the whole array if it is one."""
        return self.ti.size * self.ti.elements

    @property
    def array(self) -> int | list[int]:
        """Number of elements; a list of them for more than one dimension."""
        dims = self.ti.dims or [1]
        return dims[0] if len(dims) == 1 else dims

    @property
    def basetype(self) -> str:
        """Name of the type without stars and dimensions."""
        return self.ti.stype

    @property
    def ctype(self) -> str:
        """The same, as `whatis` has it."""
        return self.ti.stype

    @property
    def ptrlev(self) -> int | None:
        """Number of stars."""
        return self.ti.ptrlev

    def shortstr(self, indent: int = 0) -> str:
        """The declaration in C, structs without a tag with their members."""
        return self._declared(indent, full=False)

    def fullstr(self, indent: int = 0) -> str:
        """The same with offset and size."""
        return f"{self._declared(indent, full=True)} | off={self.offset} size={self.size}"

    def _declared(self, indent: int, full: bool) -> str:
        bits = f":{self.bitsize}" if self.bitsize else ""
        text = self.ti.declare(self.name) + bits
        base = self.ti.getTargetType().ctype
        if base.is_struct and base.is_anonymous and not base.typedef and base.fields:
            keyword = base.name.partition(" ")[0]
            body = SUInfo.of(base, keyword).body(indent, full)
            text = body + text.removeprefix(base.name)
        else:
            text = " " * indent + text
        return text + ";"

    def __repr__(self) -> str:
        addr = f" addr={self.addr:#x}" if hasattr(self, "addr") else ""
        return f"VarInfo <{self.ti.declare(self.name)}>{addr}"

    if TYPE_CHECKING:
        addr: int  #: of a variable; members have none


class PseudoVarInfo(VarInfo):
    """A pseudo-attribute that lies at a fixed offset in its struct."""


class SUInfo(dict[str, VarInfo]):
    """Members of a struct or union by name, those of anonymous members included; also attributes.

    Raises TypeError when the type is unknown.

    >>> info = SUInfo("struct list_head")
    >>> list(info), info.size, info["prev"].offset
    (['next', 'prev'], 16, 8)
    >>> print(info)
    <SUInfo>
    struct list_head {
        struct list_head *next;
        struct list_head *prev;
    }
    """

    PYT_sname: str
    PYT_size: int
    size: int

    def __init__(self, name: str) -> None:
        super().__init__()
        self._describe(find_type(name), name)

    @classmethod
    def of(cls, type_: CType, name: str) -> SUInfo:
        """The description of this type."""
        made = cls.__new__(cls)
        made._describe(type_, name)
        return made

    def _describe(self, type_: CType, name: str) -> None:
        self.PYT_sname = name
        self.PYT_size = self.size = type_.size
        self._type = type_
        self.update((n, VarInfo(n, field.type, field)) for n, field in type_.members.items())

    @property
    def PYT_body(self) -> list[tuple[str, VarInfo]]:
        """Members as declared; an anonymous one has an empty name."""
        return [(f.name, VarInfo(f.name, f.type, f)) for f in self._type.fields]

    def getFnames(self) -> list[str]:
        """Names of all members."""
        return list(self)

    def body(self, indent: int = 0, full: bool = True) -> str:
        """The struct in C, with offsets and sizes if ``full``."""
        pad = " " * indent
        lines = [f"{pad}{self.PYT_sname} {{"]
        for _, info in self.PYT_body:
            lines.append(info.fullstr(indent + 4) if full else info.shortstr(indent + 4))
        return "\n".join([*lines, pad + "}"])

    def shortstr(self, indent: int = 0) -> str:
        """The struct in C."""
        return self.body(indent, full=False)

    def fullstr(self, indent: int = 0) -> str:
        """The struct in C, with offsets and sizes."""
        return f"{self.body(indent)} size={self.size}"

    def __str__(self) -> str:
        return f"<SUInfo>\n{self.shortstr()}"

    __repr__ = fullstr

    def __getattr__(self, name: str) -> VarInfo:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{self.PYT_sname} does not have a field {name}") from None


class ArtStructInfo(SUInfo):
    """A struct made by hand, for a type that the debug info does not have; empty at first.

    ``readSU(name, addr)`` and ``getStructInfo(name)`` know it from then on.

    >>> pair = ArtStructInfo("struct pair")
    >>> pair.append("int", "first")
    >>> pair.append("char[12]", "name")
    >>> len(readSU("struct pair", 0)), pair["name"].offset
    (16, 4)
    """

    def __init__(self, name: str) -> None:
        self._fields: list[CField] = []
        code = debugtypes.UNION if name.startswith("union ") else debugtypes.STRUCT
        made = CType(code, name, 0, find_fields=lambda: self._fields)
        dict.__init__(self)
        debugtypes.declare(name, made)
        self._describe(made, name)

    def append(self, ctype: str, fieldname: str) -> None:
        """Add a member at the end, without padding: ``append("char[8]", "name")``."""
        match = re.fullmatch(r"(.*?)\s*((?:\[\d+\])*)", ctype.strip())
        assert match
        type_ = find_type(match[1])
        for count in reversed(re.findall(r"\d+", match[2])):
            type_ = _array_of(type_, int(count))
        self._add(CField(fieldname, type_, 8 * self.size, 0), self.size + type_.size)

    def inline(self, suinfo: SUInfo) -> None:
        """Add all the members of another struct at the end."""
        start = self.size
        for field in suinfo._type.fields:
            moved = CField(field.name, field.type, 8 * start + field.bit_offset, field.bit_size)
            self._add(moved, start + suinfo.size)

    def _add(self, field: CField, size: int) -> None:
        self._fields.append(field)
        self._type.__dict__.pop("members", None)
        self._type.size = size
        self._describe(self._type, self.PYT_sname)
        lowlevel.forget()


def _array_of(element: CType, count: int) -> CType:
    return CType(ARRAY, "", count * element.size, count=count, find_target=lambda: element)


class EnumInfo(dict[str, int]):
    """Enumerators and their values as declared; also attributes.

    :param name: ``enum tag``, or any enumerator of an enum without a tag.

    Raises TypeError when it is unknown.

    >>> types = EnumInfo("enum pid_type")
    >>> types.PIDTYPE_PID, types.getnam(0), types.getnam(99)
    (0, 'PIDTYPE_PID', '<enum pid_type, bad value 99>')
    """

    stype: str

    def __init__(self, name: str) -> None:
        type_ = debugtypes.find_or_none(name) if " " in name else debugtypes.enum_of(name)
        if type_ is None:
            type_ = debugtypes.find_or_none(name)  # a typedef
        if type_ is None or type_.code != ENUM:
            raise TypeError(f"There's no <{name}>: the debug info has no such enum")
        super().__init__(type_.enumerators)
        self.stype = type_.spelling

    @classmethod
    def of(cls, type_: CType) -> EnumInfo:
        """The description of this type."""
        made = cls.__new__(cls)
        made.update(type_.enumerators)
        made.stype = type_.spelling
        return made

    def getnam(self, value: int) -> str:
        """The first enumerator of this value, ``<enum tag, bad value N>`` if there is none."""
        for name, known in self.items():
            if known == value:
                return name
        return f"<{self.stype}, bad value {value}>"

    def __getattr__(self, name: str) -> int:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{self.stype} does not have {name}") from None

    def __str__(self) -> str:
        return "\n".join([f"{self.stype} {{", *(f"    {n} = {v}" for n, v in self.items()), "}"])


_infos: dict[str, SUInfo] = {}
_variables: dict[str, VarInfo] = {}


def _forget() -> None:
    _infos.clear()
    _variables.clear()


lowlevel.on_forget(_forget)


def find_type(name: str) -> CType:
    """The type of this name; TypeError when it is unknown."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name of a type")
    try:
        return debugtypes.find(name)
    except TypeMissingError as error:
        raise TypeError(str(error)) from None


def getStructInfo(name: str) -> SUInfo:
    """The `SUInfo` of a struct or union; TypeError when it is unknown.

    >>> getStructInfo("struct list_head").getFnames()
    ['next', 'prev']
    """
    if name not in _infos:
        _infos[name] = SUInfo(name)
    return _infos[name]


def whatis(name: str) -> VarInfo:
    """Type and address of a global variable; TypeError without debug info for it.

    >>> info = whatis("init_task")
    >>> info.ctype, info.addr == sym2addr("init_task")
    ('struct task_struct', True)
    """
    if name not in _variables:
        try:
            made = VarInfo(name, debugtypes.of_variable(name))
        except SymbolMissingError as error:
            raise TypeError(str(error)) from None
        addr = lowlevel.find_symbol(name)
        if addr is None:
            addr = lowlevel.variable_address(name)
        made.addr = addr or 0
        _variables[name] = made
    return _variables[name]


def funcargs(symbol: str) -> list[str] | None:
    """Types of a function's arguments as C spells them; None for what is no known function.

    >>> funcargs("vfs_read")
    ['struct file *', 'char *', 'size_t', 'loff_t *']
    """
    try:
        info = TypeInfo.of(debugtypes.of_variable(symbol))
    except SymbolMissingError:
        return None
    return [one.typestr() for one in info.prototype[1:]] if info.prototype else None


def type_length(name: str) -> int:
    """Size of a type in bytes, of an element if it is an array; -1 when it is unknown.

    >>> type_length("struct list_head"), type_length("nosuch")
    (16, -1)
    """
    found = debugtypes.find_or_none(name)
    return -1 if found is None else TypeInfo.of(found).size


def enumerator_value(name: str) -> int | None:
    """Value of an enumerator; None when there is none of this name.

    >>> enumerator_value("PIDTYPE_PID"), enumerator_value("nosuch")
    (0, None)
    """
    found = debugtypes.enum_of(name)
    return None if found is None else found.enumerators[name]


def is_integer(type_: CType) -> bool:
    """Whether values of a type are plain numbers."""
    return type_.code in (INT, BOOL, ENUM)
