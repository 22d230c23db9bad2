# SPDX-License-Identifier: GPL-2.0-or-later
"""What the log says of the kernel's death: the lines that belong to it, and what they tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from LinuxDump.oops_marks import BEGINNINGS, ENDINGS, GENERIC_PANIC, OOPS
from LinuxDump.panic_rules import RULES, PanicRule

_FAR = 600  # lines from the first of a report to the panic: OOM reports list all tasks
_NEAR = 20  # from the first line of an oops to the one with its number
_LONGEST = 400
_TEXT_OF_WARNING = 5  # lines
_SINCE_S = 120  # before a panic, for what led to it

_PANIC = re.compile(r"^Kernel panic - not syncing: (?P<reason>.*)")
_OOPS = re.compile(OOPS)
_BEGINNINGS = re.compile("|".join(BEGINNINGS))
_ENDINGS = re.compile("|".join(ENDINGS))
_GENERIC = re.compile("|".join(GENERIC_PANIC))

_CUT = re.compile(r"^-+\[ cut here \]-+")
_RIP = re.compile(
    r"^RIP: (?:[0-9a-f]{4}:)?(?P<function>[\w.]+)\+(?P<offset>0x[0-9a-f]+)/0x[0-9a-f]+"
    r"(?: \[(?P<module>\w+)\])?"
)
_ADDRESS = re.compile(
    r"(?:address:?|dereference at|request at|non-canonical address)\s+(?:0x)?"
    r"(?P<address>[0-9a-f]{16}|\(null\))"
)
_CPU = re.compile(
    r"^CPU: (?P<cpu>\d+) (?:UID: \d+ )?PID: (?P<pid>\d+) Comm: (?P<comm>.+?) ?(?=Taint|Not tainted)"
)
_STUCK_CPU = re.compile(
    r"soft lockup - CPU#(?P<soft>\d+)|hard LOCKUP on cpu (?P<hard>\d+)|"
    r"^rcu:\s+(?P<rcu>\d+)-\S+: \(|^\s+(?P<old>\d+)-\S+: \("
)
_NAMED_TASK = re.compile(
    r"INFO: task (?P<comm>.+):(?P<pid>\d+) blocked|stuck for \d+s! \[(?P<comm2>.+):(?P<pid2>\d+)\]|"
    r"^(?P<comm3>\S.*) invoked oom-killer"
)
#: Registers, stacks and lists, which the tools show better.
_NOISE = re.compile(
    r"^ |^R(?!IP: 0010)[A-Z0-9]{2}: |^[FC]S: |^CR2: |^Code: |^DR[0-9]: |^PKRU|^Call Trace|"
    r"^Modules linked|"
    r"^Mem-Info|^Node |^\[ *(\d+|pid) *\]|^active_anon|^Hardware name|^---\[ end|^Kernel Offset|"
    r"^</?[A-Z]+>|^lowmem_reserve|^Sending NMI|^\d+ (total|pages|slab)|^(Free|Total) swap|"
    r"^Swap cache|^EFLAGS|^-+\[ cut here|^PGD |^Tasks state|^hugepages|^NMI backtrace"
)


class LogLine(NamedTuple):
    """A line of the kernel's log."""

    ts_ns: int
    text: str


@dataclass(frozen=True)
class Report:
    """How the kernel died, by its log."""

    rule: PanicRule | None  #: None where no rule knows the text
    message: str  #: the line that tells it
    reason: str  #: what panic() said, "" without a panic
    lines: tuple[LogLine, ...]  #: that belong to it
    function: str  #: at RIP, "" where none is printed
    offset: int
    module: str
    address: int | None  #: that could not be accessed
    cpu: int | None
    pid: int | None  #: of the task at fault; None where the log does not name it
    comm: str

    @property
    def main_lines(self) -> list[LogLine]:
        """Without registers, stacks and lists."""
        told: dict[str, LogLine] = {}
        for line in self.lines:
            if not _NOISE.match(line.text):
                # The registers come again behind the panic, and who it was with other taints.
                told.setdefault(line.text.partition(" Tainted: ")[0], line)
        return list(told.values())


def read(lines: Sequence[LogLine]) -> Report | None:
    """What the log says; None when it tells of no death.

    An oops that the kernel survived counts only if it is the last thing that happened: see
    `survived`.
    """
    panics = [at for at, line in enumerate(lines) if _PANIC.match(line.text)]
    if panics:
        return _of_panic(lines, panics[0])
    oopses = _oopses(lines)
    return _of_oops(lines, oopses[-1], "") if oopses else None


def survived(lines: Sequence[LogLine]) -> list[Report]:
    """Oopses of which a kernel did not die, oldest first; the one before a panic is no such."""
    panics = [at for at, line in enumerate(lines) if _PANIC.match(line.text)]
    found = [at for at in _oopses(lines) if not panics or at < panics[0]]
    if panics and found and _is_generic(lines[panics[0]].text):
        found.pop()
    return [_of_oops(lines, at, "") for at in found]


