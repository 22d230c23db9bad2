# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks as users name them: by pid, address, CPU or command."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from LinuxDump import cpus
from LinuxDump.saved_registers import registers_in_note
from LinuxDump.task_records import Task, TaskTable, task_table
from pykdump import models
from pykdump.errors import PykdumpError
from pykdump.logging import pylog

#: What `--help` of a tool says of these words.
HELP = (
    "a pid, the address of a task_struct, cpuN, a command's name (* and ? match), all, active "
    "(what is on the CPUs), panic, or a state: RU IN UN ..."
)

#: States as crash and the classic tools abbreviate them, beside those of /proc.
_STATES = {"RU": "R", "IN": "S", "UN": "D", "ST": "T", "TR": "t", "DE": "X", "ZO": "Z", "ID": "I"}
_CPU = re.compile(r"cpu:?(\d+)")


class NoSuchTaskError(PykdumpError):
    """A word that names no task of the dump."""


def select(words: Sequence[str], *, threads: bool = False) -> list[Task]:
    """The tasks that these words name, each once, in their order.

    :param threads: take all threads of the processes named, not only the tasks.
    """
    table = task_table()
    found: dict[int, Task] = {}
    for word in words:
        for task in _named(word, table):
            group = _threads(task, table) if threads else [task]
            found.update((member.addr, member) for member in group)
    return list(found.values())


def _threads(task: Task, table: TaskTable) -> list[Task]:
    if task.idle_cpu is not None:
        return [task]
    return [other for other in table.tasks if other.tgid == task.tgid and other.idle_cpu is None]


def _named(word: str, table: TaskTable) -> list[Task]:
    by_role = _by_role(word, table)
    if by_role is not None:
        return by_role
    cpu = _CPU.fullmatch(word)
    if cpu:
        return [_on_cpu(int(cpu[1]), table)]
    if word.isdecimal() and len(word) < 12:
        return _by_pid(int(word), table)
    addr = _address(word)
    if addr is not None:
        if addr not in table.by_addr:
            raise NoSuchTaskError(f"{addr:#x} is no task_struct of this dump; see: info threads")
        return [table.by_addr[addr]]
    matching = [task for task in table.tasks if fnmatch.fnmatchcase(comm(task), word)]
    if not matching:
        raise NoSuchTaskError(f'no task is called "{word}"; see: info threads')
    return matching


def _by_role(word: str, table: TaskTable) -> list[Task] | None:
    # None: it is no such word.
    if word == "all":
        return list(table.tasks)
    if word == "active":
        return on_cpus(table)
    if word == "panic":
        task = table.panic_task()
        return [] if task is None else [task]
    if word in _STATES:
        return with_states(table.tasks, word)
    return None


def on_cpus(table: TaskTable) -> list[Task]:
    """What runs on each CPU, idle tasks too; of what cannot be read a warning tells what it can."""
    found = []
    for queue in table.run_queues:
        task = table.by_addr.get(queue.curr)
        if task is not None:
            found.append(task)
        else:
            what = f"what ran on CPU {queue.cpu}, task_struct {queue.curr:#x}, cannot be read"
            pylog.warning(what + _place(queue.cpu))
    return found


def _place(cpu: int) -> str:
    registers = registers_in_note(cpus.registers_by_cpu().get(cpu, b""))
    if registers is None:
        return ""
    symbol = models.get().symbols().at(registers["ip"])
    place = f" ({symbol[0]}+{symbol[1]:#x})" if symbol else ""
    return f"; its registers: RIP {registers['ip']:#x}{place}, RSP {registers['sp']:#x}"


def _address(word: str) -> int | None:
    digits = word[2:] if word[:2].lower() == "0x" else word
    if not re.fullmatch("[0-9a-fA-F]{12,16}", digits) and digits == word:
        return None
    try:
        return int(digits, 16)
    except ValueError:
        return None


def _by_pid(pid: int, table: TaskTable) -> list[Task]:
    if pid == 0:
        return [task for task in table.tasks if task.idle_cpu is not None]
    if pid not in table.by_pid:
        raise NoSuchTaskError(f"there is no task with pid {pid}; see: info threads")
    return [table.by_pid[pid]]


def _on_cpu(cpu: int, table: TaskTable) -> Task:
    task = table.current(cpu)
    if task is None:
        known = ", ".join(str(queue.cpu) for queue in table.run_queues)
        raise NoSuchTaskError(f"what ran on CPU {cpu} is not known; CPUs of this dump: {known}")
    return task


def comm(task: Task) -> str:
    """A task's command as text."""
    return comm_of(task.comm)


def comm_of(raw: bytes) -> str:
    """The same of task_struct.comm up to its NUL."""
    return raw.decode("utf-8", "backslashreplace")


def with_states(tasks: Iterable[Task], states: str) -> list[Task]:
    """Those in one of these states.

    :param states: as in ``D``, ``D,R`` or ``UN,RU``; raises PykdumpError for others.
    """
    letters = {_letter(word) for word in states.split(",")}
    return [task for task in tasks if task.state in letters]


def _letter(word: str) -> str:
    letter = _STATES.get(word.upper(), word)
    if letter not in _STATES.values():
        raise PykdumpError(f"there is no task state {word}; states: {', '.join(_STATES.values())}")
    return letter
