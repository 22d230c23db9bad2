# SPDX-License-Identifier: GPL-2.0-or-later
"""Resource limits of processes (include/linux/resource.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pykdump import lowlevel
from pykdump.layout import Layout

# include/uapi/asm-generic/resource.h
NAMES = (
    *("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS"),
    *("SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"),
)
_INFINITY = (1 << 64) - 1

_SIGNAL = Layout("struct task_struct", "signal")
_LIMIT = Layout("struct rlimit", "rlim_cur", "rlim_max")


@dataclass(frozen=True)
class Limit:
    """A limit; None: there is none."""

    name: str
    current: int | None
    maximum: int | None


def limits(task: int) -> list[Limit]:
    """Limits of a task's process; none for a dead one.

    :param task: ``struct task_struct *``.
    """
    return limits_of([task])[0]


def limits_of(tasks: Sequence[int]) -> list[list[Limit]]:
    """The same of many tasks; those of a process have the same list.

    :param tasks: ``struct task_struct *`` of each.
    """
    rows = _SIGNAL.read_many(tasks)
    signals = [0 if row is None else row.signal for row in rows]
    known: dict[int, list[Limit]] = {0: []}
    for signal in signals:
        if signal not in known:
            known[signal] = _limits(signal)
    return [known[signal] for signal in signals]


def _limits(signal: int) -> list[Limit]:
    at = signal + lowlevel.member("struct signal_struct", "rlim").offset
    rows = _LIMIT.read_array(at, len(NAMES))
    return [
        Limit(name, _value(limit.rlim_cur), _value(limit.rlim_max))
        for name, limit in zip(NAMES, rows)
        if limit is not None
    ]


def _value(raw: int) -> int | None:
    return None if raw == _INFINITY else raw
