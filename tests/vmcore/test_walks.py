# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks over the structures that the guest's module planted find what the guest itself listed."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

#: Run in GDB: walks everything that facts["module"] names, and prints what was found as JSON.
SCRIPT = """
import json
from LinuxDump import trees
from pykdump import lowlevel
from pykdump.walks import walk_list

module = json.load(open({facts!r}))["module"]

def told(walk):
    told = dict(end=walk.end, stopped_at=walk.stopped_at)
    for name in "nodes", "entries", "addrs", "buckets", "end_marker":
        if hasattr(walk, name):
            told[name] = getattr(walk, name)
    return told

found = dict(
    lists={{name: told(walk_list(planted["head"])) for name, planted in module["lists"].items()}},
    hlist_nulls=told(trees.hlist(module["hlist_nulls"]["head"], trees.HLIST_NULLS)),
    hash=told(trees.hash_table(module["hash"]["table"], len(module["hash"]["buckets"]))),
    llist=told(trees.llist(module["llist"]["head"])),
    klist=told(trees.klist(module["klist"]["klist"])),
    idr=told(trees.idr(module["idr"]["idr"])),
    radix=told(trees.radix_tree(module["radix"]["tree"])),
)
for name in "hlist", "hlist_cyclic", "hlist_empty":
    found[name] = told(trees.hlist(module[name]["head"]))
for name in "rbtree", "rbtree_cached", "rbtree_empty", "rbtree_cyclic":
    found[name] = told(trees.for_rbtree(module[name]["root"]))
for name in "xarray", "xarray_single", "xarray_empty", "xarray_values":
    found[name] = told(trees.xarray(module[name]["tree"]))
for name in "maple", "maple_empty", "maple_ranges":
    if name in module:
        found[name] = told(trees.maple_tree(module[name]["tree"]))
found["long_ids"] = [
    lowlevel.read_uint(node - {link}, 4) for node in found["lists"]["long"]["nodes"]
]
for name in "rbtree", "rbtree_cached", "rbtree_cyclic":
    found[name]["ids"] = [lowlevel.read_uint(node - {tree}, 4) for node in found[name]["nodes"]]
found["hash"]["ids"] = [lowlevel.read_uint(node - {hash}, 4) for node in found["hash"]["nodes"]]
print("FOUND " + json.dumps(found))
"""

_found: dict[str, Any] = {}


