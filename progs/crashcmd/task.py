# SPDX-License-Identifier: GPL-2.0-or-later
"""The task_struct and thread_info of tasks.

WHAT is a pid or the address of a task_struct; without it the task that is selected.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import context, struct
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump.task_records import Task
from pykdump import lowlevel

_STRUCT = "struct task_struct"
_THREAD_INFO = "struct thread_info"


def collect(given: Given) -> Text:
    return text(_lines(context.named(given.words), given))


def _lines(tasks: list[Task], given: Given) -> Iterator[str]:
    members = [name for words in given.all("-R") for name in words.split(",")]
    for task in tasks:
        yield context.header(task)
        if members:
            for member in members:
                yield from _member(task, member, given)
        else:
            yield from struct.shown(_STRUCT, [], task.addr, given)
            yield ""
            yield from struct.shown(_THREAD_INFO, [], thread_info(task), given)
        yield ""


def thread_info(task: Task) -> int:
    """Where the struct thread_info of a task lies."""
    if lowlevel.find_member(_STRUCT, "thread_info") is not None:
        return task.addr + lowlevel.member(_STRUCT, "thread_info").offset
    return lowlevel.read_pointer(task.addr + lowlevel.member(_STRUCT, "stack").offset)


def _member(task: Task, name: str, given: Given) -> Iterator[str]:
    first = name.partition(".")[0].partition("[")[0]
    if lowlevel.find_member(_STRUCT, first) is None:
        if lowlevel.find_member("struct thread_info", first) is None:
            raise given.error(f"neither task_struct nor thread_info has a member {name}")
        name = f"thread_info.{name}"
    yield from struct.shown(_STRUCT, [name], task.addr, given)


COMMANDS = (
    Command(
        "task",
        "[WHAT ...]",
        collect,
        options=(
            Option("-R", "only these members of task_struct, as in pid,comm", "MEMBERS"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
    ),
)
