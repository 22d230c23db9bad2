# SPDX-License-Identifier: GPL-2.0-or-later
"""The other forms of ps: relatives, times, arguments, limits, states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from crashcmd import context
from crashcmd.command import Given, Text, text
from crashcmd.process import Process
from LinuxDump import task_limits, task_memory
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog

_TIMES = Layout("struct task_struct", "start_time", "utime", "stime", "Last_ran")
_AREAS = Layout("struct mm_struct", "arg_start", "arg_end", "env_start", "env_end")
_LONGEST = 1 << 20
_PID = "\0"  # stands for that of each thread


def task_of(process: Process) -> Task:
    """The task of a row."""
    return task_table().by_addr[process.addr]


def clock_ns() -> int:
    """The latest of the schedulers' clocks."""
    return max((queue.clock_ns for queue in task_table().run_queues), default=0)


def duration(ns: int) -> str:
    """``1 days, 02:03:04``, as crash prints times."""
    seconds = max(0, ns) // 10**9
    days, seconds = divmod(seconds, 86400)
    shown = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days} days, {shown}" if days else shown


def ago(ns: int) -> str:
    """``DAYS HH:MM:SS.mmm``."""
    days, ms = divmod(ns // 10**6, 86_400_000)
    seconds, ms = divmod(ms, 1000)
    return f"{days} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _times(found: Sequence[Process], given: Given) -> Text:
    return text(_time_lines(found))


def _time_lines(found: Sequence[Process]) -> Iterator[str]:
    now = clock_ns()
    for process, row in zip(found, _TIMES.read_many([process.addr for process in found])):
        header = context.header(task_of(process))
        if row is None:
            yield f"{header}\n  (not in the dump)\n"
            continue
        run_time = duration((now // 10**9 - row.start_time // 10**9) * 10**9)
        yield (
            f"{header}\n    RUN TIME: {run_time}\n  START TIME: {row.start_time}\n"
            f"       UTIME: {row.utime}\n       STIME: {row.stime}\n"
        )


def _by_cpu(lines: Callable[[Sequence[Process]], Text]) -> Callable[..., Text]:
    # With -C a part for each CPU.
    def make(found: Sequence[Process], given: Given) -> Text:
        if "-C" not in given:
            return lines(found)
        shown: list[str] = []
        for cpu in sorted({process.cpu for process in found}):
            shown += [""] if shown else []
            shown.append(f"CPU: {cpu}")
            shown += lines([process for process in found if process.cpu == cpu]).lines
        return text(shown)

    return make


def last(found: Sequence[Process]) -> Text:
    """When each task got the CPU last."""
    rows = _TIMES.read_many([process.addr for process in found])
    pairs = [(row.Last_ran, process) for process, row in zip(found, rows) if row is not None]
    pairs.sort(key=lambda pair: -int(pair[0]))
    width = max((len(str(when)) for when, _ in pairs), default=1)
    return text(
        f"[{when:>{width}}] [{process.state}]  {context.header(task_of(process))}"
        for when, process in pairs
    )


def _since(found: Sequence[Process]) -> Text:
    tasks = [(task_of(process), process) for process in found]
    tasks.sort(key=lambda pair: pair[0].ran_ago_ns or 0)
    shown = [
        ("?" if task.ran_ago_ns is None else ago(task.ran_ago_ns), task, process)
        for task, process in tasks
    ]
    width = max((len(since) for since, _, _ in shown), default=1)
    return text(
        f"[{since:>{width}}] [{process.state}]  {context.header(task)}"
        for since, task, process in shown
    )


# --- relatives


def _parents(found: Sequence[Process], given: Given) -> Text:
    return text(_parent_lines(found))


def _parent_lines(found: Sequence[Process]) -> Iterator[str]:
    by_addr = task_table().by_addr
    parents = _real_parents()
    shown: dict[int, str] = {}  # of those parents that come by an end, with their own above
    for process in found:
        chain, addr = [], process.addr
        while addr in by_addr and addr not in chain and addr not in shown:
            chain.append(addr)
            addr = parents.get(addr, 0)
        text = "" if addr in chain else shown.get(addr, "")
        depth = text.count("\n")
        is_whole = addr not in chain
        for addr in reversed(chain):
            text += f"{' ' * depth}{context.header(by_addr[addr])}\n"
            depth += 1
            if is_whole and addr != process.addr:
                shown[addr] = text
        yield text


def _real_parents() -> dict[int, int]:
    addrs = [task.addr for task in task_table().tasks]
    rows = Layout("struct task_struct", "real_parent").read_many(addrs)
    return {addr: row.real_parent for addr, row in zip(addrs, rows) if row is not None}


def _children(found: Sequence[Process], given: Given) -> Text:
    below: dict[int, list[Task]] = {}
    parents = _real_parents()
    for task in task_table().tasks:
        if task.pid == task.tgid and task.idle_cpu is None:
            below.setdefault(parents.get(task.addr, 0), []).append(task)
    return text(_family(found, lambda process: below.get(process.addr, []), "no children"))


def _groups(found: Sequence[Process], given: Given) -> Text:
    threads: dict[int, list[Task]] = {}
    for task in task_table().tasks:
        if task.pid != task.tgid:
            threads.setdefault(task.tgid, []).append(task)
    leaders = [process for process in found if process.pid == process.tgid]
    return text(_family(leaders, lambda process: threads.get(process.tgid, []), "no threads"))


def _family(
    found: Sequence[Process], members: Callable[[Process], list[Task]], none: str
) -> Iterator[str]:
    for process in found:
        yield context.header(task_of(process))
        under = sorted(members(process), key=lambda task: task.pid)
        yield from ("  " + context.header(task) for task in under)
        if not under:
            yield f"  ({none})"
        yield ""


# --- arguments, limits, states


def _arguments(found: Sequence[Process], given: Given) -> Text:
    return text(_argument_lines(found))


def _argument_lines(found: Sequence[Process]) -> Iterator[str]:
    memories = task_memory.memory([process.addr for process in found])
    shown: dict[int, str] = {}  # threads share them
    for process, memory in zip(found, memories):
        if memory is None:
            if not process.is_kernel_thread:
                yield context.header(task_of(process)) + "\n(no user memory)\n"
            continue
        if memory.mm_addr not in shown:
            lines = _arguments_of(process, memory.mm_addr)
            shown[memory.mm_addr] = "".join(f"\n{line}" for line in lines)
        its = shown[memory.mm_addr].replace(_PID, str(process.pid))
        yield context.header(task_of(process)) + its


def _arguments_of(process: Process, mm: int) -> Iterator[str]:
    row = _AREAS.read(mm)
    if row is None:
        pylog.warning(f"mm_struct {mm:x} cannot be read")
        return
    arguments = _strings(process, row.arg_start, row.arg_end, "arguments")
    yield "ARG: " + " ".join(arguments)
    for place, variable in enumerate(_strings(process, row.env_start, row.env_end, "variables")):
        yield ("     " if place else "ENV: ") + variable
    yield ""


def _strings(process: Process, start: int, end: int, what: str) -> list[str]:
    pgd = task_of(process).pgd_addr
    try:
        raw = lowlevel.dump().read_user(pgd, start, min(max(0, end - start), _LONGEST))
    except PykdumpError as error:
        return [f"({what} of pid {_PID} cannot be read: {error})"]
    return [word.decode("utf-8", "backslashreplace") for word in raw.rstrip(b"\0").split(b"\0")]


def _limits(found: Sequence[Process], given: Given) -> Text:
    return text(_limit_lines(found))


def _limit_lines(found: Sequence[Process]) -> Iterator[str]:
    limits = task_limits.limits_of([process.addr for process in found])
    shown: dict[int, str] = {}  # threads share them
    for process, its in zip(found, limits):
        if id(its) not in shown:
            shown[id(its)] = "\n".join(map(_limit_line, its))
        yield f"{context.header(task_of(process))}\n      RLIMIT     CURRENT       MAXIMUM  "
        if its:
            yield shown[id(its)]
        yield ""


def _limit_line(limit: task_limits.Limit) -> str:
    current, most = (
        "(unlimited)" if value is None else str(value) for value in (limit.current, limit.maximum)
    )
    return f"  {limit.name:>10}   {current:^11}   {most:^11}"


def _states(found: Sequence[Process], given: Given) -> Text:
    counts = Counter(process.state for process in found)
    return text(f"  {state}: {count}" for state, count in counts.items())


FORMS: dict[str, Callable[[Sequence[Process], Given], Text]] = {
    "-S": _states,
    "-l": _by_cpu(last),
    "-m": _by_cpu(_since),
    "-t": _times,
    "-p": _parents,
    "-c": _children,
    "-g": _groups,
    "-a": _arguments,
    "-r": _limits,
}
