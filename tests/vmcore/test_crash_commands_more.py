# SPDX-License-Identifier: GPL-2.0-or-later
"""Callers in the log, addresses of kmem -f and -v, tasks by regular expressions."""

from __future__ import annotations

import re

import pytest

from crash_texts import texts
from harness import Vmcore

_RECORD = re.compile(r"\[ *\d+\.\d{6}\] \[ *([TC]\d+)\] (.*)")


def callers(vmcore: Vmcore) -> list[tuple[str, str]]:
    lines = texts(vmcore, ["log -c"])["log -c"].splitlines()
    return [(found[1], found[2]) for line in lines if (found := _RECORD.match(line))]


def test_the_log_tells_who_called_printk(vmcore: Vmcore) -> None:
    found = callers(vmcore)
    assert len(found) > 100
    assert ["T0"] == [caller for caller, line in found if line.startswith("Linux version ")]
    inits = [caller for caller, line in found if re.match(r"Run /\w+ as init process", line)]
    assert inits and set(inits) == {"T1"}
    for caller, line in found:
        stack = re.match(r"CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: ", line)
        if stack:  # the kernel's own words for the task, or the CPU that was interrupted
            assert caller in (f"T{stack[2]}", f"C{stack[1]}")
    # The same lines as without it.
    plain = texts(vmcore, ["log"])["log"].splitlines()
    assert [line for _, line in found] == [
        line.split("] ", 1)[1] for line in plain if re.match(r"\[ *\d+\.\d{6}\] ", line)
    ]


def test_a_page_of_a_free_block_is_found_in_its_list(vmcore: Vmcore) -> None:
    whole = texts(vmcore, ["kmem -F", "sys"])["kmem -F"]
    order, area, block = max(
        (int(found[1]), found[2], found[3])
        for found in re.finditer(r"^ *(\d+) +\d+k +([0-9a-f]+) *\n([0-9a-f]{16})$", whole, re.M)
    )
    size = int(re.search(r"SIZE: (\d+)", texts(vmcore, ["struct page"])["struct page"])[1])
    other = f"{int(block, 16) + 2 * size:x}"
    answers = texts(vmcore, [f"kmem -f {block}", f"kmem -f {other}", f"kmem -p {block}"])
    assert re.search(rf"^ *{order} +\d+k +{area} *\n{block}  ", answers[f"kmem -f {block}"], re.M)
    assert f"{block}  ({other} is 3rd of {1 << order} pages)" in answers[f"kmem -f {other}"]


def test_why_the_task_that_panicked_ran(vmcore: Vmcore) -> None:
    trigger = vmcore.facts["trigger"]
    said = texts(vmcore, ["set -p"])["set -p"]
    if trigger == "none":
        assert said.startswith("ERROR ")
    else:
        assert said.endswith(f"({'SYSRQ' if trigger == 'sysrq' else 'PANIC'})\n")


def test_an_address_in_a_task_is_of_this_task(vmcore: Vmcore) -> None:
    # They lie side by side in slabs, and what vmlinux takes for their size may be larger.
    rows = [line.split() for line in texts(vmcore, ["ps -k"])["ps -k"].splitlines()]
    tasks = {f"kmem {int(row[3], 16) + 8:x}": row[0] for row in rows if row[0].isdecimal()}
    chosen = list(tasks)[1:40]
    found = texts(vmcore, chosen)
    shown = {asked: re.findall(r"^ *PID: (\d+)$", found[asked], re.M) for asked in chosen}
    assert shown == {asked: [tasks[asked]] for asked in chosen}


def test_registers_of_the_fault_are_those_of_the_oops(vmcore: Vmcore) -> None:
    if "fault" not in vmcore.facts["trigger"]:
        pytest.skip("not applicable: no fault in the kernel")
    console = (vmcore.directory / "console.log").read_text(errors="replace")
    oops = re.search(r"RIP: 0010:pykdump_fault_here.*?R15: \w+", console, re.S)[0]
    block = texts(vmcore, ["bt"])["bt"].split("[exception RIP: pykdump_fault_here", 1)[1]
    told, shown = registers(oops), registers(block.split("CS: ")[0])
    assert len(told) == 16 and told.items() <= shown.items()


def registers(text: str) -> dict[str, int]:
    """R08 and R8 are one; segments are left out."""
    found = re.findall(r"\bR(?:0(?=\d))?(\w+): (?:\w{4}:)?([0-9a-f]{16})\b", text)
    return {name: int(value, 16) for name, value in found}


def test_an_area_is_found_by_an_address_in_it(vmcore: Vmcore) -> None:
    heading, *areas = texts(vmcore, ["kmem -v"])["kmem -v"].splitlines()
    row = areas[len(areas) // 2]
    inside = f"{int(row.split()[2], 16) + 8:x}"
    assert texts(vmcore, [f"kmem -v {inside}"])[f"kmem -v {inside}"] == f"{heading}\n{row}\n"


def test_tasks_are_chosen_by_regular_expressions_with_blanks(vmcore: Vmcore) -> None:
    commands = ["foreach 'kthreadd|no such' set", 'foreach "^(init| x)$" task -R pid,comm']
    answers = texts(vmcore, commands)
    assert set(re.findall(r"PID: (\d+)", answers[commands[0]])) == {"2"}
    assert "  pid = 1\n" in answers[commands[1]] and answers[commands[1]].count("PID: ") == 1
