# SPDX-License-Identifier: GPL-2.0-or-later
"""Why and where the kernel died: log, stacks and registers put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from LinuxDump import cpus, failed_code, modules, more_commands, oops, taints
from LinuxDump.machine_checks import MachineCheck, machine_checks
from LinuxDump.oops import LogLine, Report
from LinuxDump.operands import Operand
from LinuxDump.panic_rules import RULES, PanicRule
from LinuxDump.printk import log_records
from LinuxDump.stack_details import FrameRecord, TaskStack, task_stacks
from LinuxDump.task_records import Task, task_table
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog

_POISON = re.compile(r"6b6b6b6b|dead0000000001|dead000000000[12]|5a5a5a5a5a5a|a56b6b6b")
_FAULTS = ("wild-pointer", "null-dereference", "null-call", "data-call", "user-access")
_NULL_PAGE = 4096
_THREAD = Layout("struct task_struct", "thread.cr2", "thread.trap_nr", "thread.error_code")


@dataclass(frozen=True)
class Place:
    """Where code was."""

    addr: int
    function: str
    offset: int
    module: str

    def __str__(self) -> str:
        name = f"{self.function}+{self.offset:#x}" if self.function else f"{self.addr:#x}"
        return f"{name} [{self.module}]" if self.module else name


@dataclass(frozen=True)
class Verdict:
    """Why the dump was taken, and where the kernel was."""

    panic_class: str  #: see LinuxDump.panic_rules; "alive": no panic
    title: str
    evidence: str  #: what told the class: "log", "stack"
    message: str  #: the line of the log
    reason: str  #: what panic() said
    task_addr: int  #: the task at fault
    pid: int
    comm: str
    cpu: int
    state: str
    panic_pid: int | None  #: the task that panicked, which may be another one
    panic_comm: str
    panic_cpu: int | None
    place: Place | None  #: where it failed, was interrupted, or waits
    culprit: Place | None  #: the same without helpers as __list_del_entry_valid
    how: str  #: "failed", "interrupted", "waits", "called panic"
    instruction: str
    operand: Operand | None
    fault_addr: int | None  #: that could not be accessed
    taints: str  #: letters
    tainting_modules: tuple[str, ...]
    lines: tuple[LogLine, ...]  #: of the log that belong to it
    main_lines: tuple[LogLine, ...]  #: without registers and stacks
    stack: TaskStack | None
    asked: str = ""  #: of sysrq: through what
    commands: tuple[str, ...] = ()  #: that show more
    machine_checks: tuple[MachineCheck, ...] = ()  #: banks that reported an error


def log_lines() -> list[LogLine]:
    """The log, one line each."""
    found: list[LogLine] = []
    try:
        for record in log_records():
            for text in record.text.decode("utf-8", "backslashreplace").split("\n"):
                found.append(LogLine(record.ts_ns, text))
    except PykdumpError as error:
        pylog.warning(f"the kernel's log cannot be read: {error}")
    return found


def verdict(lines: Sequence[LogLine]) -> Verdict:
    """Why the dump was taken.

    :param lines: of the kernel's log.
    """
    table = task_table()
    panicked = table.panic_task()
    own = _stack(panicked) if panicked else None
    if not _died(own):
        return _alive(panicked, own)
    report = oops.read(lines)
    rule, evidence = _classify(report, panicked, own)
    task = _task_at_fault(rule, report, panicked)
    stack = own if task is panicked else _stack(task)
    at = failed_code.frame_at_fault(rule, stack, task is panicked)
    return _put_together(rule, evidence, report, panicked, task, stack, at)


def _stack(task: Task | None) -> TaskStack | None:
    return next(iter(task_stacks([task])), None) if task else None


def _died(stack: TaskStack | None) -> bool:
    if cpus.panic_cpu() is not None:
        return True
    names = _functions(stack)
    return any(name in ("panic", "vpanic", "__crash_kexec", "crash_kexec") for name in names)


def _functions(stack: TaskStack | None) -> list[str]:
    # The compiler splits functions: panic.cold is one of panic()'s pieces.
    frames = () if stack is None else stack.frames
    return [(frame.function or "").partition(".")[0] for frame in frames]


# --- the class


def _classify(
    report: Report | None, task: Task | None, stack: TaskStack | None
) -> tuple[PanicRule, str]:
    if report is not None and report.rule is not None:
        poisoned = _by_poison(report.rule, stack)
        return (poisoned, "registers") if poisoned else (report.rule, "log")
    return class_by_stack(_functions(stack), _entry(stack), _fault_address(report, task)), "stack"


def _rule(name: str) -> PanicRule:
    return next(rule for rule in RULES if rule.name == name)


def _by_poison(rule: PanicRule, stack: TaskStack | None) -> PanicRule | None:
    # "general protection fault" without an address, and bad addresses made of poison.
    if rule.name not in ("general-protection", "wild-pointer"):
        return None
    frame = next((each for each in (stack.frames if stack else ()) if each.failed_here), None)
    if frame is None or not frame.registers:
        return None
    _, operand = failed_code.instruction(stack, frame, "failed", None)
    where = None if operand is None else operand.addr
    return _rule("use-after-free") if where and _POISON.match(f"{where:016x}") else None


def class_by_stack(functions: Sequence[str], entry: str, fault_addr: int | None) -> PanicRule:
    """The class by what is on the stack, where the log does not tell it.

    :param entry: the function through which the exception came, "" without one.
    """
    for rule in RULES:
        if rule.name not in ("panic", "kexec") and set(rule.stack) & set(functions):
            return rule
    for rule in RULES:
        if entry and entry in rule.traps:
            if rule.name == "wild-pointer" and fault_addr is not None:
                if fault_addr < _NULL_PAGE:
                    return _rule("null-dereference")
                if _POISON.match(f"{fault_addr:016x}"):
                    return _rule("use-after-free")
            return rule
    return _rule("panic" if {"panic", "vpanic"} & set(functions) else "kexec")


def _entry(stack: TaskStack | None) -> str:
    before = ""
    for frame in stack.frames if stack else ():
        if frame.failed_here:
            return before
        before = (frame.function or "").partition(".")[0]
    return ""


def _fault_address(report: Report | None, task: Task | None) -> int | None:
    if report is not None and report.address is not None:
        return report.address
    if report is not None and report.rule is not None and report.rule.name not in _FAULTS:
        return None
    row = _THREAD.read(task.addr) if task else None
    trap_page_fault = 14
    return row.thread_cr2 if row is not None and row.thread_trap_nr == trap_page_fault else None


def _task_at_fault(rule: PanicRule, report: Report | None, panicked: Task | None) -> Task | None:
    table = task_table()
    if report is None:
        return panicked
    if rule.culprit == "named" and report.pid is not None:
        return table.by_pid.get(report.pid, panicked)
    if rule.culprit == "interrupted" and report.cpu is not None:
        return table.current(report.cpu) or panicked
    return panicked


def _place(frame: FrameRecord | None) -> Place | None:
    if frame is None:
        return None
    return Place(frame.addr, frame.function or "", frame.offset, frame.module)


def _put_together(
    rule: PanicRule,
    evidence: str,
    report: Report | None,
    panicked: Task | None,
    task: Task | None,
    stack: TaskStack | None,
    at: tuple[FrameRecord | None, str],
) -> Verdict:
    frame, how = at
    fault_addr = _fault_address(report, panicked)
    instruction, operand = failed_code.instruction(stack, frame, how, fault_addr)
    culprit = _place(failed_code.culprit(stack, frame, fault_addr))
    place = _place(frame)
    if place is None and report is not None and report.function:
        place = culprit = Place(0, report.function, report.offset, report.module)
    return Verdict(
        panic_class=rule.name,
        title=rule.title,
        evidence=evidence,
        message=report.message if report else "",
        reason=report.reason if report else "",
        task_addr=task.addr if task else 0,
        pid=task.pid if task else 0,
        comm=task.comm.decode("utf-8", "backslashreplace") if task else "",
        cpu=task.cpu if task else -1,
        state=task.state if task else "",
        panic_pid=panicked.pid if panicked else None,
        panic_comm=panicked.comm.decode("utf-8", "backslashreplace") if panicked else "",
        panic_cpu=cpus.panic_cpu(),
        place=place,
        culprit=culprit,
        how=how,
        instruction=instruction,
        operand=operand,
        fault_addr=operand.addr if fault_addr is None and operand else fault_addr,
        taints=taints.of_kernel(),
        tainting_modules=tuple(sorted(each.name for each in modules.modules() if each.taints)),
        lines=report.lines if report else (),
        main_lines=tuple(report.main_lines) if report else (),
        stack=stack,
        asked=_asked(_functions(stack)) if rule.name == "sysrq" else "",
        machine_checks=tuple(
            machine_checks(report.lines) if report and rule.name == "machine-check" else ()
        ),
        commands=tuple(more_commands.commands(rule.name, task, place, report, operand)),
    )


#: Functions on the stack of a sysrq, and where it came from.
_SYSRQ = (
    ("write_sysrq_trigger", "through /proc/sysrq-trigger"),
    ("sysrq_filter", "on a keyboard"),
    ("sysrq_handle_keypress", "on a keyboard"),
    ("uart_handle_sysrq_char", "on a serial console"),
    ("uart_try_toggle_sysrq", "on a serial console"),
    ("handle_sysrq", "by a driver"),
)


def _asked(functions: Sequence[str]) -> str:
    return next((text for name, text in _SYSRQ if name in functions), "")


def _alive(task: Task | None, stack: TaskStack | None) -> Verdict:
    return Verdict(
        panic_class="alive",
        title="no panic: the dump is of a live system",
        evidence="memory",
        message="",
        reason="",
        task_addr=task.addr if task else 0,
        pid=task.pid if task else 0,
        comm=task.comm.decode("utf-8", "backslashreplace") if task else "",
        cpu=task.cpu if task else -1,
        state=task.state if task else "",
        panic_pid=None,
        panic_comm="",
        panic_cpu=None,
        place=None,
        culprit=None,
        how="",
        instruction="",
        operand=None,
        fault_addr=None,
        taints=taints.of_kernel(),
        tainting_modules=tuple(sorted(each.name for each in modules.modules() if each.taints)),
        lines=(),
        main_lines=(),
        stack=stack,
    )
