# SPDX-License-Identifier: GPL-2.0-or-later
"""The task that commands are about; GDB's selected thread is the same one.

set PID|TASK selects a task, set -p the one that panicked, set radix 10|16 how numbers are printed.
set print_max N is how many elements of an array are printed, set print_array on a line for each,
set scope FUNCTION where names of types are looked up first. Other variables of crash (scroll, ...)
say that they do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import context, values
from crashcmd.command import Command, Given, Option, Text, text
from crashcmd.task import thread_info
from LinuxDump import cpus
from LinuxDump.printk import panic_message
from LinuxDump.task_records import Task, task_table
from pykdump import lowlevel, printed, scope
from pykdump.layout import Layout

_IGNORED = (
    *("scroll", "refresh", "console", "debug", "core", "hash"),
    *("silent", "edit", "namelist", "dumpfile", "zero_excluded", "null-stop", "gdb"),
    *("offline", "redzone", "error", "unwind"),
)
# include/linux/sched.h
_FLAGS = ((0x100, "TASK_WAKEKILL"), (0x200, "TASK_WAKING"), (0x400, "TASK_NOLOAD"))
_TASK = Layout("struct task_struct", "State", "exit_state")
_NAMES = {
    **{"R": "TASK_RUNNING", "S": "TASK_INTERRUPTIBLE", "D": "TASK_UNINTERRUPTIBLE"},
    **{"T": "TASK_STOPPED", "t": "TASK_TRACED", "X": "EXIT_DEAD", "Z": "EXIT_ZOMBIE"},
    **{"P": "TASK_PARKED", "I": "TASK_UNINTERRUPTIBLE"},
}


def collect(given: Given) -> Text:
    words = given.words
    if "-v" in given:
        return text(_variables())
    if "-p" in given:
        task = task_table().panic_task()
        if task is None or cpus.panic_cpu() is None:
            raise given.error("no task panicked")
        context.select(task)
    elif "-c" in given:
        cpu = given.value("-c") or ""
        task = task_table().current(int(cpu)) if cpu.isdecimal() else None
        if task is None:
            raise given.error(f"what ran on CPU {cpu} is not known")
        context.select(task)
    elif words and words[0] in ("radix", "hex", "dec"):
        return _radix(words, given)
    elif words and words[0] == "scope":
        return text(scope.set_scope(words[1] if len(words) > 1 else ""))
    elif words and words[0] in ("print_max", "print_array"):
        return _arrays(words, given)
    elif words and words[0] in _IGNORED:
        return text([f"{words[0]}: does nothing here"])
    elif words:
        context.select(context.named(words[:1])[0])
    return text(lines_of(context.current()))


def _radix(words: list[str], given: Given) -> Text:
    word = {"hex": "16", "dec": "10"}.get(words[0]) or (words[1] if len(words) > 1 else "")
    if word not in ("", "10", "16"):
        raise given.error(f"radix {word} is none of 10 and 16")
    if word:
        printed.radix = int(word)
    name = "decimal" if printed.radix == 10 else "hex"
    return text([f"output radix: {printed.radix} ({name})"])


def _arrays(words: list[str], given: Given) -> Text:
    value = words[1] if len(words) > 1 else ""
    if words[0] == "print_array":
        if value not in ("", "on", "off"):
            raise given.error(f"print_array {value} is none of on and off")
        printed.pretty_arrays = value == "on" if value else printed.pretty_arrays
        return text([f"print_array: {'on' if printed.pretty_arrays else 'off'}"])
    if value and not 0 < values.number(value) <= 1 << 20:
        raise given.error(f"print_max {value} makes no sense")
    printed.most_elements = values.number(value) if value else printed.most_elements
    return text([f"print_max: {printed.most_elements}"])


def lines_of(task: Task) -> Iterator[str]:
    """What set prints of a task."""
    yield f"    PID: {task.pid}"
    yield f'COMMAND: "{context.comm(task)}"'
    same = task_table().idle_count if task.idle_cpu is not None else 1
    count = f"  (1 of {same})" if same > 1 else ""
    yield f"   TASK: {task.addr:x}{count}  [THREAD_INFO: {thread_info(task):x}]"
    yield f"    CPU: {task.cpu}"
    note = ""
    if task.is_running:
        note = f" ({_why_running(task)})"
    yield f"  STATE: {_state(task)}{note}"


def _why_running(task: Task) -> str:
    if not context.is_panicked(task):
        return "ACTIVE"
    return "SYSRQ" if "sysrq" in panic_message().lower() else "PANIC"


def _state(task: Task) -> str:
    # As the kernel combines them: a state of /proc, and what goes with it.
    name = _NAMES.get(task.state, "?")
    row = _TASK.read(task.addr)
    if row is None or row.exit_state:
        return name
    return "|".join([name, *(also for bit, also in _FLAGS if row.State & bit)])


def _variables() -> Iterator[str]:
    kernel = lowlevel.kernel()
    name = "decimal" if printed.radix == 10 else "hex"
    yield f"         radix: {printed.radix} ({name})"
    yield f"     print_max: {printed.most_elements}"
    yield f"   print_array: {'on' if printed.pretty_arrays else 'off'}"
    yield f"      namelist: {kernel.vmlinux}"
    yield f"      dumpfile: {' '.join(kernel.dump.paths)}"


COMMANDS = (
    Command(
        "set",
        "[PID | TASK | VARIABLE [VALUE]]",
        collect,
        options=(
            Option("-p", "select the task that panicked", alone=True),
            Option("-c", "select what ran on this CPU", "CPU", alone=True),
            Option("-v", "the variables", alone=True),
        ),
        absent=(("-a", "what ran on a CPU is what the dump tells, and cannot be set"),),
    ),
)
