# SPDX-License-Identifier: GPL-2.0-or-later
"""What words of commands may become: types, members, symbols, expressions, commands of tasks."""

from __future__ import annotations

import importlib
import os

from crashcmd import context
from LinuxDump.task_records import task_table
from pykdump import commands
from pykdump.errors import PykdumpError


def structures(beginning: str) -> list[str]:
    """Structs and unions, and ``NAME.MEMBER,MEMBER`` of one."""
    name, dot, path = beginning.partition(".")
    if not dot:
        return sorted({*_gdbs("whatis struct ", name), *_gdbs("whatis union ", name)})
    before, comma, last = path.rpartition(",")
    for word in ("struct", "union"):
        found = _gdbs(f"print (({word} {name} *)0)->", last)
        if found:
            return [f"{name}.{before}{comma}{member}" for member in found]
    return []


def symbols(beginning: str) -> list[str]:
    """Names of symbols; none for nothing, as there are very many."""
    if not beginning:
        return []
    found = importlib.import_module("LinuxDump.symbol_kinds").symbols().containing(beginning)
    return sorted({symbol.name for symbol in found if symbol.name.startswith(beginning)})


def expressions(beginning: str) -> list[str]:
    """What GDB takes an expression for."""
    return _gdbs("print ", beginning) if beginning else []


def types_or_expressions(beginning: str) -> list[str]:
    """Names of types, and what GDB takes an expression for."""
    return structures(beginning) or expressions(beginning)


def tasks(beginning: str) -> list[str]:
    """Commands that tasks have."""
    found = {context.comm(task) for task in task_table().tasks}
    return sorted(name for name in found if name.startswith(beginning) and " " not in name)


def files(beginning: str) -> list[str]:
    """Files and folders."""
    folder, name = os.path.split(os.path.expanduser(beginning))
    kept = beginning[: len(beginning) - len(name)]
    try:
        found = sorted(os.listdir(folder or "."))
    except OSError:
        return []
    paths = [(each, os.path.join(folder, each)) for each in found if each.startswith(name)]
    return [kept + each + ("/" if os.path.isdir(path) else "") for each, path in paths]


def _gdbs(command: str, beginning: str) -> list[str]:
    # GDB completes whole lines, as many as max-completions says; the last then tells of that.
    try:
        lines = commands.gdb().execute(f"complete {command}{beginning}").splitlines()
    except PykdumpError:
        return []
    found = [line.removeprefix(command) for line in lines if line.startswith(command)]
    return [word for word in found if word.startswith(beginning) and " " not in word]
