# SPDX-License-Identifier: GPL-2.0-or-later
"""The task_struct and thread_info of tasks.

WHAT is a pid or the address of a task_struct; without it the task that is selected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashcmd import context, struct
from crashcmd.command import Command, Given, Option, Text, text
from crashcmd.struct_texts import StructTexts
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


def texts(tasks: Sequence[Task], given: Given) -> Iterator[str | None]:
    """What is shown of each task; None where it has to be made for this task alone."""
    members = [name for words in given.all("-R") for name in words.split(",")]
    if struct.base_of(given):
        yield from [None] * len(tasks)
        return
    addrs = [task.addr for task in tasks]
    if members:
        parts = [_member_texts(name, addrs) for name in members]
    else:
        has_own = lowlevel.find_member(_STRUCT, "thread_info") is not None
        infos = [thread_info(task) for task in tasks] if has_own else []
        parts = [_whole_texts(_STRUCT, addrs), _whole_texts(_THREAD_INFO, infos)]
    between = "\n" if members else "\n\n"
    for task, *found in zip(tasks, *parts):
        if None in found:
            yield None
        else:
            yield f"{context.header(task)}\n{between.join(map(str, found))}\n"


def _whole_texts(full: str, addrs: Sequence[int]) -> Iterator[str | None]:
    for found in StructTexts(full).of(addrs):
        yield None if found is None else f"{full} {found}"


def _member_texts(name: str, addrs: Sequence[int]) -> Iterator[str | None]:
    for found in StructTexts(_STRUCT, name).of(addrs):
        yield None if found is None else f"  {name} = " + found.replace("\n", "\n  ")


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
