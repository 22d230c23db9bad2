# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits of processes (include/uapi/asm-generic/resource.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pykdump import lowlevel
from pykdump.layout import Layout

NAMES = (
    *("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS"),
    *("LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"),
)
_INFINITY = (1 << 64) - 1

_SIGNAL = Layout("struct task_struct", "signal.rlim")


@dataclass(frozen=True)
class Limit:
    """A limit; None is no limit."""

    number: int
    name: str  #: "RLIMIT_NOFILE"
    current: int | None
    maximum: int | None


def limits(tasks: Sequence[int]) -> list[tuple[Limit, ...]]:
    """The limits of each task; none of what is dead or cannot be read.

    :param tasks: ``struct task_struct *``.
    """
    size = lowlevel.sizeof("struct rlimit")
    rows = _SIGNAL.read_many(tasks)
    return [() if row is None else _limits(row.signal_rlim, size) for row in rows]


def _limits(raw: bytes, size: int) -> tuple[Limit, ...]:
    return tuple(
        Limit(number, f"RLIMIT_{name}", _value(raw, number * size), _value(raw, number * size + 8))
        for number, name in enumerate(NAMES)
        if (number + 1) * size <= len(raw)
    )


def _value(raw: bytes, at: int) -> int | None:
    value = int.from_bytes(raw[at : at + 8], "little")
    return None if value == _INFINITY else value
