# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's clocks at the time of the dump (kernel/time/timekeeping.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("tk_core", "timekeeper_data")

_TIMEKEEPER = Layout("struct timekeeper", "xtime_sec", "ktime_sec")
_TICK = Layout("struct timekeeper", "tkr_mono.base", "tkr_mono.xtime_nsec", "tkr_mono.shift")


@dataclass(frozen=True)
class Clocks:
    """Whole seconds."""

    wall_s: int  #: CLOCK_REALTIME, since 1970
    uptime_s: int  #: CLOCK_MONOTONIC: since boot, without the time suspended


def clocks() -> Clocks | None:
    """What the clocks showed at the last tick; None when they are not in the dump."""
    row = _read(_TIMEKEEPER)
    return None if row is None else Clocks(row.xtime_sec, row.ktime_sec)


def monotonic_ns() -> int | None:
    """CLOCK_MONOTONIC at the last tick, in nanoseconds; None when it is not in the dump."""
    row = _read(_TICK)
    return None if row is None else row.tkr_mono_base + (row.tkr_mono_xtime_nsec >> _shift(row))


def _shift(row: Any) -> int:
    return min(int(row.tkr_mono_shift), 63)


def _read(layout: Layout) -> Any:
    try:
        for name in SYMBOLS:
            addr = lowlevel.find_symbol(name)
            if addr is not None:
                return layout.read(addr + _offset_in(name))
    except PykdumpError:
        pass
    return None


def _offset_in(name: str) -> int:
    # v6.17 made an array of it, with the core timekeeper first.
    if name == "timekeeper_data":
        return lowlevel.member("struct tk_data", "timekeeper").offset
    # Before v6.13 tk_core had a struct without a name: a sequence count, then the timekeeper.
    if lowlevel.has_type("struct tk_data"):
        return lowlevel.member("struct tk_data", "timekeeper").offset
    return lowlevel.member_of_variable(name, "timekeeper").offset
