# SPDX-License-Identifier: GPL-2.0-or-later
"""Resizable hash tables as mini_tables.c plants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb
from mini_dump import MiniDump, written
from writer.mini import mini_machine

SCRIPT = """
import json
from dataclasses import asdict
from LinuxDump import rhashtables
from pykdump import lowlevel
nodes = lowlevel.symbol_address("conf_rht_nodes")
found = {}
for name in ("moving", "nested", "deep", "broken", "odd_size", "cyclic", "lost", "lost_leaf"):
    entries = asdict(rhashtables.entries(lowlevel.symbol_address("conf_rht_" + name)))
    entries["nodes"] = [(addr - nodes) // 8 for addr in entries["addrs"]]
    found[name] = entries
first = lowlevel.symbol_address("conf_rhl")
found["same_key"] = [(addr - first) // 16 for addr in rhashtables.same_key(first)]
print("FOUND", json.dumps(found))
"""


def read(mini: MiniDump, directory: Path) -> Any:
    script = directory / "script.py"
    script.write_text(SCRIPT)
    run = gdb(f"target kdump {mini.vmcore}", f"source {script}", args=[mini.vmlinux])
    assert "FOUND " in run.out, run.out + run.err
    return json.loads(run.out.split("FOUND ", 1)[1])


@pytest.fixture(scope="module")
def tables(panicked: MiniDump, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return read(panicked, tmp_path_factory.mktemp("tables"))


def test_a_table_that_is_resized_has_the_entries_of_both(tables: Any) -> None:
    found = tables["moving"]
    assert sorted(found["nodes"]) == [0, 1, 2, 3, 4]
    assert (found["claimed"], found["broken"], len(found["table_addrs"])) == (5, [], 2)


@pytest.mark.parametrize("name, nodes", [("nested", [5]), ("deep", [6, 7])])
def test_nested_tables_are_followed_to_their_leaves(
    tables: Any, name: str, nodes: list[int]
) -> None:
    assert (tables[name]["nodes"], tables[name]["broken"]) == (nodes, [])


def test_damage_costs_what_lies_behind_it_and_is_named(tables: Any) -> None:
    broken, odd_size, lost = tables["broken"], tables["odd_size"], tables["lost"]
    assert sorted(broken["nodes"]) == [8, 9]
    assert len(broken["broken"]) == 1 and "0xffff7000deadbee0 (unreadable)" in broken["broken"][0]
    assert odd_size["nodes"] == [] and "has 3 buckets" in odd_size["broken"][0]
    assert lost["claimed"] == 7 and "deadbee" in lost["broken"][0]
    assert "deadbee0" in tables["lost_leaf"]["broken"][0]
    assert tables["cyclic"]["nodes"] == [9]


def test_entries_with_the_same_key_follow_the_first(tables: Any) -> None:
    assert tables["same_key"] == [0, 1, 2]


def test_tables_of_kernels_without_a_lock_in_the_bucket(
    plugin: None, mini_elf_variant: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf_variant, tasks=2, cpus=1)
    found = read(written(mini, mini_elf_variant, tmp_path / "vmcore"), tmp_path)["moving"]
    assert (sorted(found["nodes"]), found["broken"]) == ([0, 1, 2, 3, 4], [])
