# SPDX-License-Identifier: GPL-2.0-or-later
"""The log of dying kernels: classes, lines, places. Texts as the kernels' own format strings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

from LinuxDump import machine_checks  # noqa: E402
from LinuxDump import oops  # noqa: E402
from LinuxDump.log_findings import matches  # noqa: E402
from LinuxDump.oops import LogLine, Report  # noqa: E402
from LinuxDump.verdict import class_by_stack  # noqa: E402

PANIC = "Kernel panic - not syncing: "


def log(*texts: str) -> list[LogLine]:
    return [LogLine(10**9 + at, text) for at, text in enumerate(texts)]


def read(*texts: str) -> Report:
    report = oops.read(log("a line before", *texts))
    assert report is not None
    return report


def class_of(*texts: str) -> str:
    rule = read(*texts).rule
    return rule.name if rule else ""


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("sysrq", ["sysrq: Trigger a crash", f"{PANIC}sysrq triggered crash"]),
        (
            "sysrq",  # 4.18: by a write to NULL
            [
                "sysrq: SysRq : Trigger a crash",
                "BUG: unable to handle kernel NULL pointer dereference at 0000000000000000",
                "Oops: 0002 [#1] SMP NOPTI",
                "RIP: 0010:sysrq_handle_crash+0x12/0x20",
            ],
        ),
        (
            "null-dereference",
            [
                "BUG: unable to handle kernel NULL pointer dereference at 0000000000000028",
                "PGD 0 P4D 0 ",
                "Oops: 0000 [#1] SMP PTI",
            ],
        ),
        (
            "null-dereference",
            [
                "BUG: unable to handle kernel NULL pointer dereference at (null)",
                "Oops: 0000 [#1] SMP",
            ],
        ),
        (
            "wild-pointer",
            ["BUG: unable to handle kernel paging request at ffffc90000abc000", "Oops: 0002 [#1]"],
        ),
        (
            "wild-pointer",
            ["BUG: unable to handle page fault for address: fffffbad00c10008", "Oops: 0002 [#1]"],
        ),
        (
            "use-after-free",
            ["BUG: unable to handle page fault for address: dead000000000108", "Oops: 0002 [#1]"],
        ),
        (
            "use-after-free",
            [
                "general protection fault, probably for non-canonical address "
                "0xdead000000000122: 0000 [#1] SMP"
            ],
        ),
        ("general-protection", ["general protection fault: 0000 [#1] SMP PTI"]),
        ("general-protection", ["Oops: general protection fault: 0000 [#1] SMP PTI"]),
        (
            "wild-pointer",
            [
                "Oops: general protection fault, probably for non-canonical address "
                "0x1234567812345678: 0000 [#1] PREEMPT SMP"
            ],
        ),
        (
            "null-call",
            [
                "BUG: kernel NULL pointer dereference, address: 0000000000000000",
                "#PF: supervisor instruction fetch in kernel mode",
                "#PF: error_code(0x0010) - not-present page",
                "Oops: Oops: 0010 [#1] PREEMPT SMP",
            ],
        ),
        (
            "data-call",
            [
                "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)",
                "BUG: unable to handle page fault for address: ffffffffc0261768",
                "#PF: supervisor instruction fetch in kernel mode",
                "Oops: 0011 [#1]",
            ],
        ),
        (
            "list-corruption",
            [
                "list_add corruption. prev->next should be next (ffff8880), but was 0. (prev=ff).",
                "------------[ cut here ]------------",
                "kernel BUG at lib/list_debug.c:29!",
                "invalid opcode: 0000 [#1] SMP",
            ],
        ),
        (
            "bug",
            [
                "------------[ cut here ]------------",
                "kernel BUG at fs/inode.c:612!",
                "invalid opcode: 0000 [#1] SMP",
            ],
        ),
        ("invalid-opcode", ["invalid opcode: 0000 [#1] SMP"]),
        ("divide-error", ["divide error: 0000 [#1] SMP"]),
        (
            "double-fault",
            ["traps: PANIC: double fault, error_code: 0x0", "double fault: 0000 [#1]"],
        ),
        (
            "stack-overflow",
            [
                "BUG: stack guard page was hit at 00000000d1 (stack is 00..01)",
                "kernel stack overflow (double-fault): 0000 [#1] SMP",
            ],
        ),
        ("stack-overflow", [f"{PANIC}stack-protector: Kernel stack is corrupted in: f+0x1/0x2"]),
        ("stack-overflow", [f"{PANIC}corrupted stack end detected inside scheduler"]),
        (
            "soft-lockup",
            [
                "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [dd:17]",
                f"{PANIC}softlockup: hung tasks",
            ],
        ),
        (
            "hard-lockup",
            ["NMI watchdog: Watchdog detected hard LOCKUP on cpu 2", f"{PANIC}Hard LOCKUP"],
        ),
        (
            "hung-task",
            [
                "INFO: task dd:17 blocked for more than 120 seconds.",
                f"{PANIC}hung_task: blocked tasks",
            ],
        ),
        ("rcu-stall", ["rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", f"{PANIC}RCU Stall"]),
        (
            "oom",
            [
                "dd invoked oom-killer: gfp_mask=0x100cca, order=0, oom_score_adj=0",
                f"{PANIC}Out of memory: compulsory panic_on_oom is enabled",
            ],
        ),
        ("oom", [f"{PANIC}System is deadlocked on memory"]),
        (
            "machine-check",
            [
                "mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 4: b2",
                f"{PANIC}Fatal machine check",
            ],
        ),
        ("machine-check", [f"{PANIC}Timeout: Not all CPUs entered broadcast exception handler"]),
        (
            "nmi",
            ["Uhhuh. NMI received for unknown reason 2c on CPU 0.", f"{PANIC}NMI: Not continuing"],
        ),
        ("nmi", [f"{PANIC}NMI IOCK error: Not continuing"]),
        (
            "watchdog-device",
            [
                f"{PANIC}An NMI occurred. Depending on your system the reason for the "
                "NMI is logged in any one of the following resources:"
            ],
        ),
        ("watchdog-device", [f"{PANIC}watchdog pretimeout event"]),
        (
            "warn",
            ["WARNING: CPU: 1 PID: 7 at kernel/x.c:3 f+0x1/0x2", f"{PANIC}panic_on_warn set ..."],
        ),
        ("init-died", [f"{PANIC}Attempted to kill init! exitcode=0x0000000b"]),
        ("no-root", [f"{PANIC}VFS: Unable to mount root fs on unknown-block(0,0)"]),
        ("file-system", [f"{PANIC}EXT4-fs (device dm-0): panic forced after error"]),
        ("killed-context", [f"{PANIC}Aiee, killing interrupt handler!"]),
        (
            "kasan",
            [
                "BUG: KASAN: use-after-free in f+0x1/0x2",
                f"{PANIC}Fatal exception",
            ],
        ),
        ("panic", [f"{PANIC}something of a driver's own"]),
    ],
)
def test_classes(name: str, lines: list[str]) -> None:
    if name == "kasan":
        lines = [lines[0], "Oops: 0000 [#1] SMP", lines[1]]
    assert class_of(*lines) == name


OOPS = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000028",
    "#PF: supervisor read access in kernel mode",
    "Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "CPU: 1 PID: 363 Comm: a b Tainted: G           OE      6.1.0 #1",
    "RIP: 0010:fault.isra.0+0x10/0x30 [mod]",
    "RSP: 0018:ffffb0a1 EFLAGS: 00010246",
    "Call Trace:",
    " <TASK>",
    " caller+0x20/0x30 [mod]",
    "---[ end trace 0000000000000000 ]---",
)


def test_an_oops_tells_where_who_and_what_address() -> None:
    report = read("chatter", *OOPS, "after")
    assert (report.function, report.offset, report.module) == ("fault.isra.0", 0x10, "mod")
    assert (report.address, report.cpu, report.pid, report.comm) == (0x28, 1, 363, "a b")
    assert [line.text for line in report.lines] == list(OOPS)
    assert [line.text for line in report.main_lines] == list(OOPS[:5])


def test_a_panic_of_an_oops_is_of_its_class_and_has_its_lines() -> None:
    end = (f"{PANIC}Fatal exception in interrupt", f"---[ end {PANIC}Fatal exception ]---")
    report = read(*OOPS, *end, "after")
    assert report.rule is not None and report.rule.name == "null-dereference"
    assert report.reason == "Fatal exception in interrupt"
    assert [line.text for line in report.lines] == [*OOPS, *end]


def test_an_oops_that_the_kernel_survived_is_not_why_it_died() -> None:
    lines = log(*OOPS, "much later", f"{PANIC}hung_task: blocked tasks")
    report = oops.read(lines)
    assert report is not None and report.rule is not None and report.rule.name == "hung-task"
    assert [each.function for each in oops.survived(lines)] == ["fault.isra.0"]
    assert oops.survived(log(*OOPS, f"{PANIC}Fatal exception")) == []


def test_a_log_without_trouble_tells_nothing() -> None:
    assert oops.read(log("Linux version 6.1", "Memory: 1 GB")) is None
    assert oops.read([]) is None


def test_lockups_name_the_cpu_and_hung_tasks_the_task() -> None:
    soft = read(
        "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [dd x:17]",
        f"{PANIC}softlockup: hung tasks",
    )
    assert (soft.cpu, soft.pid, soft.comm) == (3, 17, "dd x")
    rcu = read(
        "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
        "rcu: \t5-...!: (1 GPs behind) idle=0/0/0x0",
        f"{PANIC}RCU Stall",
    )
    assert rcu.cpu == 5
    hung = read(
        "INFO: task a:b:21 blocked for more than 120 seconds.",
        "INFO: task other:22 blocked for more than 120 seconds.",
        f"{PANIC}hung_task: blocked tasks",
    )
    assert (hung.pid, hung.comm, len(hung.lines)) == (21, "a:b", 3)


@pytest.mark.parametrize(
    ("functions", "entry", "address", "name"),
    [
        (["panic", "sysrq_handle_crash"], "", None, "sysrq"),
        (["panic", "watchdog_timer_fn"], "", None, "soft-lockup"),
        (["panic", "oops_end", "f"], "asm_exc_page_fault", 0x28, "null-dereference"),
        (["panic", "oops_end", "f"], "page_fault", 0x6B6B6B6B6B6B6B93, "use-after-free"),
        (["panic", "oops_end", "f"], "asm_exc_page_fault", 0xFFFF0000, "wild-pointer"),
        (["oops_end", "f"], "asm_exc_divide_error", None, "divide-error"),
        (
            ["oops_end", "__list_del_entry_valid", "f"],
            "asm_exc_invalid_op",
            None,
            "list-corruption",
        ),
        (["oops_end", "f"], "asm_exc_invalid_op", None, "invalid-opcode"),
        (["vpanic", "f"], "", None, "panic"),
        (["__crash_kexec", "f"], "", None, "kexec"),
    ],
)
def test_without_a_log_the_stack_tells_the_class(
    functions: list[str], entry: str, address: int, name: str
) -> None:
    assert class_by_stack(functions, entry, address).name == name


def test_log_findings_are_counted() -> None:
    found = matches(
        log(
            "fine",
            "EXT4-fs error (device sda1): ext4_find_entry",
            "sda: I/O error, dev" " sda, sector 8",
            "I/O error, dev sdb, sector 9",
        )
    )
    assert [(rule.title, len(lines)) for rule, lines in found] == [
        ("file system errors: {n}", 1),
        ("I/O errors: {n}", 2),
    ]


def test_error_codes_of_machine_checks_have_words() -> None:
    # Intel SDM 3B, tables 16-9 to 16-15
    for code, words in (
        (0x0151, "instruction cache, L1, instruction fetch"),
        (0x0135, "data cache, L1, data read"),
        (0x0010, "instruction TLB, L0"),
        (0x009F, "memory controller, read"),
        (0x00C1, "memory controller, scrubbing, channel 1"),
        (0x0400, "internal timer"),
        (0x0E0B, "bus or interconnect"),
        (0x0005, "internal"),
    ):
        assert machine_checks.error_text(code) == words, hex(code)
