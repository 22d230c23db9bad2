# SPDX-License-Identifier: GPL-2.0-or-later
"""crashinfo on a copy of a dump in which trouble was planted afterwards."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb, launch

from harness import Vmcore
from test_hanginfo_damage import overwrite

NONSENSE = 0x4141_4141_4141_4140

#: Prints physical addresses of what is to be overwritten, and kernel addresses to write there.
PLACES = """
python
import json
from pykdump import lowlevel
from LinuxDump import Slab, pages
from LinuxDump.block_devices import disks
from LinuxDump.locks import read_mutex
from LinuxDump.task_records import task_table
def off(struct, member): return lowlevel.member(struct, member).offset
facts = json.load(open(FACTS))["module"]
table = task_table()
cache = next(each for each in Slab.caches() if each.addr == facts["slab"]["cache"])
next_at = lowlevel.read_uint(cache.addr + off("struct kmem_cache", "offset"), 4)
free = facts["slab"]["freed"][0] + next_at
rtnl, waiters = lowlevel.find_symbol("rtnl_mutex"), read_mutex(facts["locks"]["mutex"]).waiters
wait_list = off("struct mutex", "wait_list")
entry = off("struct mutex_waiter", "list")
sleeper = next(task for task in table.tasks if task.comm == b"pykd_sleeper")
stack = lowlevel.read_pointer(sleeper.addr + off("struct task_struct", "stack"))
disk = next(each for each in disks() if each.name == "loop7")
areas = [zone + off("struct zone", "free_area") for _, zone, _ in pages.zones()]
area = lowlevel.sizeof("struct free_area")
places = {
    "comm": table.panic_task().addr + off("struct task_struct", "comm"),
    "free": free,
    "rtnl owner": rtnl + off("struct mutex", "owner"),
    "rtnl first": rtnl + wait_list,
    "rtnl last": waiters[-1].addr + entry,
    "stack": stack,
    "disk": disk.addr + off("struct gendisk", "disk_name"),
    "load": lowlevel.find_symbol("avenrun"),
    "taint": lowlevel.find_symbol("tainted_mask"),
}
for number, first in enumerate(areas):
    for order in range(1, 11):
        places[f"area {number} {order}"] = first + order * area + off("struct free_area", "nr_free")
print("PLACES", json.dumps({name: lowlevel.dump().translate(at) for name, at in places.items()}))
print("VALUES", json.dumps([rtnl + wait_list, waiters[0].addr + entry]))
end
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Any:
    """6.1-panic with its report, and a copy of its dump that may be written to."""
    import harness

    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["elf-d31"]
    folder = tmp_path_factory.mktemp("trouble")
    target = folder / "vmcore"
    shutil.copy(original, target)
    target.chmod(0o600)
    yield vmcore, target
    target.unlink()


@pytest.fixture(scope="module")
def report(copy: tuple[Vmcore, Path]) -> Any:
    """What crashinfo says of the copy with all the trouble in it."""
    vmcore, target = copy
    script = target.with_name("places.gdb")
    facts = repr(str(vmcore.directory / "facts.json"))
    script.write_text(PLACES.replace("FACTS", facts))
    run = gdb(f"target kdump {target}", f"source {script}", args=[vmcore.vmlinux])
    found = re.search(r"^PLACES (.*)$", run.out, re.M)
    values = re.search(r"^VALUES (.*)$", run.out, re.M)
    assert found and values, run.out + run.err
    places = json.loads(found[1])
    head, first = json.loads(values[1])
    locks = vmcore.facts["module"]["locks"]
    overwrite(target, places["comm"], b"cssdagent\0")
    overwrite(target, places["free"], struct.pack("<Q", NONSENSE))
    overwrite(target, places["rtnl owner"], struct.pack("<Q", locks["owner"] | 1))
    overwrite(target, places["rtnl first"], struct.pack("<Q", first))
    overwrite(target, places["rtnl last"], struct.pack("<Q", head))
    overwrite(target, places["stack"], struct.pack("<Q", NONSENSE))
    overwrite(target, places["disk"], b"\1\2bad\0")
    overwrite(target, places["load"], struct.pack("<QQ", 100 << 11, 90 << 11))
    for name, place in places.items():
        if name.startswith("area "):
            overwrite(target, place, struct.pack("<Q", 0))
    run = launch(vmcore.vmlinux, target, "--batch", "-c", "crashinfo --json", "-c", "crashinfo")
    assert "Traceback" not in run.out + run.err, run.err
    return run.json()["report"], run.out


def finding(report: Any, pattern: str) -> dict[str, Any]:
    found = [each for each in report[0]["findings"] if re.search(pattern, each["title"])]
    assert len(found) == 1, [each["title"] for each in report[0]["findings"]]
    return dict(found[0])


def test_a_free_list_that_leads_astray(copy: tuple[Vmcore, Path], report: Any) -> None:
    name = copy[0].facts["module"]["slab"]["name"]
    found = finding(report, "^SLAB corruption: 1 slab of")
    assert name in found["title"] or found["command"].startswith("slab ")
    assert re.search(r"struct slab 0xffff[0-9a-f]{12}", found["details"][0])


def test_tasks_that_wait_for_rtnl_mutex(copy: tuple[Vmcore, Path], report: Any) -> None:
    found = finding(report, "rtnl_mutex")
    assert found["title"].startswith("2 tasks wait for rtnl_mutex")
    threads = copy[0].facts["module"]["threads"]
    (owner,) = [
        each for each in threads if each["task"] == copy[0].facts["module"]["locks"]["owner"]
    ]
    assert f"pid {owner['pid']} {owner['comm']}" in found["details"][0]


def test_an_agent_of_a_cluster_that_asked_for_the_crash(report: Any) -> None:
    assert "cssdagent asked for the crash" in finding(report, "Clusterware")["title"]


def test_a_stack_whose_end_was_overwritten(copy: tuple[Vmcore, Path], report: Any) -> None:
    (sleeper,) = [
        each for each in copy[0].facts["module"]["threads"] if each["comm"] == "pykd_sleeper"
    ]
    found = finding(report, "^1 stack is corrupted")
    assert found["details"][0].startswith(f"{sleeper['pid']} pykd_sleeper: ")


def test_a_disk_whose_name_makes_no_sense(report: Any) -> None:
    found = finding(report, "^1 disk is corrupted")
    assert "its name is" in found["details"][0] and "\x01" not in report[1]


def test_load_and_fragmentation(report: Any) -> None:
    assert "100.00 (1 min), 90.00 (5 min)" in finding(report, "high load average")["title"]
    found = finding(report, "memory is fragmented: no free 8 kB blocks")
    assert "DMA32" in " ".join(found["details"]) and found["command"] == "crash kmem -f"
    assert "Memory Fragmentation (kmem -f)" in report[1]


def test_a_dump_that_is_cut_short(copy: tuple[Vmcore, Path], tmp_path: Path) -> None:
    vmcore, target = copy
    cut = tmp_path / "cut"
    with target.open("rb") as file:
        cut.write_bytes(file.read(target.stat().st_size * 6 // 10))
    run = launch(vmcore.vmlinux, cut, "--batch", "-c", "crashinfo -q --json")
    if run.status == 2:  # what was cut off may be what nothing goes without
        assert "Traceback" not in run.err and run.err
        return
    titles = [each["title"] for each in run.json()["report"]["findings"]]
    assert any("the dump is cut short" in title for title in titles), titles
