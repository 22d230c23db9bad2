# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes first in crashinfo's report: the verdict and the findings, as text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from LinuxDump import crash_text, machine_checks
from LinuxDump.findings import Finding
from LinuxDump.taints import MEANINGS
from LinuxDump.verdict import Verdict
from pykdump.colors import paint
from pykdump.printing import columns, counted, printable, wrapped

_INDENT = 15
_WIDTH = 115
_CHAIN = 10  # functions


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
    width = columns()
    for label, text in rows.items():
        room = width or _WIDTH
        lines = [one for part in text.split("\n") for one in wrapped(part, _INDENT, room)]
        first, *more = lines or [""]
        yield f"  {label + ':':<12} {first}"
        yield from (" " * _INDENT + each for each in more)
    told = found.lines if detail else found.main_lines
    if told:
        yield "  log:"
        yield from ("    " + crash_text.log_line(line) for line in told)


def _verdict_rows(found: Verdict) -> Iterator[tuple[str, str]]:
    yield "class", f"{found.panic_class} (told by the {found.evidence})"
    if found.asked:
        yield "asked", found.asked
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
    if found.instruction and found.panic_class != "machine-check":
        yield "instruction", " ".join(found.instruction.split())
    if found.operand is not None:
        yield "operand", " ".join(_operand_words(found))
    if found.machine_checks:
        yield "hardware", "\n".join(map(machine_checks.text, found.machine_checks))
    chain = list(_chain(found))
    if chain:
        yield "stack", " <- ".join(chain)
    if found.taints:
        yield "tainted", _taint_text(found)
    if found.commands:
        yield "more", "\n".join(map(_full, found.commands))


def _chain(found: Verdict) -> Iterator[str]:
    # The functions from the place on, each followed by its caller; recursions are counted.
    frames = found.stack.frames if found.stack is not None else ()
    names = [frame.function or f"{frame.addr:#x}" for frame in frames if frame.kind != "user"]
    first = next(
        (at for at, frame in enumerate(frames) if found.place and frame.addr == found.place.addr), 0
    )
    runs = [(name, len(list(run))) for name, run in itertools.groupby(names[first:])]
    yield from (name if times == 1 else f"{name} ({times} times)" for name, times in runs[:_CHAIN])
    if len(runs) > _CHAIN:
        yield f"{len(runs) - _CHAIN} more"


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
    yield paint(f"{counted(len(found), 'finding')}, the weightiest first", "bold")
    width = columns()
    colors = {"error": ("red",), "warning": ("yellow",), "note": ()}
    for number, each in enumerate(found, 1):
        command = f"   -> {_full(each.command)}" if each.command else ""
        mark = paint(f"{each.severity:>7}", *colors[each.severity])
        if width is None or len(each.title + command) + 14 <= width:
            yield f"{number:3} {mark}  {each.title}{command}"
        else:
            first, *more = list(wrapped(each.title, 14, width)) or [""]
            yield f"{number:3} {mark}  {first}"
            yield from (f"             {line}" for line in [*more, command.strip()] if line)
        for detail in each.details:
            first, *more = list(wrapped(detail, 17, width)) or [""]
            yield f"             {first}"
            yield from (f"                 {line}" for line in more)


def _full(command: str) -> str:
    # Commands of crash have a word of their own.
    if command.startswith("crash "):
        return command
    return f"pykdump {command.removeprefix('pykdump ')}"


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
