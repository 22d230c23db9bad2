# SPDX-License-Identifier: GPL-2.0-or-later
"""Constants of the dumped machine, and `sys_info`, which describes the dump.

All are read when they are first asked for: importing this module reads nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from pykdump import lowlevel, models
from pykdump.errors import PykdumpError
from pykdump.Generic import Bunch
from pykdump.memory import readULong

WARNING = "+++WARNING+++"
_NSEC_PER_SEC = 10**9


class KernelRev(str):
    """A kernel's version; ``< <= > >=`` compare numbers: ``KernelRev("5.10") > "5.9"``.

    >>> KernelRev("5.10.0") > "5.9", sys_info.kernel >= "2.6.32"
    (True, True)
    """

    def _numbers(self, other: object = None) -> list[int]:
        text = str(self if other is None else other)
        return [int(number) for number in re.findall(r"\d+", text.split("-")[0])]

    def __lt__(self, other: str) -> bool:
        return self._numbers() < self._numbers(other)

    def __le__(self, other: str) -> bool:
        return self._numbers() <= self._numbers(other)

    def __gt__(self, other: str) -> bool:
        return self._numbers() > self._numbers(other)

    def __ge__(self, other: str) -> bool:
        return self._numbers() >= self._numbers(other)


class _Late:
    # A value that costs so much that it is read when somebody asks for it.
    def __init__(self, read: Callable[[], Any]) -> None:
        self.read = read


_late_entries: dict[str, _Late] = {}


def declare_late(key: str, read: Callable[[], Any]) -> None:
    """Let `sys_info` have an entry that is read from the dump when somebody asks for it."""
    _late_entries[key] = _Late(read)
    if sys_info._filled_for is not None:
        sys_info.setdefault(key, _late_entries[key])


class SysInfo(Bunch):
    """What describes the open dump, as ``sys`` prints it; keys are also attributes.

    >>> sys_info.CPUS > 0, sys_info["MACHINE"].split()[0], sys_info.pointersize
    (True, 'x86_64', 8)
    """

    _filled_for: lowlevel.Kernel | None = None
    _is_filling = False

    def _fill(self) -> None:
        if self._is_filling or not lowlevel.is_open():
            return
        if self._filled_for is lowlevel.kernel():
            return
        SysInfo._is_filling = True
        try:
            super().clear()
            super().update(_sys_info(), **_late_entries)
            SysInfo._filled_for = lowlevel.kernel()
        finally:
            SysInfo._is_filling = False

    def __getitem__(self, key: str) -> Any:
        self._fill()
        value = super().__getitem__(key)
        if isinstance(value, _Late):
            value = self[key] = value.read()
        return value

    def __contains__(self, key: object) -> bool:
        self._fill()
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return super().__iter__()

    def __len__(self) -> int:
        self._fill()
        return super().__len__()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        return self[key] if key in self else default

    def keys(self) -> Any:
        """All keys."""
        self._fill()
        return super().keys()

    def items(self) -> Any:
        """All keys with their values."""
        return [(key, self[key]) for key in self]

    def values(self) -> Any:
        """All values."""
        return [self[key] for key in self]

    def copy(self) -> Bunch:
        """The same values, read now."""
        return Bunch(self.items())

    def __repr__(self) -> str:
        return repr(dict(self.items()))


def _sys_info() -> dict[str, Any]:
    found: dict[str, Any] = dict(models.get().sys_lines())
    if "|" in found["DUMPFILE"]:
        found["DUMPFILES"] = found["DUMPFILE"]
        found["DUMPFILE"] = ",".join(found["DUMPFILES"].split("|"))
    debug_dir = os.path.dirname(found["KERNEL"]) or "."
    release = found["RELEASE"]
    folders = [*_folders(release), debug_dir, f"/lib/modules/{release}"]
    found.update(
        CPUS=int(found["CPUS"].split()[0]),
        kernel=KernelRev(_version(release)),
        livedump=False,
        HZ=_hz(),
        pointersize=8,
        pointermask=(1 << 64) - 1,
        machine=found["MACHINE"].split()[0],
        DebugDir=debug_dir,
        debuginfo=folders,
    )
    return found


def _version(release: str) -> str:
    match = re.match(r"\d+(\.\d+){0,2}", release)
    return match[0] if match else release


def _folders(release: str) -> list[str]:
    # Where Red Hat's debuginfo packages, and those of its support, put modules.
    return [
        f"/usr/lib/debug/lib/modules/{release}",
        f"/cores/retrace/repos/kernel/{_machine()}/usr/lib/debug/lib/modules/{release}",
    ]


def _machine() -> str:
    return lowlevel.dump().arch


def _hz() -> int:
    # tick_nsec is NSEC_PER_SEC / HZ, rounded (kernel/time/ntp.c), but not while NTP corrects it.
    addr = lowlevel.find_symbol("tick_nsec")
    if addr is not None:
        try:
            nsec = readULong(addr)
        except PykdumpError:
            nsec = 0
        rates = (100, 250, 300, 1000)
        if nsec:
            return min(rates, key=lambda hz: abs(hz - _NSEC_PER_SEC / nsec))
    return 250


#: What describes the dump, as ``sys`` prints it: ``sys_info.CPUS``, ``sys_info["LOAD AVERAGE"]``.
sys_info = SysInfo()

#: Bytes of a pointer and of a ``long``: 8.
pointersize = PTR_SIZE = LONG_SIZE = 8
#: Bytes of an ``int``: 4.
INT_SIZE = 4
#: Bits of an ``int`` (32) and of a ``long`` (64).
BITS_PER_INT, BITS_PER_LONG = 8 * INT_SIZE, 8 * LONG_SIZE
#: All bits of an ``unsigned int``, of an ``unsigned long``.
INT_MASK, LONG_MASK = (1 << BITS_PER_INT) - 1, (1 << BITS_PER_LONG) - 1
#: The largest ``int``, the largest ``long``.
INT_MAX, LONG_MAX = INT_MASK >> 1, LONG_MASK >> 1

_LATE: dict[str, Callable[[], Any]] = {
    "HZ": lambda: sys_info["HZ"],
    "PAGESIZE": lambda: lowlevel.dump().page_size,
    "PAGE_CACHE_SHIFT": lambda: lowlevel.dump().page_size.bit_length() - 1,
    "kernel": lambda: str(sys_info["kernel"]),
    "kname": lambda: sys_info["RELEASE"],
    "RHDIR": lambda: sys_info["debuginfo"][0],
    "CGDIR": lambda: sys_info["debuginfo"][1],
    "debuginfo": lambda: sys_info["debuginfo"],
}

#: Constants that come from the dump, read at each access to this module.
LATE_NAMES = tuple(_LATE)


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return _LATE[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
