# SPDX-License-Identifier: GPL-2.0-or-later
"""States and flags of tasks by name, for scripts (include/linux/sched.h)."""

from __future__ import annotations

from typing import Any

from LinuxDump.task_records import TASK_IDLE
from pykdump.Generic import dbits2str

# include/linux/sched.h
TASK_RUNNING = 0x0
TASK_INTERRUPTIBLE = 0x1
TASK_UNINTERRUPTIBLE = 0x2
TASK_STOPPED = 0x4
TASK_TRACED = 0x8
EXIT_DEAD = 0x10
EXIT_ZOMBIE = 0x20
TASK_PARKED = 0x40
_TASK_DEAD = 0x80
_TASK_RTLOCK_WAIT, _TASK_FROZEN = 0x1000, 0x8000
_WAITS = _TASK_RTLOCK_WAIT | _TASK_FROZEN
_REPORT = 0x7F

_CODES = {
    TASK_INTERRUPTIBLE: "IN",
    TASK_UNINTERRUPTIBLE: "UN",
    TASK_STOPPED: "ST",
    TASK_TRACED: "TR",
    EXIT_DEAD: "DE",
    EXIT_ZOMBIE: "ZO",
    TASK_PARKED: "PA",
}

#: arch/x86/include/asm/thread_info.h: numbers that kernels 4.18 to 6.12 agree on
_TIF_BITS = {
    "TIF_NOTIFY_RESUME": 1,
    "TIF_SIGPENDING": 2,
    "TIF_NEED_RESCHED": 3,
    "TIF_SSBD": 5,
    "TIF_SPEC_IB": 9,
    "TIF_SPEC_L1D_FLUSH": 10,
    "TIF_USER_RETURN_NOTIFY": 11,
    "TIF_UPROBE": 12,
    "TIF_PATCH_PENDING": 13,
    "TIF_NOCPUID": 15,
    "TIF_NOTSC": 16,
    "TIF_MEMDIE": 20,
    "TIF_POLLING_NRFLAG": 21,
    "TIF_IO_BITMAP": 22,
    "TIF_SPEC_FORCE_UPDATE": 23,
    "TIF_FORCED_TF": 24,
    "TIF_BLOCKSTEP": 25,
    "TIF_ADDR32": 29,
}


class TaskStates(dict[str, int]):
    """Bits of ``state | exit_state`` by name."""

    def task_state2str(self, state: int) -> str:
        """``TASK_RUNNING``, ``TASK_IDLE``, or the names of the bits joined by ``|``."""
        if state == TASK_RUNNING:
            return "TASK_RUNNING"
        if state & TASK_IDLE == TASK_IDLE:
            return "TASK_IDLE"
        return dbits2str(state, self) or f"state:{state}"


#: Their order is that of ``task_state_array`` in fs/proc/array.c.
TASK_STATE = TaskStates(
    TASK_RUNNING=TASK_RUNNING,
    TASK_INTERRUPTIBLE=TASK_INTERRUPTIBLE,
    TASK_UNINTERRUPTIBLE=TASK_UNINTERRUPTIBLE,
    TASK_STOPPED=TASK_STOPPED,
    TASK_TRACED=TASK_TRACED,
    EXIT_DEAD=EXIT_DEAD,
    EXIT_ZOMBIE=EXIT_ZOMBIE,
    TASK_PARKED=TASK_PARKED,
)


def getTaskState(task: Any) -> int:
    """``state`` of a ``struct task_struct``, which is an SU or a Task."""
    return int(task.State)


def reported_state(task: Any) -> int:
    """What the kernel itself reports: one or none of the bits in TASK_STATE, or TASK_IDLE."""
    state = getTaskState(task)
    if state & TASK_IDLE == TASK_IDLE:
        return TASK_IDLE
    if state & _WAITS:
        return TASK_UNINTERRUPTIBLE
    bits = (state | int(task.exit_state)) & _REPORT
    return 1 << bits.bit_length() - 1 if bits else TASK_RUNNING


def task_state_str(state: int) -> str:
    """Two letters: ``RU IN UN ST TR ZO DE``; ``ID`` for idle kernel threads."""
    if state & TASK_IDLE == TASK_IDLE:
        return "ID"
    if not state & _REPORT:
        return "DE" if state & _TASK_DEAD else "UN" if state & _WAITS else "RU"
    return _CODES[1 << (state & _REPORT).bit_length() - 1]


def task_state_color(state: int) -> int:
    """A colour of LinuxDump.crashcolor: red for blocked, yellow for dead, green for running."""
    code = task_state_str(state)
    return {"UN": 1, "RU": 2, "ZO": 3, "DE": 3}.get(code, 7)


def decode_tflags(flags: int, offset: int = 0) -> str:
    """Names of the flags of a ``struct thread_info``, joined by ``|``.

    :param offset: how many characters at the start of each name to leave out.
    """
    return dbits2str(flags, {name: 1 << bit for name, bit in _TIF_BITS.items()}, offset)
