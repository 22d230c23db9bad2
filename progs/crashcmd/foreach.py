# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command for many tasks: foreach UN bt -s, foreach files -R /var/log, foreach kernel ps.

WHICH is any of: a pid, the address of a task_struct, a command's name, a state (RU IN UN ST TR ZO
DE ID), kernel, user, gleader, active; without it all tasks. Commands: bt files net ps set sig task
vm vtop rd. Errors of one task are told in a line, and the rest goes on.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crashcmd import bt, context, files, net, process, run, sig
from crashcmd.command import Command, Given
from LinuxDump import task_selection
from LinuxDump.task_records import Task, task_table
from pykdump.errors import Interrupted, PykdumpError

_COMMANDS = ("bt", "files", "net", "ps", "set", "sig", "task", "vm", "vtop", "rd")
_LETTERS = {value: key for key, value in context.STATES.items()}
_KINDS: dict[str, Callable[[process.Process], bool]] = {
    "kernel": lambda found: found.is_kernel_thread,
    "user": lambda found: not found.is_kernel_thread,
    "gleader": lambda found: found.pid == found.tgid,
    "active": lambda found: found.is_running,
}


@dataclass(frozen=True)
class Each:
    """What is to be run for which tasks."""

    command: str
    rest: str
    tasks: tuple[Task, ...]


def collect(given: Given) -> Each:
    words = list(given.words)
    places = [place for place, word in enumerate(words) if word in _COMMANDS]
    if not places:
        raise given.error(f"a command must follow: one of {' '.join(_COMMANDS)}")
    chosen, command = words[: places[0]], words[places[0]]
    rest = given.rest.split(command, 1)[1].strip() if not chosen else ""
    if chosen:
        rest = " ".join(given.rest.split()[places[0] + 1 :])
    return Each(command, rest, tuple(_tasks(chosen, given)))


def _tasks(words: list[str], given: Given) -> list[Task]:
    table = task_table()
    everyone = sorted(table.tasks, key=lambda task: (task.pid, task.cpu))
    states = {_LETTERS[word] for word in words if word in _LETTERS}
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    named: set[int] = set()
    for word in words:
        if word in _LETTERS or word in _KINDS:
            continue
        found = context.find(word) or [
            task for task in everyone if fnmatch.fnmatchcase(task_selection.comm(task), word)
        ]
        if not found:
            raise given.error(f"{word} is no task, state or command to run")
        named.update(task.addr for task in found)
    kept = [
        task
        for task in everyone
        if (not named or task.addr in named) and (not states or task.state in states)
    ]
    if not kinds:
        return kept
    rows = {row.addr: row for row in process.of_tasks(kept)}
    return [t for t in kept if t.addr in rows and all(kind(rows[t.addr]) for kind in kinds)]


def render(record: Each, given: Given) -> Iterator[str]:
    command = run.find(record.command)
    assert command is not None
    if record.command == "ps":
        words = " ".join(f"{task.addr:x}" for task in record.tasks)
        yield from run.run("ps", f"{record.rest} {words}")
        return
    if record.command == "bt":
        inner = command.parse(record.rest, "bt")
        if inner.words:
            raise given.error(f"{inner.words[0]} is no option of bt")
        yield from bt.render(bt.collect_tasks(record.tasks, inner), inner)
        return
    inner = command.parse(record.rest, record.command)
    if not inner.words and "--json" not in inner:
        shared = _together(record, inner)
        if shared is not None:
            yield from shared
            return
    for task in record.tasks:
        yield from _one(record, task)


def _together(record: Each, inner: Given) -> Iterator[str] | None:
    # What threads share is read once by commands that take many tasks at a time.
    flags = set(inner.flags())
    if record.command == "files" and not flags & {"-d", "-p"}:
        # A tuple, so that what is shared stays alive while its lines are used again.
        return files.render(tuple(files.collect_tasks(record.tasks, inner)), inner)
    if record.command == "sig" and not flags:
        return sig.task_lines(record.tasks, inner)
    if record.command == "net" and "-s" in flags:
        return (line for found in net.each_task(record.tasks, inner) for line in [*found, ""])
    return None


def _one(record: Each, task: Task) -> Iterator[str]:
    with context.temporarily(task):
        lines: list[str] = []
        try:
            for line in run.run(record.command, record.rest):
                lines.append(line)
        except PykdumpError as error:
            if isinstance(error, Interrupted):
                raise
            lines.append(str(error))
    if record.command in ("files", "net") and "-R" in record.rest.split() and not lines:
        return
    yield from lines
    if lines and lines[-1]:
        yield ""


COMMANDS = (
    Command("foreach", "[WHICH ...] COMMAND [OPTIONS] [WORDS]", collect, render, is_raw=True),
)
