# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of a command for many tasks, each with the task that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashcmd import bt, context, files, ps, run
from crashcmd.command import Command, Given, Text, WordsError
from LinuxDump.task_records import Task
from pykdump.errors import Interrupted, PykdumpError


def records(command: Command, inner: Given, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
    """A record of each task; with -R only of those that have what is meant."""
    together = None if inner.words else _together(command, inner, tasks)
    for task in tasks:
        record: dict[str, Any] = {
            "task": {
                **{"pid": task.pid, "addr": task.addr, "cpu": task.cpu},
                "comm": context.comm(task),
            }
        }
        if together is not None:
            if task.addr not in together:
                continue
            record["records"] = together[task.addr]
        else:
            record.update(_of_task(command, inner, task))
            if "-R" in inner and record.get("records") in ([], {"lines": []}):
                continue
        yield record


def _together(command: Command, inner: Given, tasks: Sequence[Task]) -> dict[int, Any] | None:
    # Commands that take many tasks at a time, and read once what threads share.
    if command.name == "bt":
        return {stack.task_addr: [stack] for stack in bt.collect_tasks(tasks, inner)}
    if command.name == "files" and not {"-d", "-p"} & set(inner.flags()):
        return {found.task_addr: [found] for found in files.collect_tasks(tasks, inner)}
    if command.name == "ps":
        found = ps.collect_tasks(tasks, inner)
        return None if isinstance(found, Text) else {process.addr: [process] for process in found}
    return None


def _of_task(command: Command, inner: Given, task: Task) -> dict[str, Any]:
    with context.temporarily(task):
        try:
            is_ps = command.name == "ps" and not inner.words
            found = ps.collect_tasks([task], inner) if is_ps else command.collect(inner)
            return {"records": run.plain(found)}
        except PykdumpError as error:
            if isinstance(error, (Interrupted, WordsError)):
                raise
            return {"error": str(error)}
