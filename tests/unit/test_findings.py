# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of parents, trees of tasks, texts of verdicts: from records made by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

from LinuxDump import verdict_text  # noqa: E402
from LinuxDump.checks.parents import longest_chain  # noqa: E402
from LinuxDump.findings import Finding  # noqa: E402
from LinuxDump.oops import LogLine  # noqa: E402
from LinuxDump.operands import Operand  # noqa: E402
from LinuxDump.task_tree import Node, _lost, lines  # noqa: E402
from LinuxDump.verdict import Place, Verdict  # noqa: E402
from pykdump.printing import printable  # noqa: E402


def test_the_longest_chain_is_found_from_the_youngest_on() -> None:
    assert longest_chain({3: 2, 2: 1, 9: 1}) == ([3, 2, 1], False)
    assert longest_chain({}) == ([], False)


def test_parents_that_form_a_loop_are_told_and_end() -> None:
    chain, looped = longest_chain({1: 2, 2: 1, 5: 4})
    assert looped and len(chain) <= 4


def test_a_chain_of_very_many_is_no_recursion() -> None:
    count = 100_000
    chain, looped = longest_chain({pid: pid - 1 for pid in range(1, count)})
    assert (len(chain), looped) == (count, False)


def test_processes_that_are_their_own_ancestors_are_lost() -> None:
    assert sorted(_lost(0, {1: 0, 2: 1, 7: 8, 8: 7, 9: 8})) in ([7, 8], [7, 8, 9], [8, 7])
    assert _lost(0, {1: 0, 2: 1}) == []


def node(pid: int, *children: Node, threads: int = 0, comm: str = "sh") -> Node:
    return Node(0xFF00 + pid, pid, comm, "IN", threads, children)


def test_the_first_child_stands_in_its_parents_line() -> None:
    tree = node(1, node(2, node(3)), node(4), node(5))
    assert list(lines(tree, pids=True)) == [
        "sh(1)-+- sh(2)--- sh(3)",
        "      |- sh(4)",
        "      `- sh(5)",
    ]


def test_branches_go_on_below_children_that_have_children() -> None:
    tree = node(1, node(2, node(3), node(4)), node(5))
    assert list(lines(tree, states=True)) == [
        "sh[IN]-+- sh[IN]-+- sh[IN]",
        "       |         `- sh[IN]",
        "       `- sh[IN]",
    ]


def test_threads_are_counted_below_their_process() -> None:
    assert list(lines(node(1, threads=4, comm="many"), threads=True)) == ["many--- 4*[{many}]"]
    assert node(1, node(2, threads=3)).count() == 5


def test_a_chain_of_processes_may_be_deeper_than_pythons_stack() -> None:
    tree = node(0)
    for pid in range(1, 5000):
        tree = Node(pid, pid, "x", "IN", 0, (tree,))
    assert len(list(lines(tree))) == 1


# --- verdicts

VERDICT: dict[str, Any] = dict(
    panic_class="null-dereference",
    title="NULL pointer dereference",
    evidence="log",
    message="BUG: kernel NULL pointer dereference, address: 0000000000000028",
    reason="Fatal exception",
    task_addr=0xFFFF888000001000,
    pid=7,
    comm="a\x1bb",
    cpu=1,
    state="R",
    panic_pid=7,
    panic_comm="a\x1bb",
    panic_cpu=1,
    place=Place(0x1010, "fault", 0x10, "mod"),
    culprit=Place(0x1010, "fault", 0x10, "mod"),
    how="failed",
    instruction="mov    0x28(%rbx),%rax",
    operand=Operand(
        *("0x28(%rbx)", "read", 0x28, "bx", 0, "victim", "struct victim *", "count", 0x28),
        is_inferred=False,
    ),
    fault_addr=0x28,
    taints="OE",
    tainting_modules=("mod",),
    lines=(),
    main_lines=(LogLine(1_500_000_000, "BUG: here\x1b[31m"),),
    stack=None,
)


def verdict(**other: Any) -> list[str]:
    return list(verdict_text.verdict_lines(Verdict(**{**VERDICT, **other}), 0))


def test_the_verdict_says_what_where_and_why() -> None:
    text = " ".join(" ".join(verdict()).split())
    assert text.startswith("NULL pointer dereference class: null-dereference (told by the log)")
    assert 'task: pid 7 "a\\x1bb" on CPU 1, running' in text
    assert "code: failed at fault+0x10 [mod]" in text
    assert "reads 0x28(%rbx) where bx = 0x0 is victim (struct victim *)" in text
    assert "victim->count at 0x28 at address 0x28" in text
    assert "O: module from outside the kernel's tree" in text and "(modules: mod)" in text
    assert "[ 1.500000] BUG: here\\x1b[31m" in text and "\x1b" not in text


def test_who_reported_another_task_is_named_and_helpers_too() -> None:
    text = " ".join(
        " ".join(
            verdict(
                panic_pid=34,
                panic_comm="khungtaskd",
                panic_cpu=0,
                culprit=Place(0x2020, "caller", 0x20, ""),
            )
        ).split()
    )
    assert 'reported by: pid 34 "khungtaskd" on CPU 0' in text
    assert "failed at fault+0x10 [mod], for caller+0x20" in text


def test_a_live_system_has_no_verdict_but_its_taints() -> None:
    assert verdict(panic_class="alive", title="no panic", operand=None)[0] == "No panic"


def test_findings_are_numbered_with_their_commands() -> None:
    shown = list(verdict_text.findings_lines([Finding(80, "bad", ("detail",), "hanginfo")]))
    assert shown[1:] == [
        "1 finding, the weightiest first",
        "  1   error  bad   -> pykdump hanginfo",
        "             detail",
    ]
    assert list(verdict_text.findings_lines([])) == ["", "No check found anything."]


@pytest.mark.parametrize(
    ("weight", "word"), [(80, "error"), (65, "error"), (50, "warning"), (20, "note")]
)
def test_weights_have_names(weight: int, word: str) -> None:
    assert Finding(weight, "x").severity == word


def test_texts_of_the_dump_do_no_harm() -> None:
    assert printable("tab\there\x1b[1m") == "tab\\there\\x1b[1m"
    assert printable("smörgås→") == "smörgås→"
