# SPDX-License-Identifier: GPL-2.0-or-later
"""Slabs, pages, per-CPU data and searches of real dumps, beside what the guest said of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = """
import json
from LinuxDump import Slab, pages, percpu, vm_counters, whatis
from pykdump import lowlevel
from pykdump.layout import Layout

module = json.load(open({facts!r}))["module"]
planted = Slab.cache_named("pykdump_object")
objects = Slab.objects_of(planted)
dynamic = module["percpu"]["dynamic"]
at = dict(
    allocated=module["slab"]["allocated"]["0"] + 5,
    freed=module["slab"]["freed"][0],
    page=module["memory"]["page"]["address"] + 0x1010,
    vmalloc=module["memory"]["vmalloc"]["address"] + 4100,
    struct_page=module["memory"]["page"]["struct_page"],
    module=module["memory"]["magic_at"],
    percpu=module["percpu"]["cpus"][1]["int_address"],
    dynamic=module["percpu"]["cpus"][1]["dynamic_address"],
    stack=module["threads"][0]["task"],
    static=percpu.find_per_cpu("runqueues", 1) + 8,
    image=lowlevel.symbol_address("init_task"),
    user=0x1234,
)
stack = Layout("struct task_struct", "stack").read(at["stack"]).stack
at["stack"] = stack + 0x800
rows = {{}}
for cache, stats in Slab.summarize():
    rows[cache.name] = [
        stats.objects - stats.partial_free, stats.objects, cache.size,
        cache.objects_per_slab, cache.pages_per_slab, stats.slabs,
    ]
print("FOUND " + json.dumps(dict(
    vmemmap=pages.vmemmap(),
    page_offset=pages.page_offset(),
    allocated=sorted(objects.allocated),
    free=sorted(objects.free),
    caches=rows,
    histogram=sum(pages.flag_histogram().values()),
    classes={{name: sum(end - first for first, end in pages.class_ranges(name))
             for name in pages.CLASSES}},
    counters={{**vm_counters.node_counters(), **vm_counters.zone_counters()}},
    blocks=[[b.zone, b.linked, b.counted] for b in pages.free_blocks()],
    counter=percpu.counter_sums([module["percpu"]["counter"]["address"]]),
    sums=percpu.sums([dynamic, 0], 8),
    places={{name: [place.kind, place.text, place.details] for name, place in
             ((name, whatis.what_is(addr)) for name, addr in at.items())}},
)))
"""

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What was found in a dump; GDB runs once for all tests."""
    if vmcore.name not in _found:
        script = tmp_path / "memory.py"
        script.write_text(SCRIPT.format(facts=str(vmcore.directory / "facts.json")))
        run = run_in(vmcore, f"source {script}")
        assert "FOUND " in run, run
        _found[vmcore.name] = json.JSONDecoder().raw_decode(run.split("FOUND ", 1)[1])[0]
    return _found[vmcore.name]


def run_in(vmcore: Vmcore, command: str, form: str | None = None) -> str:
    files = " ".join(map(str, vmcore.forms[form or next(iter(vmcore.forms))]))
    run = gdb(f"target kdump {files}", command, args=[vmcore.vmlinux])
    return run.out + run.err


def tool_json(vmcore: Vmcore, command: str) -> Any:
    out = run_in(vmcore, f"pykdump {command} --json")
    return json.JSONDecoder().raw_decode(out, out.index("{\n"))[0]


def test_bases_are_the_guests(vmcore: Vmcore, found: Any) -> None:
    memory = vmcore.facts["module"]["memory"]
    assert found["vmemmap"] == memory["vmemmap"]
    assert found["page_offset"] == memory["page_offset"]


def test_objects_of_a_cache_are_those_the_guest_has(vmcore: Vmcore, found: Any) -> None:
    slab = vmcore.facts["module"]["slab"]
    assert found["allocated"] == sorted(slab["allocated"].values())
    assert set(slab["freed"]) <= set(found["free"])


def test_caches_are_those_of_slabinfo(vmcore: Vmcore, found: Any) -> None:
    lines = vmcore.facts["files"]["/proc/slabinfo"].splitlines()[2:]
    rows = {line.split()[0]: line.split() for line in lines}
    assert set(rows) == set(found["caches"])
    same = 0
    for name, row in rows.items():
        told = [*map(int, row[1:6]), int(row[14])]
        assert found["caches"][name][2:5] == told[2:5], name  # sizes never change
        same += found["caches"][name] == told
    # The guest worked on after it had read its own slabinfo: most caches did not see it.
    assert same >= 0.8 * len(rows)
    row = rows["pykdump_object"]
    assert found["caches"]["pykdump_object"][:2] == [int(row[1]), int(row[2])]


