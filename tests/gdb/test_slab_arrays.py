# SPDX-License-Identifier: GPL-2.0-or-later
"""Caches of the SLAB allocator as mini_slab.c plants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb
from mini_dump import written
from writer.mini import mini_machine

FIRST_PFN = 0x300
VMEMMAP, STRUCT_PAGE = 0xFFFF_EA00_0000_0000, 64
RAM = ((0, 0xA0000), (0x100000, 0x8000000))
HUGE_PAGE = 1 << 21

SCRIPT = """
import json
from LinuxDump import Slab, pages
from pykdump import lowlevel
from pykdump.logging import pylog
memory = lowlevel.symbol_address("conf_slab_memory") + 128
where = lambda addrs: [divmod(addr - memory, 4096) for addr in addrs]
found = {}
for cache, stats in Slab.summarize():
    objects = Slab.objects_of(cache)
    found[cache.name] = dict(
        cache=cache[2:], stats=vars(stats), allocated=where(objects.allocated),
        free=where(objects.free), broken=len(objects.broken))
places = dict(used=3 * 64 + 5, kept=64, free=7 * 64, full=4096, between=9 * 64)
for name, at in places.items():
    page = pages.page_of(FIRST_PFN + at // 4096)
    owner = Slab.owner_of(memory + at, page)
    found[name] = [owner.cache.name, owner.object_addr and owner.object_addr - memory,
                   owner.offset, owner.is_allocated]
found["warnings"] = pylog.problems()
print("FOUND", json.dumps(found))
"""


@pytest.fixture(scope="module", params=["mini_elf", "mini_elf_variant"])
def found(
    plugin: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What is read of the slabs; of the variant, which has no struct slab, too."""
    vmlinux: Path = request.getfixturevalue(request.param)
    mini = mini_machine(vmlinux, tasks=2, ram=RAM)
    machine, kernel = mini.machine, mini.kernel
    frame = machine.alloc(HUGE_PAGE, HUGE_PAGE)
    kernel.tables.map(VMEMMAP, frame, HUGE_PAGE)
    planted = machine.read(kernel.phys(kernel.sym("conf_slab_pages")), 3 * STRUCT_PAGE)
    machine.write(frame + FIRST_PFN * STRUCT_PAGE, planted)
    folder = tmp_path_factory.mktemp("slab")
    dump, script = written(mini, vmlinux, folder / "vmcore"), folder / "script.py"
    script.write_text(SCRIPT.replace("FIRST_PFN", str(FIRST_PFN)))
    run = gdb(f"target kdump {dump.vmcore}", f"source {script}", args=[vmlinux])
    assert "FOUND " in run.out, run.out + run.err
    return json.loads(run.out.split("FOUND ", 1)[1])


def objects(slab: int, *numbers: int) -> list[list[int]]:
    return [[slab, 64 * number] for number in numbers]


def test_caches_have_the_sizes_of_their_structs(found: Any) -> None:
    assert found["conf_whole"]["cache"] == [60, 64, 8, 1]
    assert found["conf_damaged"]["cache"] == [64, 64, 4, 1]


def test_free_objects_are_those_of_slabs_cpus_and_nodes(found: Any) -> None:
    whole = found["conf_whole"]
    assert whole["allocated"] == objects(0, 0, 3) + objects(1, *range(8))
    assert whole["free"] == objects(0, 1, 2, 4, 5, 6, 7)
    stats = {"slabs": 2, "objects": 16, "allocated": 10, "free": 6, "partial_free": 3}
    assert (whole["stats"], whole["broken"]) == (stats, 0)


def test_damage_is_told_and_loses_no_object(found: Any) -> None:
    damaged = found["conf_damaged"]
    assert damaged["free"] == objects(2, 1)
    assert damaged["allocated"] == objects(2, 0, 2, 3)
    assert damaged["broken"] == 1
    warnings = "\n".join(found["warnings"])
    assert "1 lists of free objects of cache conf_damaged are broken" in warnings
    assert "of cache conf_damaged claims 5000 objects of 8" in warnings


def test_addresses_belong_to_their_objects(found: Any) -> None:
    assert found["used"] == ["conf_whole", 192, 5, True]
    assert found["kept"] == ["conf_whole", 64, 0, False]
    assert found["free"] == ["conf_whole", 448, 0, False]
    assert found["full"] == ["conf_whole", 4096, 0, True]
    assert found["between"][1] == 0
