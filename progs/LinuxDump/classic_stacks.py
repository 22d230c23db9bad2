# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks as the classic BTstack module gives them, made of records or of the text of ``bt``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Union

from LinuxDump import stack_details, task_selection
from LinuxDump.task_records import Task, task_table
from pykdump.errors import PykdumpError
from pykdump.logging import pylog
from pykdump.memocaches import CU_LIVE, CU_LOAD, memoize_cond

_HEAD = re.compile(r'PID:\s+(\d+)\s+TASK:\s+([0-9a-f]+)\s+CPU:\s+(\d+)\s+COMMAND:\s+"(.*)"')
_FRAME = re.compile(
    r"\s*#(\d+)\s+\[([0-9a-f]+)\]\s+(\S+?)(?:\s+\(via\s+(\S+?)\))?\s+at\s+([0-9a-f]+)(\s+\[\S+\])?"
)
_EXCEPTION = re.compile(r"\s*\[exception RIP:\s+([^+\]\s]+)(?:\+(\d+))?")

#: What names functions: text of a regular expression, or a compiled one.
Pattern = Union[str, "re.Pattern[str]"]


class BTFrame:
    """A frame of a stack."""

    def __init__(self, level: int, func: str, addr: int, frame: int, offset: int) -> None:
        self.level = level  #: -1 for the line of an exception's RIP
        self.func = func
        self.addr = addr
        self.frame = frame  #: the stack pointer
        self.offset = offset  #: into the function
        self.via = ""
        self.module: str | None = None  #: as in " [ext4]"
        self.data: list[str] = []  #: lines of text that follow the frame

    def __str__(self) -> str:
        via = f" , (via {self.via})" if self.via else ""
        return f"  #{self.level:<2}  {self.func}+{self.offset:#x}{via}"

    __repr__ = __str__


class BTStack:
    """The stack of a task."""

    def __init__(self, pid: int, addr: int, cpu: int, cmd: str) -> None:
        self.pid = pid
        self.addr = addr  #: ``struct task_struct *``
        self.cpu = cpu
        self.cmd = cmd
        self.frames: list[BTFrame] = []

    def hasfunc(self, func: Pattern, reverse: bool = False) -> Any:
        """``(frame number, text that matched)`` of the first frame with such a function, or False.

        :param func: a regular expression, looked for in functions and via-names.
        :param reverse: begin with the outermost frame.
        """
        wanted = re.compile(func)
        numbered = list(enumerate(self.frames))
        for number, frame in reversed(numbered) if reverse else numbered:
            for name in (frame.func, frame.via):
                match = wanted.search(name) if name else None
                if match:
                    return number, match.group(0)
        return False

    def getSimpleSignature(self) -> str:
        """Functions, joined by ``/``."""
        return "/".join(frame.func for frame in self.frames)

    def getFullSignature(self) -> str:
        """The same with the offsets into the functions."""
        return "/".join(f"{frame.func}+{frame.offset:#x}" for frame in self.frames)

    def simplerepr(self) -> str:
        """A line for each frame, with the function only."""
        return "\n".join(f"  #{frame.level:<2}  {frame.func}" for frame in self.frames)

    def __str__(self) -> str:
        lines = [f"\nPID={self.pid}  CPU={self.cpu} CMD={self.cmd}"]
        return "\n".join([*lines, *map(str, self.frames)])

    __repr__ = __str__

    def __lt__(self, other: BTStack) -> bool:
        return self.pid < other.pid


# --- making them


def exec_bt(
    cmd: str | None = None, text: str | None = None, bg: bool = False, MEMOIZE: bool = True
) -> list[BTStack]:
    """Stacks of the tasks that a backtrace command names, or those in its text.

    :param cmd: ``bt``, ``bt PID``, ``bt TASK``, ``bt -a``, ``foreach bt``, ``foreach UN bt``,
        ``foreach PID bt``; options that change only the text are ignored.
    :param text: what such a command printed.
    :param bg: accepted for old scripts: nothing here needs a process of its own.
    :param MEMOIZE: False: unwind anew.
    """
    if text is not None:
        return parse_bt(text)
    found: list[BTStack] = _unwound(cmd or "bt", MEMOIZE=MEMOIZE)
    return found


@memoize_cond(CU_LIVE | CU_LOAD)
def _unwound(cmd: str) -> list[BTStack]:
    try:
        tasks = _tasks_of(cmd)
    except PykdumpError as error:
        pylog.warning(f"{cmd}: {error}")
        return []
    return [of_record(record) for record in stack_details.task_stacks(tasks)]


def _tasks_of(cmd: str) -> list[Task]:
    words = [word for word in cmd.split() if word != "bt"]
    names = [word for word in words if word != "foreach" and not word.startswith("-")]
    if "foreach" in words:
        return task_selection.select(names or ["all"])
    if "-a" in words:
        return task_selection.select(["active"])
    return task_selection.select(names or ["panic"])