def test_every_page_has_flags(vmcore: Vmcore, found: Any) -> None:
    total = re.search(r"^MemTotal: +(\d+) kB", vmcore.facts["files"]["/proc/meminfo"], re.MULTILINE)
    assert total and found["histogram"] >= int(total[1]) // 4  # of 4 KiB


def test_pages_of_each_class_are_as_many_as_the_kernel_counts(vmcore: Vmcore, found: Any) -> None:
    counters, classes = found["counters"], found["classes"]
    lines = vmcore.facts["files"]["/proc/vmstat"].splitlines()
    vmstat = {name: int(value) for name, value in map(str.split, lines)}
    # mm/vmstat.c: a CPU keeps up to 125 to itself; both fell behind while the guest ran on.
    slack = 125 * len(vmcore.facts["module"]["percpu"]["cpus"])
    for name, counter, file_name in (
        ("anon", "NR_ANON_MAPPED", "nr_anon_pages"),
        ("file", "NR_FILE_PAGES", "nr_file_pages"),
        ("free", "NR_FREE_PAGES", "nr_free_pages"),
        ("table", "NR_PAGETABLE", "nr_page_table_pages"),
    ):
        assert abs(classes[name] - counters[counter]) <= slack, name
        assert abs(classes[name] - vmstat[file_name]) <= 0.5 * vmstat[file_name], name
    # Large blocks of kmalloc() count as slab pages, and lie in no slab.
    slab = counters["NR_SLAB_RECLAIMABLE_B"] + counters["NR_SLAB_UNRECLAIMABLE_B"]
    assert 0.75 * slab <= classes["slab"] <= slab + slack
    told = vmstat["nr_slab_reclaimable"] + vmstat["nr_slab_unreclaimable"]
    assert abs(classes["slab"] - told) <= 0.3 * told


def test_free_lists_hold_as_many_blocks_as_their_zones_count(found: Any) -> None:
    assert found["blocks"]
    for zone, linked, counted in found["blocks"]:
        assert linked == counted, zone


def test_per_cpu_counters_are_summed_over_the_cpus(vmcore: Vmcore, found: Any) -> None:
    percpu = vmcore.facts["module"]["percpu"]
    assert found["counter"] == [percpu["counter"]["sum"]]
    assert found["sums"] == [sum(cpu["dynamic"] for cpu in percpu["cpus"]), 0]


def test_addresses_are_what_the_guest_planted_there(vmcore: Vmcore, found: Any) -> None:
    module, places = vmcore.facts["module"], found["places"]
    kinds = {
        **{"allocated": "slab", "freed": "slab", "page": "page", "vmalloc": "vmalloc"},
        **{"struct_page": "struct page", "module": "module", "percpu": "per-CPU"},
        **{"dynamic": "per-CPU", "static": "per-CPU", "stack": "stack"},
        **{"image": "kernel", "user": "user"},
    }
    assert {name: place[0] for name, place in places.items()} == kinds
    details = {name: place[2] for name, place in places.items()}
    slab = module["slab"]
    assert details["allocated"]["object_addr"] == slab["allocated"]["0"]
    assert (details["allocated"]["offset"], details["allocated"]["is_allocated"]) == (5, True)
    assert details["freed"]["object_addr"] == slab["freed"][0]
    assert not details["freed"]["is_allocated"]
    assert details["module"]["module"] == "pykdump_test"
    assert details["percpu"]["cpu"] == 1
    assert (details["static"]["cpu"], details["static"]["symbol"]) == (1, "runqueues+0x8")
    assert details["stack"]["pid"] == module["threads"][0]["pid"]
    assert "pykdump_plant_memory" in details["vmalloc"]["caller"]
    assert details["page"]["pfn"] == module["memory"]["page"]["phys"] // 4096 + 1


def test_search_finds_every_planted_number_and_refs_who_points_there(vmcore: Vmcore) -> None:
    module = vmcore.facts["module"]
    magic, objects = module["memory"]["magic"], module["slab"]["allocated"]
    hits = tool_json(vmcore, f"search {magic:x} --limit 5000")["hits"]
    addrs = {int(hit["addr"], 16) for hit in hits}
    assert addrs >= {module["memory"]["magic_at"], *objects.values()}
    text = tool_json(vmcore, "search -s 'object 77' -w")["hits"]
    expected = [objects["77"] + 12] if "77" in objects else []  # struct pykdump_object.text
    assert [int(hit["addr"], 16) for hit in text if hit["kind"] == "slab"] == expected
    refs = tool_json(vmcore, f"refs {objects['0']:x}")["hits"]
    assert any("pykdump_objects [pykdump_test]" in hit["text"] for hit in refs)
