# SPDX-License-Identifier: GPL-2.0-or-later
"""What members of structs read as, where it is neither a plain int nor a struct."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Union, overload

from pykdump import readers

if TYPE_CHECKING:
    from pykdump._accel import TextObject
    from pykdump.datatypes import EnumInfo, TypeInfo
else:
    try:
        from pykdump._accel import TextObject
    except ImportError:  # plain pytest

        class TextObject(str):
            """Text, with its bytes and its address."""

            __slots__ = ("ByteArray", "addr", "ptr")


_TEXT_SIZE = 256


class SmartString(TextObject):
    """Text of a ``char`` array or behind a ``char *``: up to its NUL, bytes above 127 as ``\\xNN``.

    Indices and slices reach what lies behind the NUL, too.

    >>> comm = readSymbol("init_task").comm
    >>> comm, len(comm), len(comm.ByteArray), comm[9]
    ('swapper/0', 9, 16, '\\x00')
    >>> SmartString(b"caf\\xe9")
    'caf\\\\xe9'
    """

    __slots__ = ()

    def __new__(
        cls, s: bytes | tPtr, addr: int | None = None, ptr: int | None = None
    ) -> SmartString:
        if isinstance(s, tPtr):
            if s.ptrlev != 1:
                raise TypeError(f"SmartString needs a pointer to text, not {s}")
            return readers.text_at(int(s))
        if not isinstance(s, (bytes, bytearray)):
            raise TypeError(f"SmartString is made of bytes, not {type(s).__name__}")
        made = str.__new__(cls, s.split(b"\0", 1)[0].decode("ascii", "backslashreplace"))
        made.ByteArray = bytes(s)
        made.addr = addr
        made.ptr = ptr
        return made

    def __getnewargs__(self) -> Any:  # for copies
        return self.ByteArray, self.addr, self.ptr

    def __getitem__(self, index: Any) -> str:
        return self.ByteArray.decode("ascii", "backslashreplace")[index]

    def __int__(self) -> int:
        if self.ptr is None:
            raise TypeError("this text is an array: no pointer leads to it")
        return self.ptr


class tEnum(int):
    """Value of an enum: a number that shows as the enumerator's name.

    >>> state = readSymbol("system_state")
    >>> "%s %d" % (state, state) == f"SYSTEM_RUNNING {enumerator_value('SYSTEM_RUNNING')}"
    True
    """

    einfo: EnumInfo

    def __new__(cls, value: int, einfo: EnumInfo) -> tEnum:
        made = int.__new__(cls, value)
        made.einfo = einfo
        return made

    def __copy__(self) -> tEnum:
        return self

    def __deepcopy__(self, memo: object) -> tEnum:
        return self

    def __str__(self) -> str:
        return self.einfo.getnam(int(self))

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self) if spec in ("", "s") or spec[-1:] == "s" else int(self), spec)


class tPtr(int):
    """A pointer that knows what it points at: an address with a type.

    Pointers to structs are not these but the structs; nor are ``char *``, which are text.

    >>> stack = readSymbol("init_task").stack
    >>> stack
    <tPtr addr=0x... ctype='void *'>
    >>> stack.ptrlev, stack + 8 == int(stack) + 8
    (1, True)
    """

    ti: TypeInfo

    def __new__(cls, addr: int, ti: TypeInfo) -> tPtr:
        made = int.__new__(cls, addr)
        made.ti = ti
        return made

    def __copy__(self) -> tPtr:
        return self

    def __deepcopy__(self, memo: object) -> tPtr:
        return self

    @property
    def ptype(self) -> TypeInfo:
        """The pointer's type, as `ti`."""
        return self.ti

    @property
    def ptrlev(self) -> int:
        """How many pointers lead to the value."""
        return self.ti.ptrlev or 0

    @property
    def Deref(self) -> Any:
        """What lies there; IndexError for NULL, TypeError for ``void *``."""
        return self._element(0, through=False)

    def getDeref(self) -> Any:
        """The same as `Deref`."""
        return self.Deref

    def __getitem__(self, index: int) -> Any:
        return self._element(index, through=True)

    __iter__ = None

    def _element(self, index: int, through: bool) -> Any:
        target = self.ti.pointee()
        if int(self) == 0:
            raise IndexError(f"NULL pointer: {self} has no target")
        return readers.of_target(target, through)(int(self) + index * target.size)

    def __repr__(self) -> str:
        return f"<tPtr addr={int(self):#x} ctype='{self.ti.typestr()}'>"

    __str__ = __repr__


class intDimensionlessArray(int):
    """An integer array without a length, ``int x[]``: its address; ``x[i]`` reads an element."""

    _read: Callable[[int], Any]
    _stride: int

    def __new__(cls, addr: int, read: Callable[[int], Any], stride: int) -> intDimensionlessArray:
        made = int.__new__(cls, addr)
        made._read = read
        made._stride = stride
        return made

    def __getitem__(self, index: int) -> Any:
        return self._read(int(self) + index * self._stride)

    __iter__ = None  # it has no end


class tPtrDimensionlessArray(intDimensionlessArray):
    """The same of pointers: ``struct x *a[]``, and ``a[1]``, which the kernel uses alike."""


class PointerArray(Sequence[Any]):
    """An array of pointers, each read when it is asked for."""

    def __init__(self, addr: int, read: Callable[[int], Any], count: int) -> None:
        self.addr = addr
        self._read = read
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __int__(self) -> int:
        return self.addr

    @overload
    def __getitem__(self, index: int) -> Any:
        ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]:
        ...

    def __getitem__(self, index: Union[int, slice]) -> Any:
        places = range(self.addr, self.addr + 8 * self._count, 8)[index]
        return (
            [self._read(at) for at in places] if isinstance(places, range) else self._read(places)
        )

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._count))

    def __repr__(self) -> str:
        return repr(list(self))
