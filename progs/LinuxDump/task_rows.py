# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks as rows of lists, and how many there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from LinuxDump import task_details
from LinuxDump.task_records import Task
from LinuxDump.task_selection import comm
from pykdump import lowlevel
from pykdump.colors import paint
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.printing import printable

#: Two letters for those of /proc, as crash and the classic tools have them.
CODES = dict(zip("RSDTtXZPI", ("RU", "IN", "UN", "ST", "TR", "DE", "ZO", "PA", "ID")))
_NAMES = {
    "R": "TASK_RUNNING",
    "S": "TASK_INTERRUPTIBLE",
    "D": "TASK_UNINTERRUPTIBLE",
    "T": "TASK_STOPPED",
    "t": "TASK_TRACED",
    "X": "EXIT_DEAD",
    "Z": "EXIT_ZOMBIE",
    "P": "TASK_PARKED",
    "I": "TASK_IDLE",
}
_COLORS = {
    "RU": ("blue",),
    "UN": ("red",),
    "ST": ("cyan",),
    "TR": ("magenta",),
    "ZO": ("yellow",),
    "DE": ("lightred",),
}
_SPANS_S = (1, 5, 60)
_ARGS_MAX = 512

_MM = Layout("struct task_struct", "mm.arg_start", "mm.arg_end", "mm.pgd")


@dataclass(frozen=True)
class TaskRow:
    """A task in a list."""

    addr: int  #: struct task_struct *
    pid: int
    tgid: int
    comm: str
    cpu: int
    ran_ago_ms: int | None
    state: str  #: RU IN UN ST TR DE ZO PA ID
    uid: int  #: -1 where it is not known
    is_running: bool

    @property
    def is_leader(self) -> bool:
        return self.pid == self.tgid


@dataclass(frozen=True)
class TaskCounts:
    """How many threads there are, without the idle tasks."""

    total: int
    ran_within: dict[int, int]  #: seconds -> threads that ran in them
    by_state: dict[str, int]  #: "TASK_UNINTERRUPTIBLE" -> threads
    foreign_pid_namespaces: int  #: threads that are not in the first one


def rows(tasks: Sequence[Task]) -> list[TaskRow]:
    """The tasks as rows, in their order."""
    details = task_details.details([task.addr for task in tasks])
    return [
        TaskRow(
            addr=task.addr,
            pid=task.pid,
            tgid=task.tgid,
            comm=comm(task),
            cpu=task.cpu,
            ran_ago_ms=None if task.ran_ago_ns is None else task.ran_ago_ns // 1_000_000,
            state=CODES[task.state],
            uid=-1 if detail is None else detail.uid,
            is_running=task.is_running,
        )
        for task, detail in zip(tasks, details)
    ]


def counts(tasks: Iterable[Task]) -> TaskCounts:
    """How many of these are in each state, and ran lately."""
    threads = [task for task in tasks if task.idle_cpu is None]
    spaces = [
        detail.namespaces.get("pid")
        for detail in task_details.details([task.addr for task in threads])
        if detail is not None
    ]
    init = lowlevel.find_symbol("init_pid_ns")
    return TaskCounts(
        total=len(threads),
        ran_within={
            span: sum(1 for task in threads if _ran_within(task, span)) for span in _SPANS_S
        },
        by_state=dict(sorted(Counter(_NAMES[task.state] for task in threads).items())),
        foreign_pid_namespaces=sum(1 for space in spaces if space and space.addr != init),
    )


def _ran_within(task: Task, seconds: int) -> bool:
    return task.ran_ago_ns is not None and task.ran_ago_ns <= seconds * 10**9


def counts_lines(found: TaskCounts) -> Iterator[str]:
    """The counts as text."""
    yield "Number of Threads That Ran Recently"
    yield "-----------------------------------"
    names = {1: "last second", 5: "last     5s", 60: "last    60s"}
    for seconds, number in found.ran_within.items():
        yield f"   {names[seconds]}  {number:5}"
    yield ""
    yield " ----- Total Numbers of Threads per State ------"
    for state, number in found.by_state.items():
        color = _COLORS.get(CODES[{v: k for k, v in _NAMES.items()}[state]], ())
        yield paint(f"  {state:<40}  {number:4}", *color)


HEADER = (
    " PID          CMD       CPU   Ran ms ago   STATE",
    "--------   ------------  --  ------------- -----",
)


def line(row: TaskRow, *, indented: bool = False) -> str:
    """A row as text.

    :param indented: as the threads of a process are.
    """
    mark = ">" if row.is_running else " "
    ago = "?" if row.ran_ago_ms is None else str(row.ran_ago_ms)
    group = "" if row.is_leader else f"(tgid={row.tgid})"
    uid = "?" if row.uid < 0 else str(row.uid)
    name = printable(row.comm)
    text = (
        f"{mark}{' ' if indented else ''}{row.pid:6d} {name:>14} {row.cpu:3d} {ago:>14}"
        f"  {row.state}{'' if indented else ' '} {group:>13} UID={uid}"
    )
    return paint(text, *_COLORS.get(row.state, ()))


def state_colors(state: str) -> tuple[str, ...]:
    """In which colours a state of two letters is shown."""
    return _COLORS.get(state, ())


def arguments(tasks: Sequence[Task]) -> list[str | None]:
    """Command line of each task; None where it has no user memory, or it is not in the dump."""
    found: list[str | None] = []
    for row in _MM.read_many([task.addr for task in tasks]):
        if row is None or not row.mm_arg_start or row.mm_arg_end <= row.mm_arg_start:
            found.append(None)
            continue
        size = min(row.mm_arg_end - row.mm_arg_start, _ARGS_MAX)
        try:
            raw = lowlevel.dump().read_user(row.mm_pgd, row.mm_arg_start, size)
        except PykdumpError:
            found.append(None)
            continue
        text = raw.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "backslashreplace")
        found.append(printable(text))
    return found