@cache
def offsets(ko: Path) -> dict[str, int]:
    """Members of the module's items, from the module's own debug info."""
    names = "link", "hash", "lockless", "kernel_list", "tree"
    words = ["gdb", "-nx", "-batch", str(ko)]
    for name in names:
        words += ["-ex", f"p (long) &((struct pykdump_item *) 0)->{name}"]
    words += ["-ex", "p (long) &((struct nulls_item *) 0)->node"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    numbers = [int(number) for number in re.findall(r"^\$\d+ = (\d+)$", done.stdout, re.MULTILINE)]
    return dict(zip((*names, "nulls"), numbers, strict=True))


def item_at(vmcore: Vmcore) -> dict[str, int]:
    cached = vmcore.directory.parent.parent / "modules" / vmcore.vmlinux.parent.name
    return offsets(cached / "pykdump_test.ko")


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What the walks found in a dump; GDB runs once for all tests."""
    if vmcore.name not in _found:
        script = tmp_path / "walks.py"
        facts = str(vmcore.directory / "facts.json")
        script.write_text(SCRIPT.format(facts=facts, **item_at(vmcore)))
        form = next(iter(vmcore.forms))
        files = " ".join(map(str, vmcore.forms[form]))
        run = gdb(f"target kdump {files}", f"source {script}", args=[vmcore.vmlinux])
        assert "FOUND " in run.out, run.err
        _found[vmcore.name] = json.loads(run.out.split("FOUND ", 1)[1])
    return _found[vmcore.name]


def whole(nodes: list[int]) -> tuple[str, list[int]]:
    return ("complete", nodes)


def walked(walk: Any) -> tuple[str, list[int]]:
    return (walk["end"], walk["nodes"])


def test_lists_end_as_the_guest_cut_them(vmcore: Vmcore, found: Any) -> None:
    ends = {
        **{"whole": "complete", "empty": "complete", "cyclic": "cycle", "self": "cycle"},
        **{"cut": "unreadable", "null": "unreadable", "unmapped": "unreadable"},
    }
    at = item_at(vmcore)["link"]
    for name, end in ends.items():
        planted, walk = vmcore.facts["module"]["lists"][name], found["lists"][name]
        assert walked(walk) == (end, [item + at for item in planted["items"]]), name
        if end != "complete":
            assert walk["stopped_at"] == planted["stop"], name


def test_long_list_has_every_item_in_order(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["module"]["lists"]["long"]
    assert found["lists"]["long"]["end"] == "complete"
    assert found["long_ids"] == list(range(planted["count"]))


def test_hlists_hold_the_guests_items(vmcore: Vmcore, found: Any) -> None:
    module, at = vmcore.facts["module"], item_at(vmcore)
    for name in "hlist", "hlist_empty":
        items = [item + at["hash"] for item in module[name]["items"]]
        assert walked(found[name]) == whole(items)
    cyclic = found["hlist_cyclic"]
    items = [item + at["hash"] for item in module["hlist_cyclic"]["items"]]
    assert walked(cyclic) == ("cycle", items)
    assert cyclic["stopped_at"] == module["hlist_cyclic"]["stop"]
    nulls = [item + at["nulls"] for item in module["hlist_nulls"]["items"]]
    assert walked(found["hlist_nulls"]) == whole(nulls)
    assert found["hlist_nulls"]["end_marker"] >> 1 == module["hlist_nulls"]["value"]


def test_hash_table_has_each_item_in_its_bucket(vmcore: Vmcore, found: Any) -> None:
    buckets = vmcore.facts["module"]["hash"]["buckets"]
    planted = [(bucket, id_) for bucket, ids in enumerate(buckets) for id_ in ids]
    assert found["hash"]["end"] == "complete"
    assert list(zip(found["hash"]["buckets"], found["hash"]["ids"])) == [*planted]


def test_llist_and_klist_hold_the_guests_items(vmcore: Vmcore, found: Any) -> None:
    module, at = vmcore.facts["module"], item_at(vmcore)
    newest_first = [item + at["lockless"] for item in reversed(module["llist"]["items"])]
    assert walked(found["llist"]) == whole(newest_first)
    on_klist = [item + at["kernel_list"] for item in module["klist"]["items"]]
    assert (found["klist"]["end"], found["klist"]["addrs"]) == whole(on_klist)


def test_rbtrees_come_in_the_guests_order(vmcore: Vmcore, found: Any) -> None:
    module = vmcore.facts["module"]
    for name in "rbtree", "rbtree_cached":
        assert found[name]["end"] == "complete"
        assert found[name]["ids"] == module[name]["ids"]
    assert walked(found["rbtree_empty"]) == whole([])


def test_rbtree_whose_leaf_leads_to_the_root_is_a_cycle(found: Any) -> None:
    walk = found["rbtree_cyclic"]
    assert walk["end"] == "cycle"
    assert walk["ids"] == [0, 1, 2]
    assert walk["stopped_at"] == walk["nodes"][1]


def test_xarrays_and_radix_trees_hold_the_guests_entries(vmcore: Vmcore, found: Any) -> None:
    for name in "xarray", "xarray_single", "xarray_empty", "radix":
        planted = vmcore.facts["module"][name]["entries"]
        assert found[name]["end"] == "complete"
        assert found[name]["entries"] == [[index, index, entry] for index, entry in planted]


def test_values_in_an_xarray_are_the_guests_numbers(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["module"]["xarray_values"]
    assert found["xarray_values"]["end"] == "complete"
    assert found["xarray_values"]["entries"] == [
        [planted["step"] * i, planted["step"] * i, (planted["first"] + i) << 1 | 1]
        for i in range(planted["count"])
    ]


def test_idr_holds_the_guests_ids(vmcore: Vmcore, found: Any) -> None:
    assert found["idr"]["end"] == "complete"
    assert found["idr"]["entries"] == vmcore.facts["module"]["idr"]["entries"]


def test_maple_trees_hold_the_guests_ranges(vmcore: Vmcore, found: Any) -> None:
    module = vmcore.facts["module"]
    if "maple" not in module:
        pytest.skip("not applicable: this kernel has no maple trees")
    for name, length in ("maple", 1), ("maple_empty", 0), ("maple_ranges", 0x800):
        assert found[name]["end"] == "complete"
        assert found[name]["entries"] == [
            [entry["end"] - length, entry["end"] - 1, entry["entry"]]
            for entry in module[name]["entries"]
        ]
