# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command for many tasks: foreach UN bt -s, foreach files -R /var/log, foreach kernel ps.

WHICH is any of: a pid, the address of a task_struct, a command (with * and ?, or a regular
expression in quotes), a state (RU IN UN ST TR ZO DE PA ID), kernel, user, gleader (leaders of user
processes), active; without it all tasks. Commands: bt files net ps set sig task
vm vtop rd. Errors of one task are told in a line, and the rest goes on. With --json there is one
document: of each task TASK and RECORDS, which are those of the command, or ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from crashcmd import bt, completion, context, files, foreach_records, net, process, ps, run
from crashcmd import set as set_command
from crashcmd import sig
from crashcmd import task as task_command
from crashcmd.command import JSON, Command, Given, WordsError
from LinuxDump.task_records import Task, task_table
from pykdump.errors import Interrupted, PykdumpError
from pykdump.layout import Layout

_COMMANDS = ("bt", "files", "net", "ps", "set", "sig", "task", "vm", "vtop", "rd")
_LETTERS = {value: key for key, value in context.STATES.items()}
_KINDS: dict[str, Callable[[process.Process], bool]] = {
    "kernel": lambda found: found.is_kernel_thread,
    "user": lambda found: not found.is_kernel_thread,
    "gleader": lambda found: not found.is_kernel_thread and found.pid == found.tgid,
    "active": lambda found: found.is_running,
}

_TASK = Layout("struct task_struct", "mm", "fs", "files")
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"'])+|["']\S*""")
_AT_ONCE = 256
_HEADER = "\0"  # stands for a task's header in a text that several have


@dataclass(frozen=True)
class Each:
    """What is to be run for which tasks."""

    command: str
    rest: str
    tasks: tuple[Task, ...]


def collect(given: Given) -> Any:
    chosen: list[str] = []
    for found in _WORD.finditer(given.rest.removeprefix("-- ")):
        if found[0] in _COMMANDS:
            # What follows is the command's own, with its quotes.
            rest = given.rest.removeprefix("-- ")[found.end() :].strip()
            return _chosen(Each(found[0], rest, tuple(_tasks(chosen, given))), given)
        if found[0] == JSON.flag:
            given.add(JSON.flag, "")
        else:
            chosen.append(found[0].replace("'", "").replace('"', ""))
    raise given.error(f"a command must follow: one of {' '.join(_COMMANDS)}")


def _chosen(record: Each, given: Given) -> Any:
    # What is to be run; with --json, also behind the command, a record of each task.
    command = run.find(record.command)
    assert command is not None
    inner = command.parse(record.rest, record.command)
    if record.command == "bt" and inner.words:
        message = f"the tasks stand before bt: foreach {inner.words[0]} bt"
        raise given.error(f"{inner.words[0]} behind bt means nothing; {message}")
    if JSON.flag in inner:
        given.add(JSON.flag, "")
    if JSON.flag not in given:
        return record
    inner.add(JSON.flag, "")
    return foreach_records.records(command, inner, record.tasks)


def _tasks(words: list[str], given: Given) -> list[Task]:
    table = task_table()
    everyone = sorted(table.tasks, key=lambda task: (task.pid, task.cpu))
    states = {_LETTERS[word] for word in words if word in _LETTERS}
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    named: set[int] = set()
    for word in words:
        if word in _LETTERS or word in _KINDS:
            continue
        found = context.find(word) or context.with_comm(word)
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
    inner = command.parse(record.rest, record.command)
    if record.command == "bt":
        yield from bt.render(bt.collect_tasks(record.tasks, inner), inner)
        return
    together = None if inner.words else _together(record, inner)
    yield from _each(record, inner) if together is None else together


def _together(record: Each, inner: Given) -> Iterator[str] | None:
    # Commands that take many tasks at a time, and read once what threads share.
    flags = set(inner.flags())
    if record.command == "ps":
        return ps.render(ps.collect_tasks(record.tasks, inner), inner)
    if record.command == "files" and not flags & {"-d", "-p"}:
        # A tuple, so that what is shared stays alive while its lines are used again.
        return files.render(tuple(files.collect_tasks(record.tasks, inner)), inner)
    if record.command == "sig" and not flags:
        return sig.task_lines(record.tasks, inner)
    if record.command == "net" and "-s" in flags:
        found = net.each_task(record.tasks, inner)
        return (piece for header, text in found for piece in (header, text, ""))
    if record.command == "task":
        return _tasks_texts(record, inner)
    if record.command == "set" and not flags:
        return (
            "\n".join([context.header(task), *set_command.lines_of(task), ""])
            for task in record.tasks
        )
    return None


def _tasks_texts(record: Each, inner: Given) -> Iterator[str]:
    for each, text in zip(record.tasks, task_command.texts(record.tasks, inner)):
        yield _one(record, each) if text is None else text


def _each(record: Each, inner: Given) -> Iterator[str]:
    # One task after the other; what differs in the header only is made once.
    known: dict[Any, str] = {}
    kept: list[str] = []
    with_header = record.command in ("vtop", "rd")
    for task, key in zip(record.tasks, _shared(record, inner)):
        header = context.header(task)
        if key is not None and key in known:
            text = known[key].replace(_HEADER, header)
        else:
            if kept:
                yield "\n".join(kept)
                kept.clear()
            text = _one(record, task)
            if key is not None:
                known[key] = text.replace(header, _HEADER)
        if text:
            kept.append(f"{header}\n{text}" if with_header else text)
        if len(kept) >= _AT_ONCE:
            yield "\n".join(kept)
            kept.clear()
    if kept:
        yield "\n".join(kept)


def _shared(record: Each, inner: Given) -> Iterator[Any]:
    # For each task what its output is made of; None where that is the task itself.
    flags = set(inner.flags())
    rows = _TASK.read_many([task.addr for task in record.tasks])
    for task, row in zip(record.tasks, rows):
        if row is None:
            yield None
        elif record.command == "vm" and not inner.words:
            yield row.mm, row.fs
        elif record.command == "net" and not inner.words:
            yield row.files if "-S" in flags else 0
        elif record.command == "rd":
            yield row.mm if "-u" in flags else 0
        elif record.command == "vtop":
            yield task.pgd_addr or None
        else:
            yield None


def _one(record: Each, task: Task) -> str:
    with context.temporarily(task):
        found: list[str] = []
        try:
            for piece in run.run(record.command, record.rest):
                found.append(piece)
        except PykdumpError as error:
            if isinstance(error, (Interrupted, WordsError)):
                raise
            found.append(str(error))
    text = "\n".join(found)
    return text if not text or text.endswith("\n") else text + "\n"


def _complete(before: Sequence[str], beginning: str) -> list[str]:
    place = next((i for i, word in enumerate(before) if word in _COMMANDS), None)
    if place is not None:
        return run.completions(" ".join([*before[place:], beginning]))
    words = (*_COMMANDS, *_KINDS, *_LETTERS)
    found = [word for word in words if word.startswith(beginning)]
    return found or list(completion.tasks(beginning))


COMMANDS = (
    Command(
        "foreach",
        "[WHICH ...] COMMAND [OPTIONS] [WORDS]",
        collect,
        render,
        is_raw=True,
        completes_after=_complete,
    ),
)
