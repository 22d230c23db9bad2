# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals of tasks: what each does, and which wait (include/linux/sched/signal.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pykdump import lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

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
    return of_tasks([task])[0]


def of_tasks(tasks: Sequence[int]) -> list[TaskSignals | None]:
    """The same of many tasks; threads of a process have the same tuple of actions.

    :param tasks: ``struct task_struct *`` of each.
    """
    rows = _TASK.read_many(tasks)
    places = list({row.signal for row in rows if row is not None and row.signal})
    signals = {addr: row for addr, row in zip(places, _SIGNAL.read_many(places)) if row}
    own_at = lowlevel.member("struct task_struct", "pending").offset
    shared_at = lowlevel.member("struct signal_struct", "shared_pending").offset
    heads = [task + own_at for task in tasks] + [addr + shared_at for addr in signals]
    queues = dict(zip(heads, _queued(heads)))
    actions: dict[int, tuple[Action, ...]] = {0: ()}
    found: list[TaskSignals | None] = []
    for task, row in zip(tasks, rows):
        signal = None if row is None else signals.get(row.signal)
        if row is None or signal is None:
            found.append(None)
            continue
        if row.sighand not in actions:
            actions[row.sighand] = tuple(_actions(row.sighand))
        found.append(
            TaskSignals(
                row.signal,
                signal.nr_threads,
                actions[row.sighand],
                _number(row.blocked),
                Pending(_number(row.pending_signal), queues[task + own_at]),
                Pending(_number(signal.shared_pending_signal), queues[row.signal + shared_at]),
            )
        )
    return found


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


def _queued(heads: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
    # struct sigqueue * and number of what waits at each struct sigpending *.
    list_at = lowlevel.member("struct sigpending", "list").offset
    at = lowlevel.member("struct sigqueue", "list").offset
    info = lowlevel.member("struct sigqueue", "info").offset
    found = []
    for head, walk in zip(heads, walk_lists([head + list_at for head in heads])):
        if walk.end != "complete":
            pylog.warning(f"sigpending {head:#x}: its list is broken at {walk.stopped_at:#x}")
        queued = []
        for node in walk.nodes:
            try:
                queued.append((node - at, lowlevel.read_int(node - at + info, _SIGINFO_HEAD)))
            except ReadError as error:
                pylog.warning(f"sigqueue {node - at:#x}: {error}")
        found.append(tuple(queued))
    return found
