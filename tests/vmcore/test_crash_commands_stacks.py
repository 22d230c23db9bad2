# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole stacks beside /proc/PID/stack, pages beside /proc/PID/maps, structs as crash has them."""

from __future__ import annotations

import re

import pytest

from crash_texts import texts
from harness import Vmcore
from test_crash_commands_facts import sleepers


def of_proc(stack: str) -> list[str]:
    return re.findall(r"^\[<0>\] (\S+?)\+", stack, re.M)


def is_in_order(wanted: list[str], found: list[str]) -> bool:
    rest = iter(found)
    return all(name in rest for name in wanted)


def test_words_of_a_stack_begin_where_the_task_goes_on(vmcore: Vmcore) -> None:
    stacks = {task["pid"]: of_proc(task["stack"] or "") for task in vmcore.facts["tasks"]}
    pids = [pid for pid in sleepers(vmcore) if stacks.get(pid)]
    if not pids:
        pytest.skip("not applicable: the facts have no stacks of processes that slept")
    commands = [f"{name} {pid}" for pid in pids for name in ("bt -t", "bt -o")]
    found = texts(vmcore, commands)
    for pid in pids:
        for name in "bt -t", "bt -o":
            lines = found[f"{name} {pid}"].splitlines()[1:]
            if name == "bt -t":
                start = re.fullmatch(r" +START: (\S+ at \w+)", lines.pop(0))
                assert start is not None
            rows = [re.match(r" *(?:#\d+ )? *\[(\w+)\] ((\S+) at \w+)", line) for line in lines]
            calls = [row for row in rows if row is not None]
            # What it goes on at is a word of its stack, too, behind saved registers.
            assert start[1] in [row[2] for row in calls[:3]], lines[:3]
            assert start[1].startswith("__schedule at ")
            assert is_in_order(stacks[pid], [row[3] for row in calls]), (pid, lines)


def test_the_boot_cpus_idle_task_was_called_from_init_code(vmcore: Vmcore) -> None:
    (text,) = texts(vmcore, ["foreach 0 bt -t"]).values()
    first = text.split("\n\n")[0]
    if "START: __schedule" not in first:
        pytest.skip("not applicable: the idle task of CPU 0 did not sleep")
    assert re.search(r"^  \[\w+\] start_kernel at \w+$", first, re.M), first


def test_each_page_of_a_mapping_is_told_of(vmcore: Vmcore) -> None:
    pid = sleepers(vmcore)[0]
    maps = vmcore.facts["processes"][str(pid)]["maps"]
    (text,) = texts(vmcore, [f"vm -p {pid}"]).values()
    for line in maps.splitlines():
        first, last = (int(word, 16) for word in line.split()[0].split("-"))
        if first >> 63:  # vsyscall has no vm_area_struct
            continue
        row = re.search(rf"^\w+ +{first:x} +{last:x} .*\n.*\n((?:.+\n)*)", text, re.M)
        assert row is not None, line
        told = 0
        for page in row[1].splitlines():
            addr, shown = page.split(None, 1)
            hole = re.fullmatch(r"\(not mapped, up to (\w+)\)", shown)
            told += int(hole[1], 16) - int(addr, 16) if hole else vmcore.facts["page_size"]
        assert told == last - first, line


def test_no_task_panicked_where_the_guest_lived_on(vmcore: Vmcore) -> None:
    (text,) = texts(vmcore, ["bt -p"]).values()
    if vmcore.facts["trigger"] == "none":
        assert text == "ERROR bt: no task panicked"
    else:
        assert re.match(r"PID: \d+ ", text)


def test_a_task_is_shown_with_its_thread_info(vmcore: Vmcore) -> None:
    (text,) = texts(vmcore, ["task 1"]).values()
    inside = re.search(r"^  thread_info = \{\n((?:    .*\n)+)", text, re.M)
    behind = re.search(r"^struct thread_info \{\n((?:  .*\n)+)", text, re.M)
    assert behind is not None and inside is not None
    assert [line.strip() for line in behind[1].splitlines()] == [
        line.strip() for line in inside[1].splitlines()
    ]


def test_members_of_unions_have_their_own_offsets(vmcore: Vmcore) -> None:
    # GDB 13 itself counts these wrong.
    names = ("lru", "mapping", "private", "_refcount")
    found = texts(vmcore, ["struct -o page", *(f"struct -o page.{name}" for name in names)])
    for name in names:
        pattern = rf"^ +\[(\d+)\] .*[ *]{name};$"
        (at,) = re.findall(pattern, found[f"struct -o page.{name}"], re.M)
        assert at in re.findall(pattern, found["struct -o page"], re.M), name


def test_hexadecimal_leaves_texts_and_names(vmcore: Vmcore) -> None:
    asked = ["struct -x task_struct init_task", "p -x init_task.comm"]
    found = texts(vmcore, asked)
    assert re.search(r'  comm = "swapper/0', found[asked[0]])
    assert re.search(r"sched_class = 0x\w+ <\w+>,", found[asked[0]])
    assert '"swapper/0' in found[asked[1]]


def test_a_piece_of_memory_is_searched_in_full(vmcore: Vmcore) -> None:
    # Of zeros there are more in all memory than a search tells of.
    words = texts(vmcore, ["rd init_task 32", "search -s init_task -l 256 0"])
    zeros = []
    for line in words["rd init_task 32"].splitlines():
        at, first, second = line.split()[:3]
        start = int(at.rstrip(":"), 16)
        zeros += [start + 8 * n for n, word in enumerate((first, second)) if not int(word, 16)]
    found = words["search -s init_task -l 256 0"].splitlines()
    assert [int(line.split(":")[0], 16) for line in found] == zeros and zeros
