# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals of tasks: what each does, and which wait (include/linux/sched/signal.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

_TASK = Layout("struct task_struct", "signal", "sighand", "pending.signal", "blocked")
_SIGNAL = Layout("struct signal_struct", "nr_threads", "shared_pending.signal")
_ACTION = Layout("struct k_sigaction", "sa.sa_handler", "sa.sa_mask", "sa.sa_flags")
_COUNT = 64
_SIGINFO_HEAD = 4


@dataclass(frozen=True)
class Action:
    """What a signal does."""

    number: int
    addr: int  #: struct k_sigaction *
    handler: int  #: 0 SIG_DFL, 1 SIG_IGN, else a user address
    mask: int
    flags: int


@dataclass(frozen=True)
class Pending:
    """Signals that wait."""

    signals: int  #: bit 0 is signal 1
    queued: tuple[tuple[int, int], ...]  #: struct sigqueue * and number of each


@dataclass(frozen=True)
class TaskSignals:
    """Signals of a task."""

    signal_addr: int  #: struct signal_struct *
    threads: int
    actions: tuple[Action, ...]
    blocked: int
    private: Pending
    shared: Pending


def of_task(task: int) -> TaskSignals | None:
    """Signals of a task; None for one that is dead or cannot be read.

    :param task: ``struct task_struct *``.
    """
    row = _TASK.read(task)
    signal = _SIGNAL.read(row.signal) if row is not None and row.signal else None
    if row is None or signal is None:
        return None
    at = task + lowlevel.member("struct task_struct", "pending").offset
    shared_at = row.signal + lowlevel.member("struct signal_struct", "shared_pending").offset
    return TaskSignals(
        row.signal,
        signal.nr_threads,
        tuple(_actions(row.sighand)) if row.sighand else (),
        _number(row.blocked),
        _pending(at, row.pending_signal),
        _pending(shared_at, signal.shared_pending_signal),
    )


def _actions(sighand: int) -> list[Action]:
    first = sighand + lowlevel.member("struct sighand_struct", "action").offset
    size = lowlevel.sizeof("struct k_sigaction")
    found = []
    for number, row in enumerate(_ACTION.read_array(first, _COUNT)):
        if row is None:
            pylog.warning(f"sighand_struct {sighand:#x}: signal {number + 1} cannot be read")
            continue
        found.append(
            Action(
                number + 1,
                first + number * size,
                row.sa_sa_handler,
                _number(row.sa_sa_mask),
                row.sa_sa_flags,
            )
        )
    return found


def _number(raw: Any) -> int:
    return int.from_bytes(raw, "little") if isinstance(raw, bytes) else int(raw)


def _pending(addr: int, raw: Any) -> Pending:
    walk = walk_list(addr + lowlevel.member("struct sigpending", "list").offset)
    if walk.end != "complete":
        pylog.warning(f"sigpending {addr:#x}: its list is broken at {walk.stopped_at:#x}")
    at = lowlevel.member("struct sigqueue", "list").offset
    info = lowlevel.member("struct sigqueue", "info").offset
    queued = []
    for node in walk.nodes:
        number = lowlevel.read_int(node - at + info, _SIGINFO_HEAD)
        queued.append((node - at, number))
    return Pending(_number(raw), tuple(queued))
