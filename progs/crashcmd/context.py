# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tasks a command is about: those it names, else the selected one, as GDB has it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from crashcmd.command import WordsError
from LinuxDump import cpus, task_selection
from LinuxDump.task_records import Task, task_table
from pykdump import frames
from pykdump.errors import CrashError
from pykdump.logging import pylog

#: States as crash abbreviates them.
STATES = {
    **{"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR"},
    **{"X": "DE", "Z": "ZO", "P": "PA", "I": "ID"},
}

_selected: int | None = None
_override: Task | None = None


def current() -> Task:
    """The task that commands are about: GDB's selected thread, else the one that panicked."""
    if _override is not None:
        return _override
    table = task_table()
    if _selected in table.by_addr:
        return table.by_addr[_selected or 0]
    thread = frames.selected_tid()
    for task in table.tasks:
        if frames.tid(task.pid, task.idle_cpu) == thread:
            return task
    found = table.panic_task()
    if found is None:
        raise CrashError("no task is selected; select one: set PID")
    return found


def select(task: Task) -> None:
    """Make this the one, in GDB too where the task is one of its threads."""
    global _selected
    is_thread = frames.select_tid(frames.tid(task.pid, task.idle_cpu))
    _selected = None if is_thread else task.addr


def is_threads() -> bool:
    """Whether the task that commands are about is GDB's selected thread."""
    task = current()
    return frames.selected_tid() == frames.tid(task.pid, task.idle_cpu)


def find(word: str) -> list[Task]:
    """Tasks of a pid, in decimal or hexadecimal, or of a task_struct; none for other words."""
    table = task_table()
    if not word.isascii():
        return []
    if word.isdecimal() and int(word) == 0:
        return [task for task in table.tasks if task.idle_cpu is not None]
    if word.isdecimal() and int(word) in table.by_pid:
        return [table.by_pid[int(word)]]
    try:
        number = int(word, 16)
    except ValueError:
        return []
    if number in table.by_addr:
        return [table.by_addr[number]]
    return [table.by_pid[number]] if number in table.by_pid and not word.isdecimal() else []


def with_comm(word: str) -> list[Task]:
    """Tasks of a command: its name, a pattern with * and ?, or a regular expression; raises
    CrashError.

    A backslash before a name keeps it from being a number.
    """
    tasks, word = task_table().tasks, word.removeprefix("\\")
    found = [task for task in tasks if fnmatch.fnmatchcase(task_selection.comm(task), word)]
    if not found and re.search(r"[][().*+^$|{}\\]", word):
        try:
            regex = re.compile(word)
        except re.error as error:
            raise WordsError(f"{word} is no regular expression: {error}") from None
        found = [task for task in tasks if regex.search(task_selection.comm(task))]
    return found


def named(words: Sequence[str]) -> list[Task]:
    """The tasks that these words name, the selected one without words.

    A word that names none is told and passed over; raises CrashError when none names any.
    """
    if not words:
        return [current()]
    found: list[Task] = []
    missing = []
    for word in words:
        tasks = find(word)
        found += tasks
        if not tasks:
            missing.append(word)
    many = "is no pid and no task" if len(missing) == 1 else "are no pids and no tasks"
    message = f"{', '.join(missing)} {many} of this dump"
    if not found:
        raise WordsError(message)
    if missing:
        pylog.warning(message)
    return found


def comm(task: Task) -> str:
    """A task's command, on one line: what is no printable character is escaped."""
    return _printable(task.comm)


@lru_cache(1 << 12)
def _printable(comm: bytes) -> str:
    name = task_selection.comm_of(comm)
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


@lru_cache(1 << 16)  # of all tasks, whose headers each command for all of them prints
def is_panicked(task: Task) -> bool:
    """Whether the kernel panicked in this task."""
    return cpus.panic_cpu() is not None and task is task_table().panic_task()


def header(task: Task) -> str:
    """What stands above what is printed of a task."""
    return f'PID: {task.pid:<7}  TASK: {task.addr:x}  CPU: {task.cpu:<3}  COMMAND: "{comm(task)}"'


@contextmanager
def temporarily(task: Task) -> Iterator[None]:
    """For the body, commands are about this task."""
    global _override
    before, _override = _override, task
    try:
        yield
    finally:
        _override = before
