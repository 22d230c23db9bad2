# SPDX-License-Identifier: GPL-2.0-or-later
"""Helpers that know nothing of kernels: bunches, switches, flags as names."""

from __future__ import annotations

import inspect
import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeVar

from pykdump import memocaches
from pykdump.memocaches import (
    CU_LIVE,
    CU_LOAD,
    CU_PYMOD,
    CU_TIMEOUT,
    PY_select,
    PY_select_purge,
    memoize_cond,
    memoize_typeinfo,
    purge_memoize_cache,
    purge_typeinfo,
)

_Item = TypeVar("_Item")

__all__ = [
    "API_options",
    "Bunch",
    "CU_LIVE",
    "CU_LOAD",
    "CU_PYMOD",
    "CU_TIMEOUT",
    "DCache",
    "LazyEval",
    "PY_select",
    "PY_select_purge",
    "PyCtl",
    "TrueOnce",
    "argv2s",
    "dbits2str",
    "getCurrentModule",
    "isfileoutput",
    "iterN",
    "memoize_cond",
    "memoize_typeinfo",
    "patch_default_kw",
    "print2columns",
    "purge_memoize_cache",
    "purge_typeinfo",
    "registerModuleAttr",
    "registerObjAttrHandler",
    "require_cmod_version",
]

# Scripts of before 2019 import these from here.
_MOVED = {
    **dict.fromkeys(
        ("SUInfo", "TypeInfo", "EnumInfo", "VarInfo", "ArtStructInfo"), "pykdump.datatypes"
    ),
    "KernelRev": "pykdump.vmcorearch",
}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(__import__(_MOVED[name], fromlist=[name]), name)


class Bunch(dict[str, Any]):
    """A dict whose keys are attributes as well.

    >>> found = Bunch({"pid": 1})
    >>> found.comm = "init"
    >>> found["comm"], found.pid
    ('init', 1)
    """

    def __init__(self, d: Mapping[str, Any] | Iterable[tuple[str, Any]] = {}, **more: Any) -> None:
        super().__init__(d, **more)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no {name} here") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"there is no {name} here") from None

    def __str__(self) -> str:
        return "\n".join(f"   {key}  {self[key]}" for key in sorted(self))

    def copy(self) -> Bunch:
        """Another bunch with the same values."""
        return type(self)(self)


class _Cache(Bunch):
    # What was never put there is None.
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's own questions
            raise AttributeError(name)
        if debugDCache and name not in self:
            print(f"DCache: nothing is kept as {name}")
        return self.get(name)


class DCache:
    """Places where scripts keep what they found; what was not put there reads as None.

    >>> DCache.tmp.seen is None
    True
    >>> DCache.tmp.seen = 5
    """

    tmp = _Cache()  #: for one run
    perm = _Cache()  #: for the session


class TrueOnce:
    """True the first n times that it is tested.

    >>> header = TrueOnce()
    >>> for name in "ab":
    ...     if header:
    ...         print("names")
    ...     print(name)
    names
    a
    b
    """

    def __init__(self, n: int = 1) -> None:
        self._left = n

    def __bool__(self) -> bool:
        self._left -= 1
        return self._left >= 0


class LazyEval:
    """Attribute that is computed once for each object, when first asked for.

    >>> class Host:
    ...     names = LazyEval("names", read_names)
    """

    def __init__(self, name: str, fn: Callable[[Any], Any]) -> None:
        self._name = name
        self._compute = fn

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            return self
        value = obj.__dict__[self._name] = self._compute(obj)
        return value


#: What the common options of scripts set; attributes ``experimental``, ``debug``, ``dumpcache``.
API_options = Bunch(experimental=False, debug=0, dumpcache=False)


def iterN(seq: Iterable[_Item], n: int) -> Iterator[_Item]:
    """At most n items of a sequence.

    >>> list(iterN(range(1000), 3))
    [0, 1, 2]
    """
    yield from itertools.islice(seq, n)


def dbits2str(flags: int, mapping: Mapping[str, int], offset: int = 0) -> str:
    """Names of the bits that are set, joined by ``|``, in the order of the mapping.

    Values of the mapping that are no single bit are left out.

    :param offset: how many characters at the start of each name to leave out.

    >>> dbits2str(5, {"A_X": 1, "A_Y": 4, "A_Z": 5}, 2)
    'X|Y'
    """
    names = (
        name[offset:]
        for name, bit in mapping.items()
        if bit > 0 and bit & (bit - 1) == 0 and flags & bit
    )
    return "|".join(names)


