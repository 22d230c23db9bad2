# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes first in crashinfo's report: the verdict and the findings, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from LinuxDump import crash_text
from LinuxDump.findings import Finding
from LinuxDump.taints import MEANINGS
from LinuxDump.verdict import Verdict
from pykdump.colors import paint
from pykdump.printing import printable


def verdict_lines(found: Verdict, detail: int, waits_for: str = "") -> Iterator[str]:
    """The verdict as text.

    :param waits_for: what the task at fault waits for.
    """
    head = found.title[0].upper() + found.title[1:]
    yield paint(head, "bold", *([] if found.panic_class == "alive" else ["red"]))
    if found.panic_class == "alive":
        if found.taints:
            yield f"  tainted:     {_taint_text(found)}"
        return
    rows = dict(_verdict_rows(found))
    if waits_for:
        rows["waits for"] = printable(waits_for)
    for label, text in rows.items():
        first, *more = textwrap.wrap(text, 100, break_long_words=False) or [""]
        yield f"  {label + ':':<12} {first}"
        yield from (" " * 15 + each for each in more)
    lines = found.lines if detail else found.main_lines
    if lines:
        yield "  log:"
        yield from ("    " + crash_text.log_line(line) for line in lines)


def _verdict_rows(found: Verdict) -> Iterator[tuple[str, str]]:
    yield "class", f"{found.panic_class} (told by the {found.evidence})"
    if found.reason and found.reason not in found.message:
        yield "panic", found.reason
    state = "running" if found.state == "R" else f"state {found.state}"
    who = f'pid {found.pid} "{printable(found.comm)}" on CPU {found.cpu}, {state}'
    yield "task", f"{who}, task_struct {found.task_addr:#x}"
    if found.panic_pid != found.pid:
        reporter = printable(found.panic_comm)
        yield "reported by", f'pid {found.panic_pid} "{reporter}" on CPU {found.panic_cpu}'
    if found.culprit is not None:
        yield "code", f"{found.how} at {found.culprit}" if (
            found.place == found.culprit
        ) else f"{found.how} at {found.place}, for {found.culprit}"
    elif found.how:
        yield "code", found.how
    if found.instruction:
        yield "instruction", " ".join(found.instruction.split())
    if found.operand is not None:
        yield "operand", " ".join(_operand_words(found))
    if found.taints:
        yield "tainted", _taint_text(found)


def _taint_text(found: Verdict) -> str:
    meanings = [f"{letter}: {MEANINGS.get(letter, '?')}" for letter in found.taints]
    names = f" (modules: {' '.join(found.tainting_modules)})" if found.tainting_modules else ""
    return "; ".join(meanings) + names


def findings_lines(found: Sequence[Finding]) -> Iterator[str]:
    """The findings as text."""
    yield ""
    if not found:
        yield "No check found anything."
        return
    yield paint(f"{len(found)} findings, the weightiest first", "bold")
    colors = {"error": ("red",), "warning": ("yellow",), "note": ()}
    for number, each in enumerate(found, 1):
        command = f"   -> pykdump {each.command.removeprefix('pykdump ')}" if each.command else ""
        mark = paint(f"{each.severity:>7}", *colors[each.severity])
        yield f"{number:3} {mark}  {each.title}{command}"
        yield from (f"             {line}" for line in each.details)


def _operand_words(found: Verdict) -> Iterator[str]:
    # What the failed instruction worked on.
    operand = found.operand
    assert operand is not None
    verb = {"read": "reads", "write": "writes", "call": "calls", "jump": "jumps to"}
    yield verb.get(operand.access, "divides by") + " " + operand.text.lstrip("*")
    if operand.register and operand.register_value_addr is not None:
        yield f"where {operand.register} = {operand.register_value_addr:#x}"
    if operand.variable:
        yield f"is {operand.variable} ({operand.type})" if operand.type else (
            f"is {operand.variable}"
        )
    if operand.member:
        yield f": {operand.variable}->{operand.member} at {operand.offset:#x}"
    if operand.is_inferred:
        yield "(inferred from the instructions before)"
    if found.fault_addr is not None and operand.access not in ("divide",):
        yield f"at address {found.fault_addr:#x}"
