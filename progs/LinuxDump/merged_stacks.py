# SPDX-License-Identifier: GPL-2.0-or-later
"""Equal stacks together, the most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.stack_details import TaskStack, task_stacks
from LinuxDump.task_records import task_table
from pykdump.printing import printable


@dataclass(frozen=True)
class StackGroup:
    """Tasks with the same functions on their stacks."""

    functions: tuple[str, ...]  #: the innermost first
    pids: tuple[int, ...]
    commands: dict[str, int]  #: how many tasks have which name
    youngest_ns: int | None  #: how long ago the one ran that ran last
    youngest_pid: int
    oldest_ns: int | None
    oldest_pid: int


def merged_stacks() -> list[StackGroup]:
    """The groups of all tasks."""
    groups: dict[tuple[str, ...], list[TaskStack]] = {}
    for stack in task_stacks(task_table().tasks):
        names = (
            frame.function or f"{frame.addr:#x}" for frame in stack.frames if frame.kind != "user"
        )
        groups.setdefault(tuple(names), []).append(stack)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [_group(functions, stacks) for functions, stacks in ordered]


def _group(functions: tuple[str, ...], stacks: list[TaskStack]) -> StackGroup:
    known = [stack for stack in stacks if stack.ran_ago_ns is not None]
    known.sort(key=lambda stack: (stack.ran_ago_ns or 0, stack.pid))
    ages = [(stack.ran_ago_ns, stack.pid) for stack in known] or [(None, 0)]
    return StackGroup(
        functions,
        tuple(sorted(stack.pid for stack in stacks)),
        dict(Counter(stack.comm for stack in stacks).most_common()),
        *ages[0],
        *ages[-1],
    )


def lines(found: StackGroup, *, with_pids: bool) -> Iterator[str]:
    """A group as text."""
    yield ""
    yield f"------- {len(found.pids)} stacks like that: ----------"
    yield from (f"  #{number:<2}  {name}" for number, name in enumerate(found.functions))
    if found.youngest_ns is not None and found.oldest_ns is not None:
        yield (
            f"    youngest={found.youngest_ns / 1e9:.0f}s(pid={found.youngest_pid}), "
            f"oldest={found.oldest_ns / 1e9:.0f}s(pid={found.oldest_pid})"
        )
    yield ""
    yield "   ........................"
    yield from (
        f"     {printable(name):30s} {times} times" for name, times in found.commands.items()
    )
    if with_pids:
        yield "     pids: " + " ".join(map(str, found.pids))