def print2columns(left: str, right: str) -> None:
    """Print two texts beside each other; the left one takes 38 columns.

    >>> print2columns("left\\nlower", "right")
    left                                  right
    lower
    """
    for one, other in itertools.zip_longest(left.splitlines(), right.splitlines(), fillvalue=""):
        print(f"{one:<38}{other}".rstrip())


def patch_default_kw(module: ModuleType, kw: str, value: object) -> None:
    """Change the default of a keyword-only argument in all functions and methods of a module."""
    for thing in list(vars(module).values()):
        things = vars(thing).values() if inspect.isclass(thing) else (thing,)
        for function in things:
            function = getattr(function, "__func__", function)  # classmethod, staticmethod
            defaults = getattr(function, "__kwdefaults__", None)
            if defaults and kw in defaults and function.__module__ == module.__name__:
                function.__kwdefaults__ = {**defaults, kw: value}


# --- switches


class PyCtl:
    """A switch that ``pyctl`` lists and sets: an attribute of a module or another object."""

    registry: dict[str, PyCtl] = {}

    def __init__(
        self, name: str, obj: object, attr: str, help: str = "", type: Callable[[str], Any] = int
    ) -> None:
        self.name, self.help = name, help
        self._obj, self._attr, self._type = obj, attr, type
        self.default = self.value
        self.registry[name] = self

    @property
    def value(self) -> Any:
        return getattr(self._obj, self._attr)

    @property
    def where(self) -> str:
        """What the switch belongs to."""
        return str(getattr(self._obj, "__name__", type(self._obj).__name__))

    def set(self, text: str) -> None:
        """Set it to what the text says; raises ValueError."""
        setattr(self._obj, self._attr, self._type(text))

    def reset(self) -> None:
        """Set it to what it was when it was registered."""
        setattr(self._obj, self._attr, self.default)


def registerObjAttrHandler(
    obj: object,
    attr: str,
    pyctlname: str | None = None,
    default: Any = None,
    help: str = "",
    type: Callable[[str], Any] = int,
) -> None:
    """Make an attribute of an object a switch of ``pyctl``.

    :param default: its value from now on; None keeps the one it has.
    """
    if default is not None or not hasattr(obj, attr):
        setattr(obj, attr, default)
    PyCtl(pyctlname or attr, obj, attr, help, type)


def registerModuleAttr(
    attr: str,
    pyctlname: str | None = None,
    default: Any = None,
    help: str = "",
    type: Callable[[str], Any] = int,
) -> None:
    """Make a global of the calling module a switch of ``pyctl``.

    :param default: its value from now on; None keeps the one it has.
    """
    registerObjAttrHandler(getCurrentModule(2), attr, pyctlname, default, help, type)


def getCurrentModule(depth: int = 1) -> ModuleType:
    """The module of the caller, or with a larger depth of the caller's callers."""
    return sys.modules[sys._getframe(depth).f_globals["__name__"]]


registerModuleAttr("debugDCache", default=0, help="tell what is not found in DCache")
registerModuleAttr("debugMP_KW", default=0, help="tell which defaults are changed")
registerObjAttrHandler(memocaches, "debugMemoize", help="tell what is kept and dropped")
debugDCache: int
debugMP_KW: int


# --- output


def isfileoutput() -> bool:
    """Whether stdout is a regular file."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return False


def argv2s(argv: list[str]) -> str:
    """A command line as text, the script by its base name, between blanks.

    >>> argv2s(["/usr/bin/tasks.py", "-c", "my task"])
    ' tasks.py -c "my task" '
    """
    words = [os.path.basename(argv[0]), *argv[1:]] if argv else []
    return " " + " ".join(f'"{word}"' if " " in word else word for word in words) + " "


def require_cmod_version(version: str) -> None:
    """End the script with a message when the ``crash`` module is older than this."""
    crash = sys.modules["pykdump.crash"]
    if _numbers(crash.version) < _numbers(version):
        print(f"this script needs version {version} of the crash module, here is {crash.version}")
        sys.exit(0)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
