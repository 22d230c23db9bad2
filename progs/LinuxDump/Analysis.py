# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: lists of pids, common troubles, arguments of functions on stacks.

The checks of crashinfo are in LinuxDump.findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from LinuxDump import BTstack, modules
from LinuxDump.entry_registers import ARGUMENTS, FrameRegisters, entry_registers
from LinuxDump.stack_details import task_stacks
from LinuxDump.task_records import Task, task_table
from LinuxDump.task_rows import CODES
from LinuxDump.task_selection import comm
from pykdump import code
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.star import with_api

_HUNG_MS = 120_000
_OLDEST = 10
_RECLAIM = ("try_to_free_pages", "try_to_free_mem_cgroup_pages", "balance_dirty_pages")
_UNIX_WAITS = ("unix_wait_for_peer", "unix_stream_data_wait", "unix_stream_connect")


def print_pidlist(
    pids: Iterable[int],
    title: str = "",
    verbose: bool = False,
    maxpids: int = 10,
    sortbytime: bool = True,
    statefilter: Sequence[str] | None = None,
) -> None:
    """Print tasks by pid, the one that ran last first.

    :param statefilter: only these states, as ``("UN",)``.
    :param maxpids: cut the middle of a longer list; verbose does not.
    """
    table = task_table()
    tasks = [table.by_pid[pid] for pid in pids if pid in table.by_pid]
    if statefilter:
        tasks = [task for task in tasks if CODES[task.state] in statefilter]
    if not tasks:
        return
    if sortbytime:
        tasks.sort(key=_ran_ago_ms)
    if title:
        print(title)
    print("    .... pid.    ..ran ms ago.  .command.    state")
    skipped = 0 if verbose else max(0, len(tasks) - maxpids)
    half = (len(tasks) - skipped + 1) // 2
    for place, task in enumerate(tasks):
        if skipped and place == half:
            print(f"    <{skipped} tasks skipped>")
        if not skipped or place < half or place >= half + skipped:
            age = _ran_ago_ms(task)
            print(f"    {task.pid:8d}  {age:12d}  {printable(comm(task)):15} {CODES[task.state]}")


def _ran_ago_ms(task: Task) -> int:
    return (task.ran_ago_ns or 0) // 1_000_000


def check_possible_hang() -> int:
    """How many of the ten oldest UNINTERRUPTIBLE threads wait for more than two minutes.

    More than one is a warning.
    """
    blocked = sorted(map(_ran_ago_ms, _in_state("D")), reverse=True)
    count = sum(1 for age in blocked[:_OLDEST] if age > _HUNG_MS)
    if count > 1:
        pylog.warning("Possible hang")
    return count


def _in_state(letter: str) -> list[Task]:
    return [task for task in task_table().tasks if task.state == letter]


def check_memory_pressure(finder: Any) -> set[int]:
    """Pids of the tasks that reclaim memory; some are a warning.

    :param finder: from names of functions, joined by ``|``, to a set of pids.
    """
    pids = set(_find(finder, "|".join(_RECLAIM)))
    if pids:
        states: dict[str, int] = {}
        for pid in pids:
            task = task_table().by_pid.get(pid)
            if task is not None:
                states[CODES[task.state]] = states.get(CODES[task.state], 0) + 1
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        pylog.warning(f"Memory pressure detected: {told}")
    return pids


def check_hanging_nfsd(finder: Any) -> set[int]:
    """Pids of the NFS server's threads that hang; some are a warning."""
    pids = {
        pid
        for pid in _find(finder, "nfsd")
        if (task := task_table().by_pid.get(pid)) is not None
        and task.state == "D"
        and _ran_ago_ms(task) > _HUNG_MS // 4
    }
    if pids:
        pylog.warning(f"{len(pids)} nfsd threads hang")
    return pids


def _find(finder: Any, names: str) -> set[int]:
    find = getattr(finder, "find_pids_byfuncname", finder)
    return set(find(names))


def check_saphana() -> int:
    """0 without SAP HANA, 1 where it runs, 2 where some of its threads are UNINTERRUPTIBLE."""
    names = re.compile(r"hdb(indexserver|nameserver|daemon|\.sap.*)|sapstart\w*")
    tasks = [task for task in task_table().tasks if names.match(comm(task))]
    if not tasks:
        return 0
    return 2 if any(task.state == "D" for task in tasks) else 1


def print_wait_for_AF_UNIX(v: int = 0) -> None:
    """Print the tasks that wait for a UNIX socket, as those that log to ``/dev/log``."""
    modules.add_to_tables()
    tasks = list(task_table().tasks)
    pids = [
        task.pid
        for task, stack in zip(tasks, BTstack.stacks(tasks))
        if set(BTstack.functions(stack)) & set(_UNIX_WAITS)
    ]
    print_pidlist(pids, "  *** tasks that wait for UNIX sockets ***", bool(v))


# --- arguments


def get_tentative_arg(pid: int, funcname: str, argno: int) -> int | None:
    """An argument of a function on the stack of a task; None where it is not known.

    :param argno: from 0 on.
    """
    for found in _frames(pid):
        if _name(found) == funcname and 0 <= argno < len(ARGUMENTS):
            known = found.registers.get(ARGUMENTS[argno])
            return None if known is None else known.value_addr
    return None


def get_interesting_arguments(
    pid: int, re_funcs: str, re_ctypes: str
) -> Iterator[tuple[str, str, int]]:
    """Function, type and address of arguments that point to structs of some types.

    :param re_funcs: regular expression of the functions.
    :param re_ctypes: and of the types: ``struct (inode|dentry)``.
    """
    for found in _frames(pid):
        name = _name(found)
        if not name or not re.search(re_funcs, name):
            continue
        declared = code.parameters(found.frame.addr - found.frame.offset)
        for register, (_, type_name) in zip(ARGUMENTS, declared):
            struct = code.pointed_struct(type_name)
            known = found.registers.get(register)
            if struct and known is not None and re.search(re_ctypes, struct):
                yield name, struct, known.value_addr


def _frames(pid: int) -> list[FrameRegisters]:
    task = task_table().by_pid.get(int(pid))
    stack = next(iter(task_stacks([task])), None) if task else None
    if task is None or stack is None:
        return []
    return entry_registers(stack, 0 if task.is_running else task.sp_addr)


def _name(found: FrameRegisters) -> str:
    return (found.frame.function or "").partition(".")[0]


__getattr__ = with_api(globals())