def match_rule(lines: Iterable[str]) -> tuple[PanicRule, str] | None:
    """The first rule that these lines match, and the line that tells it."""
    texts = list(lines)
    for rule in RULES:
        for pattern in rule.log:
            # Some classes are told apart by the lines that follow.
            span = 3 if "\\n" in pattern else 1
            for at, text in enumerate(texts):
                if re.search(pattern, "\n".join(texts[at : at + span])):
                    return rule, text
    return None


def _is_generic(text: str) -> bool:
    found = _PANIC.match(text)
    return found is not None and _GENERIC.search(found["reason"]) is not None


def _oopses(lines: Sequence[LogLine]) -> list[int]:
    return [at for at, line in enumerate(lines) if _OOPS.search(line.text)]


def _of_panic(lines: Sequence[LogLine], at: int) -> Report:
    found = _PANIC.match(lines[at].text)
    reason = found["reason"] if found else ""
    if _is_generic(lines[at].text):
        before = [oops for oops in _oopses(lines) if oops < at]
        if before:
            return _of_oops(lines, before[-1], reason, at)
    matched = match_rule([lines[at].text])
    rule = matched[0] if matched else None
    first = _first_of(lines, at, rule)
    if rule is not None and rule.name in ("panic", "nmi"):
        # What came just before may say more than panic() does.
        near = match_rule(line.text for line in lines[first : at + 1])
        rule = near[0] if near else rule
    return _report(rule, lines[at].text, reason, lines[first : _last_of(lines, at) + 1])


def _first_of(lines: Sequence[LogLine], at: int, rule: PanicRule | None) -> int:
    since = lines[at].ts_ns - _SINCE_S * 10**9
    if rule is not None and rule.begins:
        begins = re.compile(rule.begins)
        places = [
            place
            for place in range(max(0, at - _FAR), at + 1)
            if begins.search(lines[place].text) and lines[place].ts_ns >= since
        ]
        if places:
            # All tasks that one look found hung, and all reports of one stall.
            first = places[0] if rule.culprit == "named" else places[-1]
            while first - 1 in places:
                first -= 1
            return _from_cut(lines, first)
    first = at
    while first and _BEGINNINGS.match(lines[first - 1].text):
        first -= 1
    return first


def _from_cut(lines: Sequence[LogLine], first: int) -> int:
    # A warning's own text stands before the line that names the place.
    for place in range(first, max(-1, first - _TEXT_OF_WARNING), -1):
        if _CUT.match(lines[place].text):
            return place
    return first


def _of_oops(lines: Sequence[LogLine], at: int, reason: str, panic_at: int | None = None) -> Report:
    first = at
    for place in range(at, max(-1, at - _NEAR), -1):
        if _BEGINNINGS.match(lines[place].text):
            first = place
        elif place < at and _ENDINGS.match(lines[place].text):
            break
    last = _last_of(lines, at if panic_at is None else panic_at)
    body = lines[first : last + 1]
    head = [line.text for line in lines[first : at + 1]]
    rips = [line.text for line in body if _RIP.match(line.text)]
    matched = match_rule([*head, *(line.text for line in lines[at + 1 : at + 3]), *rips[:1]])
    rule = matched[0] if matched else None
    return _report(rule, matched[1] if matched else lines[at].text, reason, body)


def _last_of(lines: Sequence[LogLine], at: int) -> int:
    for place in range(at, min(len(lines), at + _LONGEST)):
        if _ENDINGS.match(lines[place].text):
            return place
        if place > at and (_BEGINNINGS.match(lines[place].text) and _OOPS.search(lines[at].text)):
            return place - 1
    return min(len(lines), at + _LONGEST) - 1


def _report(rule: PanicRule | None, message: str, reason: str, body: Sequence[LogLine]) -> Report:
    texts = [line.text for line in body]
    rip = _first(_RIP, texts)
    address = _first(_ADDRESS, texts)
    cpu = _first(_CPU, texts)
    stuck = _first(_STUCK_CPU, texts)
    named = _first(_NAMED_TASK, texts)
    pid, comm = (int(cpu["pid"]), cpu["comm"]) if cpu else (None, "")
    if named:
        numbers = [number for number in (named["pid"], named["pid2"]) if number]
        pid = int(numbers[0]) if numbers else pid
        comm = named["comm"] or named["comm2"] or named["comm3"] or comm
    at_cpu = int(cpu["cpu"]) if cpu else None
    if stuck:
        at_cpu = int(next(number for number in stuck.groups() if number))
    where = None
    if address:
        where = 0 if address["address"] == "(null)" else int(address["address"], 16)
    return Report(
        rule=rule,
        message=message,
        reason=reason,
        lines=tuple(body),
        function=rip["function"] if rip else "",
        offset=int(rip["offset"], 16) if rip else 0,
        module=(rip["module"] or "") if rip else "",
        address=where,
        cpu=at_cpu,
        pid=pid,
        comm=comm,
    )


def _first(pattern: re.Pattern[str], texts: Sequence[str]) -> re.Match[str] | None:
    return next((found for text in texts if (found := pattern.search(text))), None)
