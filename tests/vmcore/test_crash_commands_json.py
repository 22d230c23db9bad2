# SPDX-License-Identifier: GPL-2.0-or-later
"""--json of crash commands: one document, wherever on the line the option stands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crash_texts import texts
from harness import Vmcore

FOR_EACH = [
    "foreach bt --json",
    "foreach UN bt -s --json",
    "foreach active bt --json",
    "foreach --json UN files",
    "foreach files --json",
    "foreach vm --json",
    "foreach net --json",
    "foreach net -s --json",
    "foreach ps --json",
    "foreach ps -m --json",
    "foreach sig --json",
    "foreach set --json",
    "foreach task -R comm --json",
    "foreach rd -u 0 --json",
]
EXPRESSIONS = [
    *("p jiffies --json", "p --json jiffies", "whatis schedule --json", "gdb p 6 * 7 --json"),
    *("eval 5 --json", "eval --json 5"),
]


@pytest.fixture
def said(vmcore: Vmcore) -> dict[str, Any]:
    """The documents, and the number of tasks."""
    found = texts(vmcore, [*FOR_EACH, *EXPRESSIONS, "foreach files -R /dev/null --json", "ps -H"])
    return {name: text if name == "ps -H" else json.loads(text) for name, text in found.items()}


def test_foreach_makes_one_document_with_a_record_of_each_task(said: dict[str, Any]) -> None:
    tasks = {line.replace(">", " ").split()[3] for line in said["ps -H"].splitlines()}
    for name in FOR_EACH:
        assert said[name]["command"] == "foreach"
        addrs = [record["task"]["addr"].removeprefix("0x") for record in said[name]["records"]]
        assert len(addrs) == len(set(addrs)) and set(addrs) <= tasks, name
        if not {"UN", "active"} & set(name.split()):
            assert set(addrs) == tasks, name
        assert all(("records" in r) != ("error" in r) for r in said[name]["records"]), name


def test_records_of_foreach_are_of_their_task(said: dict[str, Any]) -> None:
    for name in ("foreach bt --json", "foreach files --json", "foreach ps --json"):
        for record in said[name]["records"]:
            assert [r["pid"] for r in record["records"]] == [record["task"]["pid"]], name
    for record in said["foreach UN bt -s --json"]["records"]:
        assert record["records"][0]["state"] == "D"
    for record in said["foreach set --json"]["records"]:
        assert f"    PID: {record['task']['pid']}" in record["records"]["lines"]
    for record in said["foreach files -R /dev/null --json"]["records"]:
        (found,) = record["records"]
        assert {file["path"] for file in found["files"]} <= {"/dev/null"}


def test_what_fails_for_a_task_is_told_in_its_record(said: dict[str, Any]) -> None:
    records = {r["task"]["pid"]: r for r in said["foreach rd -u 0 --json"]["records"]}
    assert "no user memory" in records[2]["error"]


def test_commands_of_expressions_take_it_at_either_end(said: dict[str, Any]) -> None:
    assert said["eval 5 --json"]["records"] == {"value": 5} == said["eval --json 5"]["records"]
    for name in ("p jiffies --json", "p --json jiffies"):
        assert said[name]["records"]["lines"][0].startswith("jiffies = $")
    assert said["whatis schedule --json"]["records"]["lines"] == ["void schedule(void);"]
    assert said["gdb p 6 * 7 --json"]["records"]["lines"][0].endswith(" = 42")
