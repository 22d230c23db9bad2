# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals of tasks: what each does, which are blocked and which wait.

WHAT is a pid or the address of a task_struct; without it the task that is selected.

Columns: SIG, SIGACTION (struct k_sigaction), HANDLER, MASK, FLAGS.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import context, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import signals
from LinuxDump.signals import Pending
from LinuxDump.task_records import Task

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
    *((0x1, "SA_NOCLDSTOP"), (0x2, "SA_NOCLDWAIT"), (0x4, "SA_SIGINFO")),
    *((0x0400_0000, "SA_RESTORER"), (0x0800_0000, "SA_ONSTACK"), (0x1000_0000, "SA_RESTART")),
    *((0x2000_0000, "SA_INTERRUPT"), (0x4000_0000, "SA_NODEFER"), (0x8000_0000, "SA_RESETHAND")),
)


def collect(given: Given) -> Text:
    if "-l" in given:
        return text(_listing())
    if "-s" in given:
        return text(_members(values.number("0x" + (given.value("-s") or ""))))
    return text(line for task in context.named(given.words) for line in _task(task))


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
    yield " ".join(_name(bit + 1) for bit in range(64) if mask >> bit & 1) or "(none)"


def _task(task: Task) -> Iterator[str]:
    yield context.header(task)
    found = signals.of_task(task.addr)
    if found is None:
        yield "(no signals: the task is exiting)"
        yield ""
        return
    yield f"SIGNAL_STRUCT: {found.signal_addr:x}  NR_THREADS: {found.threads}"
    yield f"{' SIG    SIGACTION        HANDLER       MASK       FLAGS':53}           "
    for action in found.actions:
        handler = {0: "SIG_DFL", 1: "SIG_IGN"}.get(action.handler, f"{action.handler:x}")
        names = "|".join(name for bit, name in _FLAGS if action.flags & bit)
        shown = f"{action.flags:x} ({names})" if names else f"{action.flags:x} "
        number = f"[{action.number}]"
        yield f"{number:>4} {action.addr:x} {handler:>10} {action.mask:016x} {shown}"
    waiting = " (SIGPENDING)" if found.private.signals | found.shared.signals else ""
    yield f"SIGPENDING: {'yes' if waiting else 'no'}"
    yield f"   BLOCKED: {found.blocked:016x}"
    yield from _pending("PRIVATE_PENDING", found.private)
    yield from _pending("SHARED_PENDING", found.shared)
    yield ""


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
            Option("-l", "numbers and names of the signals"),
            Option("-s", "names of the signals in a set", "SET"),
        ),
    ),
)
