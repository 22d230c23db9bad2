# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs in memory: ints, whose value is the address, with the members as attributes.

Attribute access is the accelerator's. It asks a class once for each member (`_resolve`) and reads
it by itself from then on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pykdump import aliases, compat, datatypes, debugtypes, lowlevel, pseudo, readers
from pykdump.debugtypes import CType
from pykdump.errors import CrashError, PykdumpError
from pykdump.paths import Path, find_path

if TYPE_CHECKING:
    from pykdump._accel import Member, StructObject
else:
    try:
        from pykdump._accel import Member, StructObject
    except ImportError:  # plain pytest: models can be imported
        StructObject = int


class StructResult(StructObject):
    """A struct or union in memory: ``StructResult("struct page", addr)``.

    An int, the address, whose attributes are the members, read at each access. A member that is a
    struct and one that points to a struct both give a StructResult, so ``a.b.c`` replaces any mix
    of ``.`` and ``->``. Raises TypeError when the type is unknown; a member that is not there is a
    KeyError, one at NULL an IndexError or crash.error, and unreadable memory crash.error.

    >>> task = StructResult("struct task_struct", sym2addr("init_task"))
    >>> task.comm, task.hasField("pid"), len(task) == struct_size("struct task_struct")
    ('swapper/0', True, True)
    >>> task.nosuch
    Traceback (most recent call last):
    KeyError: '<struct task_struct> does not have a field <nosuch>'
    >>> (task + 1) - task == len(task), task == int(task)
    (True, True)
    """

    PYT_symbol: str = ""  #: name of the type, as it was asked for
    _ctype: CType
    _generation: int
    _paths: dict[str, Any]

    def __new__(cls, sname: str, addr: int = 0) -> StructResult:
        return at(class_named(sname), addr)

    @classmethod
    def ctype(cls) -> CType:
        """The type; looked up again when debug info was loaded."""
        if cls._generation != lowlevel.generation:
            cls._ctype = debugtypes.find_or_none(cls.PYT_symbol) or cls._ctype
            cls._generation = lowlevel.generation
            cls._paths = {}
        return cls._ctype

    # --- what the accelerator asks

    @classmethod
    def _resolve(cls, name: str) -> Any:
        found = pseudo.find(cls.names(), name)
        if found is not None:
            return found if callable(found) else readers.of_path(found)
        field = cls.ctype().members.get(name)
        if field is not None:
            return Member(readers.of_field(field), field.offset)
        if hasattr(StructResult, name):
            return None
        found = _of_other_kernels(cls, name)
        if found is None and name.startswith("_") and "__" in name[1:]:
            return cls._resolve(name[name.index("__", 1) :])  # spelled inside a class
        return found

    @classmethod
    def _unknown(cls, name: str) -> KeyError:
        return KeyError(f"<{cls.PYT_symbol}> does not have a field <{name}>")

    @classmethod
    def follows_function(cls, name: str) -> bool:
        """Whether an attribute is computed: an old name of what this kernel keeps otherwise."""
        paths = (name, *aliases.find_paths(cls.names(), name))
        lies_somewhere = any(find_path(cls.ctype(), path) for path in paths)
        return not lies_somewhere and aliases.find_function(cls.names(), name) is not None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the type: as asked for, and as the debug info has it."""
        return (cls.PYT_symbol, cls.ctype().name)

    if TYPE_CHECKING:  # the members

        def __getattr__(self, name: str) -> Any:
            ...

    # --- operators

    def __len__(self) -> int:
        return type(self).ctype().size

    def __str__(self) -> str:
        return f"<{self.PYT_symbol} {int(self):#x}>"

    def __repr__(self) -> str:
        return f"StructResult {self} \tsize={len(self)}"

    def __format__(self, spec: str) -> str:
        return format(str(self) if spec in ("", "s") or spec[-1] == "s" else int(self), spec)

    def __copy__(self) -> StructResult:
        made = at(type(self), int(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: object) -> StructResult:
        return self.__copy__()

    def __reduce__(self) -> Any:  # pickled as type and address: what lies there is in the dump
        return StructResult, (self.PYT_symbol, int(self))

    def __add__(self, count: int) -> StructResult:
        return at(type(self), int(self) + int(count) * type(self).ctype().size)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return type(self)._info(key)
        return self + key

    __iter__ = None

    # --- classic attributes and methods

    @property
    def PYT_sinfo(self) -> datatypes.SUInfo:
        """Members of the type."""
        return datatypes.getStructInfo(self.PYT_symbol)

    @property
    def PYT_size(self) -> int:
        """Size of the type in bytes."""
        return type(self).ctype().size

    @property
    def PYT_addr(self) -> int:
        """The address."""
        return int(self)

    @property
    def Deref(self) -> StructResult:
        """The object itself."""
        return self

    def getDeref(self) -> StructResult:
        """The object itself."""
        return self

    def shortStr(self) -> str:
        """As str(), without the keyword."""
        return f"<{self.PYT_symbol.split(' ', 1)[-1]} {int(self):#x}>"

    def hasField(self, name: str) -> bool:
        """Whether the type has this member, or a pseudo-attribute at a fixed offset."""
        return type(self)._field(name) is not None

    def isNamed(self, typename: str) -> bool:
        """Whether this is the name of the type, as it was asked for."""
        return self.PYT_symbol == typename

    def fieldOffset(self, name: str) -> int:
        """Offset of a member in bytes; KeyError when there is none."""
        return type(self)._info(name).offset

    def castTo(self, typename: str) -> StructResult:
        """The same address as another type."""
        return at(class_named(typename), int(self))

    def Eval(self, path: str) -> Any:
        """``o.Eval("a.b.c")``: the member at the end of a path; TypeError when there is none."""
        type_, cache = type(self).ctype(), type(self)._paths
        reader = cache.get(path)
        if reader is None:
            found = find_path(type_, path)
            if found is None:
                raise TypeError(f"<{self.PYT_symbol}> has no path {path}")
            reader = cache[path] = readers.of_path(found)
        return reader.read(int(self), type(self), path)

    def Dump(self, indent: int = 0) -> None:
        """Print all members as declared, one a line."""
        for name in (name for name, _ in self.PYT_sinfo.PYT_body if name):
            print(f"{' ' * indent}{name:>18} {_shown(self, name)}")

    @classmethod
    def _info(cls, name: str) -> datatypes.VarInfo:
        field = cls._field(name)
        if field is None:
            raise cls._unknown(name)
        return field

    @classmethod
    def _field(cls, name: str) -> datatypes.VarInfo | None:
        found = pseudo.find(cls.names(), name)
        if isinstance(found, Path):
            if found.hops:
                return None
            return datatypes.PseudoVarInfo(name, found.field.type, found.field)
        field = cls.ctype().members.get(name)
        return datatypes.VarInfo(name, field.type, field) if field else None


def _shown(struct: StructResult, name: str) -> str:
    try:
        value = getattr(struct, name)
        if isinstance(value, list) and len(value) > 3:
            return f"[{', '.join(map(repr, value[:4]))}, ...]"
        return str(value)
    except TypeError:
        return "unknown type"
    except (PykdumpError, IndexError) as error:
        return f"<{error}>"


def _of_other_kernels(cls: type[StructResult], name: str) -> Any:
    # Names that this kernel does not have: those of compat, and what old scripts call members.
    spelled = filter(None, (compat.find_declared(struct, name) for struct in cls.names()))
    for spelling in (*spelled, *aliases.find_paths(cls.names(), name)):
        path = find_path(cls.ctype(), spelling)
        if path is not None:
            return readers.of_path(path)
    return aliases.find_function(cls.names(), name)


# --- one class a type

_classes: dict[str, type[StructResult]] = {}
_namesakes: dict[tuple[str, int], type[StructResult]] = {}  # other types of a name, by size


def class_named(name: str) -> type[StructResult]:
    """The class of a type; TypeError when the type is unknown."""
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = _make_class(datatypes.find_type(name), name)
    return found


def class_of(type_: CType) -> type[StructResult]:
    """The class of a type; of several types of a name, that of this one."""
    name = type_.spelling
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = _make_class(type_, name)
    elif type_.is_anonymous and not type_.typedef:
        found._ctype, found._generation = type_, lowlevel.generation
    elif type_.size not in (0, found.ctype().size) and found.ctype().size:
        found = _namesakes.get((name, type_.size))
        if found is None:
            found = _namesakes[name, type_.size] = _make_class(type_, name)
    return found


def at(cls: type[StructResult], addr: int) -> StructResult:
    """The struct of a class at an address; a negative one stays so. Raises CrashError."""
    if addr >> 64 > 0:
        raise CrashError(f"{cls.PYT_symbol} {addr:#x}: an address has 64 bits")
    return int.__new__(cls, addr)


def _make_class(type_: CType, name: str) -> type[StructResult]:
    body = dict(
        PYT_symbol=name,
        _ctype=type_,
        _generation=lowlevel.generation,
        _paths={},
        __doc__=f"``{name}`` in memory.",
    )
    return type("StructResult_" + re.sub(r"\W+", "_", name), (StructResult,), body)


def _forget() -> None:
    _namesakes.clear()
    if not lowlevel.is_open():
        _classes.clear()


lowlevel.on_forget(_forget)
