# SPDX-License-Identifier: GPL-2.0-or-later
"""What to ask next, when it is known why the kernel died."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from LinuxDump.oops import Report
from LinuxDump.operands import Operand
from LinuxDump.task_records import Task

_OF_CLASS = {
    "hung-task": "hanginfo",
    "oom": "taskinfo --memory",
    "soft-lockup": "stack -c",
    "hard-lockup": "stack -c",
    "rcu-stall": "stack -c",
    "sysrq": "hanginfo",
}
_ADDRESS = re.compile(r"\b(?:0x)?(ffff[0-9a-f]{12}|ff[0-9a-f]{14})\b")
_SHOWN_ADDRESSES = 2


class _Place(Protocol):
    @property
    def module(self) -> str:
        ...


def commands(
    name: str,
    task: Task | None,
    place: _Place | None,
    report: Report | None,
    operand: Operand | None,
) -> Iterator[str]:
    """Commands that show more of a panic, the most telling first.

    :param name: of the class.
    """
    if name in _OF_CLASS:
        yield _OF_CLASS[name]
    if task is not None:
        yield f"stack {task.pid if task.idle_cpu is None else f'cpu{task.cpu}'} -r -l"
        if name not in _OF_CLASS:
            yield f"fregs {task.pid if task.idle_cpu is None else f'cpu{task.cpu}'} -aa"
    for addr in list(_addresses(report, operand))[:_SHOWN_ADDRESSES]:
        yield f"whatis {addr:#x}"
    if place is not None and place.module:
        yield f"modinfo --details {place.module}"


def _addresses(report: Report | None, operand: Operand | None) -> Iterator[int]:
    # Kernel addresses that the report names, or the bad pointer, each once.
    found: dict[int, None] = {}
    if operand is not None and operand.register_value_addr is not None:
        if operand.register_value_addr >> 55 == (1 << 9) - 1:
            found[operand.register_value_addr] = None
    if report is not None and "corruption" in report.message:
        found.update((int(text, 16), None) for text in _ADDRESS.findall(report.message))
    yield from found