def of_record(record: stack_details.TaskStack) -> BTStack:
    """The classic object of a record."""
    stack = BTStack(record.pid, record.task_addr, record.cpu, record.comm)
    for frame in record.frames:
        if frame.kind == "user":
            continue
        name = frame.function or f"{frame.addr:#x}"
        made = BTFrame(len(stack.frames), name, frame.addr, frame.sp_addr, frame.offset)
        made.module = f" [{frame.module}]" if frame.module else None
        stack.frames.append(made)
    return stack


def parse_bt(text: str) -> list[BTStack]:
    """Stacks in what crash's ``bt`` printed."""
    stacks: list[BTStack] = []
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head:
            pid, addr, cpu, cmd = head.groups()
            stacks.append(BTStack(int(pid), int(addr, 16), int(cpu), cmd))
        elif stacks:
            _parse_line(stacks[-1], line)
    return stacks


def _parse_line(stack: BTStack, line: str) -> None:
    found, exception = _FRAME.match(line), _EXCEPTION.match(line)
    if found:
        level, sp, func, via, addr, module = found.groups()
        frame = BTFrame(int(level), func, int(addr, 16), int(sp, 16), 0)
        frame.via, frame.module = via or "", module
        stack.frames.append(frame)
    elif exception:
        frame = BTFrame(-1, exception[1], 0, 0, int(exception[2] or 0))
        stack.frames.append(frame)
    elif stack.frames and line.strip():
        stack.frames[-1].data.append(line)


# --- many of them


def bt_summarize(stacks: Iterable[BTStack]) -> None:
    """Print how many stacks there are of each kind, and how often each command occurs."""
    found = list(stacks)
    kinds = Counter(stack.getSimpleSignature() for stack in found)
    print(f"{len(found)} stacks, {len(kinds)} different ones")
    for signature, count in kinds.most_common():
        print(f"{count:6d}  {signature}")


def bt_mergestacks(
    stacks: Iterable[BTStack],
    precise: bool = False,
    count: int = 1,
    reverse: bool = False,
    tt: Any = None,
    verbose: int = 0,
) -> None:
    """Print groups of equal stacks.

    :param precise: offsets into the functions must be equal, too.
    :param count: leave out groups with fewer stacks.
    :param reverse: the smallest group first.
    :param tt: a TaskTable, for how long ago they ran.
    :param verbose: with the pids.
    """
    groups: dict[str, list[BTStack]] = {}
    for stack in stacks:
        key = stack.getFullSignature() if precise else stack.getSimpleSignature()
        groups.setdefault(key, []).append(stack)
    ordered = sorted(groups.values(), key=len, reverse=not reverse)
    for group in ordered:
        if len(group) >= count:
            _print_group(group, precise, tt, verbose)


def _print_group(group: Sequence[BTStack], precise: bool, tt: Any, verbose: int) -> None:
    print(f"\n------- {len(group)} stacks like that: ----------")
    first = group[0]
    print("\n".join(map(str, first.frames)) if precise else first.simplerepr())
    ages = sorted(_ages(group, tt))
    if ages:
        (young, young_pid), (old, old_pid) = ages[0], ages[-1]
        print(
            f"    youngest={young / 1000:.0f}s(pid={young_pid}), "
            f"oldest={old / 1000:.0f}s(pid={old_pid})"
        )
    print("\n   ........................")
    for cmd, times in Counter(stack.cmd for stack in group).most_common():
        print(f"     {cmd:30s} {times} times")
    if verbose:
        print("     pids:", " ".join(str(stack.pid) for stack in sorted(group)))


def _ages(group: Iterable[BTStack], tt: Any) -> Iterator[tuple[float, int]]:
    for stack in group if tt is not None else ():
        task = tt.getByTid(stack.pid)
        if task is not None:
            yield task.Ran_ago, stack.pid


class fastSubroutineStacks:
    """Which tasks have which functions on their stacks; all tasks are unwound once."""

    def __init__(self) -> None:
        self.funcpids: dict[str, set[int]] = {}
        self.functasks: dict[str, set[int]] = {}
        self.alltaskaddrs = {task.addr for task in task_table().tasks}
        for stack in exec_bt("foreach bt"):
            for frame in stack.frames:
                self.funcpids.setdefault(frame.func, set()).add(stack.pid)
                self.functasks.setdefault(frame.func, set()).add(stack.addr)

    def find_pids_byfuncname(self, func: Pattern) -> set[int]:
        """Pids with such a function: ``"a|b"`` for exact names, or a regular expression."""
        if isinstance(func, str):
            return self._union(set(func.split("|")).__contains__)
        return self._union(func.search)

    def _union(self, wanted: Callable[[str], Any]) -> set[int]:
        return {pid for name, pids in self.funcpids.items() if wanted(name) for pid in pids}


def verifyFastSet(pidset: set[int], func: Pattern) -> None:
    """Remove pids whose stack does not have the function, in place."""
    for pid in list(pidset):
        if not any(stack.hasfunc(func) for stack in exec_bt(f"bt {pid}")):
            pidset.discard(pid)


def funcsMatch(sets: dict[str, set[int]], func: Pattern) -> set[int]:
    """The union of the sets whose function matches, without pids that do not have it."""
    wanted = re.compile(func)
    found = {pid for name, pids in sets.items() if wanted.search(name) for pid in pids}
    verifyFastSet(found, func)
    return found
