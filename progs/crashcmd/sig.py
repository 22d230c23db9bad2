# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals of tasks: what each does, which are blocked and which wait.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Columns: SIG, SIGACTION (struct k_sigaction), HANDLER, MASK, FLAGS; then what is BLOCKED, and which
SIGNAL waits for this task (PRIVATE_PENDING) and for the process (SHARED_PENDING), with SIG and
SIGINFO of each in the SIGQUEUE.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from crashcmd import context, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import signals
from LinuxDump.signals import Action, Pending, TaskSignals
from LinuxDump.task_records import Task, task_table

# arch/x86/include/uapi/asm/signal.h
_NAMES = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT/SIGIOT", "SIGBUS", "SIGFPE"),
    *("SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT"),
    *("SIGCHLD/SIGCLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG"),
    *("SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO/SIGPOLL", "SIGPWR"),
    "SIGSYS/SIGUNUSED",
)
_RTMIN, _RTMAX = 32, 64
_FLAGS = (
    *((0x1, "SA_NOCLDSTOP"), (0x2, "SA_NOCLDWAIT"), (0x0400_0000, "SA_RESTORER")),
    *((0x4, "SA_SIGINFO"), (0x0800_0000, "SA_ONSTACK"), (0x1000_0000, "SA_RESTART")),
    *((0x2000_0000, "SA_INTERRUPT"), (0x4000_0000, "SA_NODEFER"), (0x8000_0000, "SA_RESETHAND")),
)


def collect(given: Given) -> Text:
    if "-l" in given:
        return text(_listing())
    if "-s" in given:
        return text(_members(values.hex_number(given.value("-s") or "")))
    tasks = context.named(given.words)
    if "-g" in given:
        return text(_groups(tasks))
    return text(task_lines(tasks, given))


def task_lines(tasks: Sequence[Task], given: Given) -> Iterator[str]:
    """Lines of many tasks, one behind the other."""
    shown: dict[int, str] = {}  # threads share what signals do, and so the text of it
    for task, found in zip(tasks, signals.of_tasks([task.addr for task in tasks])):
        if found is not None and id(found.actions) not in shown:
            shown[id(found.actions)] = "\n".join(_action_lines(found))
        actions = shown[id(found.actions)] if found is not None else ""
        yield "\n".join(_task(task, found, actions))


def _groups(tasks: Sequence[Task]) -> Iterator[str]:
    # What the threads of a process share is told once, then what is each one's own.
    table = task_table()
    for tgid in dict.fromkeys(task.tgid for task in tasks):
        # Idle tasks have their signals in common, and pid 0 all of them.
        threads = [task for task in table.tasks if task.tgid == tgid]
        leader = next((task for task in threads if task.pid == tgid), None)
        found = signals.of_task(leader.addr) if leader is not None else None
        if leader is None or found is None:
            yield f"PID: {tgid}  (no signals: the process is exiting)"
            yield ""
            continue
        yield context.header(leader)
        yield from _shared(found)
        yield from _pending("SHARED_PENDING", found.shared)
        for task in threads:
            own = signals.of_task(task.addr)
            if own is not None:
                yield ""
                yield "  " + context.header(task)
                yield from ("  " + line for line in _own(own))
        yield ""


def _name(number: int) -> str:
    if number <= len(_NAMES):
        return _NAMES[number - 1]
    ahead, back = number - _RTMIN, _RTMAX - number
    if ahead <= back:
        return "SIGRTMIN" + (f"+{ahead}" if ahead else "")
    return "SIGRTMAX" + (f"-{back}" if back else "")


def _listing() -> Iterator[str]:
    for number in range(1, _RTMAX + 1):
        yield f"{f'[{number}]':>4} {_name(number)}"


def _members(mask: int) -> Iterator[str]:
    names = [_name(bit + 1).partition("/")[0] for bit in range(64) if mask >> bit & 1]
    yield from textwrap.wrap(" ".join(names), 75) or ["(none)"]


def _task(task: Task, found: TaskSignals | None, actions: str) -> Iterator[str]:
    yield context.header(task)
    if found is None:
        yield "(no signals: the task is exiting)"
        yield ""
        return
    yield _signal_line(found)
    yield actions
    yield from _own(found)
    yield from _pending("SHARED_PENDING", found.shared)
    yield ""


def _signal_line(found: TaskSignals) -> str:
    return f"SIGNAL_STRUCT: {found.signal_addr:x}  NR_THREADS: {found.threads}"


def _shared(found: TaskSignals) -> Iterator[str]:
    yield _signal_line(found)
    yield from _action_lines(found)


def _action_lines(found: TaskSignals) -> Iterator[str]:
    yield f"{' SIG    SIGACTION        HANDLER       MASK       FLAGS':53}           "
    yield from map(_action_line, found.actions)


def _action_line(action: Action) -> str:
    handler = {0: "SIG_DFL", 1: "SIG_IGN"}.get(action.handler, f"{action.handler:x}")
    names = "|".join(name for bit, name in _FLAGS if action.flags & bit)
    shown = f"{action.flags:x} ({names})" if names else f"{action.flags:x} "
    number = f"[{action.number}]"
    return f"{number:>4} {action.addr:x} {handler:>10} {action.mask:016x} {shown}"


def _own(found: TaskSignals) -> Iterator[str]:
    waiting = " (SIGPENDING)" if found.private.signals | found.shared.signals else ""
    yield f"SIGPENDING: {'yes' if waiting else 'no'}"
    yield f"   BLOCKED: {found.blocked:016x}"
    yield from _pending("PRIVATE_PENDING", found.private)


def _pending(title: str, pending: Pending) -> Iterator[str]:
    yield title
    yield f"    SIGNAL: {pending.signals:016x}"
    if not pending.queued:
        yield "  SIGQUEUE: (empty)"
        return
    yield "  SIGQUEUE:  SIG  SIGINFO"
    for addr, number in pending.queued:
        yield f"            {number:3}  {addr:x}"


COMMANDS = (
    Command(
        "sig",
        "[WHAT ...]",
        collect,
        options=(
            Option("-g", "by process, with what each of its threads has"),
            Option("-l", "numbers and names of the signals", alone=True),
            Option("-s", "names of the signals in a set", "SET"),
        ),
    ),
)
