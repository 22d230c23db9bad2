# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that sleep: where on their stacks, and what of their stacks to look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from LinuxDump import BTstack, modules
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.errors import ReadError

#: kernel/sched, kernel/time/timer.c: how all sleep, which tells nothing.
_SCHEDULER = re.compile(
    r"_*schedule(_idle|_preempt_disabled|_rtlock|_timeout\w*|_hrtimeout\w*)?$|io_schedule\w*$"
    r"|preempt_schedule\w*$|rcuwait_\w+$|__cond_resched$|switch_to\w*$|context_switch$"
)
#: Helpers through which many wait: who called them says more.
_WRAPPERS = re.compile(
    r"_*wait_for_common\w*$|do_wait_for_common$|_*wait_for_completion\w*$"
    r"|bit_wait(_io)?(_timeout)?$|_*wait_on_bit(_lock|_timeout|_io)?$|out_of_line_wait_on_\w+$"
    r"|wait_woken$|sk_wait_data$|wait_var_event\w*$|percpu_rwsem_wait$|__percpu_down_read$"
    r"|_*(ww_)?mutex_lock(_slowpath|_common|_interruptible\w*|_killable\w*|_io|_nested)?$"
    r"|rwsem_down_(read|write)_\w+$|_*down(_read|_write)?(_killable|_interruptible|_common)?$"
    r"|_*rt_mutex_(slow\w+|lock\w*|wait_proxy_lock)$|prepare_to_wait\w*$"
    r"|wait_on_(page|folio)_\w+$|folio_wait_\w+$|__(lock|folio_lock)\w*$"
)
#: Frames behind the place where a task waits that its wait entries may lie in.
_FRAMES_BEHIND = 5
_MOST_BYTES = 4096


@dataclass
class Sleeper:
    """A task off the CPU, with its stack."""

    task: Task
    stack: BTstack.Stack
    names: list[str]  #: functions, innermost first, without the compiler's suffixes
    at: int  #: number of the frame it waits in

    @property
    def waits_in(self) -> str:
        """The innermost function that is not the scheduler's, "?" when there is none."""
        return self.names[self.at] if self.at < len(self.names) else "?"

    @property
    def caller(self) -> str:
        """The innermost function that is no helper for waiting."""
        for name in self.names[self.at :]:
            if not _WRAPPERS.match(name):
                return name
        return self.waits_in

    def has(self, *names: str) -> str | None:
        """The first of these functions that is on the stack."""
        return next((name for name in names if name in self.names), None)

    def __post_init__(self) -> None:
        self._window: bytes | None = None

    def window(self) -> tuple[int, bytes]:
        """The stack from its innermost word on to some frames behind where the task waits."""
        start = self.task.sp_addr
        if self._window is None:
            self._window = self._read(start)
        return start, self._window

    def _read(self, start: int) -> bytes:
        frames = self.stack.frames
        frame = frames[min(self.at + _FRAMES_BEHIND, len(frames) - 1)]
        # A frame in user mode has its own stack; its registers end the kernel's.
        end = frame.regs_addr if frame.kind == "user" else frame.sp_addr
        size = min(max(0, end - start), _MOST_BYTES) & ~7
        try:
            return lowlevel.dump().read(start, size) if size else b""
        except ReadError:
            return b""

    def words(self) -> list[int]:
        """Words of the window that can be addresses of the kernel."""
        data = self.window()[1]
        return list(dict.fromkeys(word for word in memoryview(data).cast("Q") if word >= _KERNEL))


_KERNEL = 0xFF00_0000_0000_0000


def bare(name: str | None) -> str:
    """A function's name as in the source: without .constprop.0, .isra.0, .part.0, .cold."""
    known = _bare.get(name)
    if known is None:
        known = _bare[name] = (name or "").partition(".")[0]
    return known


_bare: dict[str | None, str] = {}


def sleepers(tasks: Sequence[Task]) -> list[Sleeper]:
    """Tasks that are off the CPU, with their stacks; dead ones are left out."""
    modules.add_to_tables()
    asleep = [task for task in tasks if not task.is_running and task.sp_addr]
    return [
        of_stack(task, stack) for task, stack in zip(asleep, BTstack.stacks(asleep)) if stack.frames
    ]


def of_stack(task: Task, stack: BTstack.Stack) -> Sleeper:
    """A task with the stack that it has."""
    known = _bare.get
    names = [known(frame.function) or bare(frame.function) for frame in stack.frames]
    if stack.frames[-1].kind == "user":
        names.pop()
    return Sleeper(task, stack, names, waits_at(names))


def waits_at(names: Iterable[str]) -> int:
    """Number of the innermost function that is not the scheduler's."""
    at = 0
    for at, name in enumerate(names):
        if not is_scheduler(name):
            return at
    return at


_known: dict[str, bool] = {}


def is_scheduler(name: str) -> bool:
    """Whether a function only puts tasks to sleep."""
    known = _known.get(name)
    if known is None:
        known = _known[name] = bool(_SCHEDULER.match(name))
    return known
