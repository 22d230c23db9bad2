# SPDX-License-Identifier: GPL-2.0-or-later
"""Layouts of the planted structure and its module's per-CPU variables, beside the facts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

NAMES = """
u8_max s8_min u16_max s16_min u32_max s32_min u64_max s64_min yes no letter color negative_color
cookie qualified ubits3 sbits3 bit1 ubits20 ubits40 sbits24 byte_bits anon_whole anon_low anon_high
anon_member point_pointer bad
""".split()
PATHS = ("ints[1]", "grid[1][2]", "cube[1][0][1]", "points[1].y", "point.x", "inner_point.y")

SCRIPT = """
import json
from LinuxDump import percpu, trees, whatis
from pykdump.API import readSU, structSetAttr
from pykdump.errors import PykdumpError
from pykdump.layout import CString, Layout

def error(call):
    try:
        return repr(call())
    except (PykdumpError, ValueError) as error:
        return str(error)

at, shapes, module = {at}, "struct pykdump_shapes", json.load(open({facts!r}))["module"]
a = readSU("struct xarray", module["xarray"]["tree"])
entries = [[first, entry] for first, _, entry in trees.xarray(a).entries]
structSetAttr(shapes, "Ordinate", ["no_such.member", "points[9].y", "point.y"])
text = Layout(shapes, CString("text"), CString("names[0]"), CString("string")).read(at)
ints = Layout(shapes, "ints").read_many([at])[0].ints
columns = Layout(shapes, "u8_max", "point.x").read_columns([at, 0, at, 0x6b6b6b6b6b6b6b6b])
print("FOUND " + json.dumps(dict(
    plain=[int(value) for value in Layout(shapes, *{names}).read(at)],
    paths=list(Layout(shapes, *{paths}).read(at)),
    names=Layout(shapes, *{paths}).read(at)._fields,
    ints=memoryview(ints).cast("i").tolist(),
    pseudo=Layout(shapes, "Ordinate").read(at).Ordinate,
    texts=[value.decode() for value in text],
    slices=[columns.u8_max[1:3], columns.u8_max[::-1], columns.point_x[-9:1]],
    refused=[error(lambda: Layout(shapes, CString("u8_max")).read(at)),
             error(lambda: Layout(shapes, "ints[4]").read(at)),
             error(lambda: Layout(shapes, "u8_max[0]").read(at)),
             error(lambda: Layout("struct no_such", "member").read(at))],
    structs=dict(
        xarray=entries,
        idr=trees.idr(readSU("struct idr", module["idr"]["idr"])).entries,
        klist=trees.klist(readSU("struct klist", module["klist"]["klist"])).addrs,
        rbtree=len(trees.for_rbtree(readSU("struct rb_root", module["rbtree"]["root"])).nodes),
        points=Layout("struct pykdump_point", "x", "y").read_array(
            readSU(shapes, at).points[0], 3),
    ),
    percpu=percpu.get_cpu_var("pykdump_percpu_int"),
    type=percpu.get_cpu_var_type("pykdump_percpu_struct"),
    values=[row.value for row in Layout("struct pykdump_percpu", "value").read_many(
        percpu.per_cpu_array("pykdump_percpu_struct"))],
    no_variable=error(lambda: percpu.per_cpu("init_task", 0)),
    no_address=whatis.what_is(0x6b6b6b6b6b6b6b6b).text,
    offset=[whatis.address(text) - whatis.address("init_task")
            for text in ("init_task+0x10", "init_task+0x18/0x2000", "&init_task+8")],
)))
"""

GUIDE = Path(__file__).parents[2] / "docs" / "many-objects.md"

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What was found in a dump; GDB runs once for all tests."""
    if vmcore.name not in _found:
        # Where pages of the module are excluded GDB cannot be told where it lies.
        form = "elf" if "elf" in vmcore.forms else next(iter(vmcore.forms))
        script = tmp_path / "layouts.py"
        shapes = vmcore.facts["module"]["shapes"]
        facts = str(vmcore.directory / "facts.json")
        text = SCRIPT.format(at=shapes["address"], names=NAMES, paths=PATHS, facts=facts)
        script.write_text(text)
        run = gdb(
            f"target kdump {' '.join(map(str, vmcore.forms[form]))}",
            f"pykdump module path {vmcore.modules}",
            "pykdump module load pykdump_test",
            f"source {script}",
            args=[vmcore.vmlinux],
        )
        assert "FOUND " in run.out, run.out + run.err
        _found[vmcore.name] = json.JSONDecoder().raw_decode(run.out.split("FOUND ", 1)[1])[0]
    return _found[vmcore.name]


def test_members_of_every_kind_are_read(vmcore: Vmcore, found: Any) -> None:
    shapes = vmcore.facts["module"]["shapes"]
    assert found["plain"] == [shapes[name] for name in NAMES]


def test_elements_of_arrays_are_members_too(vmcore: Vmcore, found: Any) -> None:
    shapes = vmcore.facts["module"]["shapes"]
    points, cube = shapes["points"], shapes["cube"]
    elements = [shapes["ints"][1], shapes["grid"][1][2], cube[1][0][1], points[1][1]]
    assert found["paths"] == [*elements, points[2][0], shapes["inner_point"][1]]
    names = ["ints_1", "grid_1_2", "cube_1_0_1", "points_1_y", "point_x", "inner_point_y"]
    assert found["names"] == names
    assert found["ints"] == shapes["ints"]


def test_a_path_that_a_script_declared_is_a_member(vmcore: Vmcore, found: Any) -> None:
    assert found["pseudo"] == vmcore.facts["module"]["shapes"]["points"][2][1]


def test_text_is_read_behind_pointers_and_in_arrays(vmcore: Vmcore, found: Any) -> None:
    shapes = vmcore.facts["module"]["shapes"]
    assert found["texts"] == [shapes["text"], shapes["names"][0], shapes["string"]]


def test_structs_of_the_classic_api_are_heads_of_walks(vmcore: Vmcore, found: Any) -> None:
    module, structs = vmcore.facts["module"], found["structs"]
    assert structs["xarray"] == module["xarray"]["entries"]
    assert structs["idr"] == module["idr"]["entries"]
    assert len(structs["klist"]) == len(module["klist"]["items"])
    assert structs["rbtree"] == len(module["rbtree"]["ids"])
    assert structs["points"] == module["shapes"]["points"]


def test_columns_are_sliced(vmcore: Vmcore, found: Any) -> None:
    x = vmcore.facts["module"]["shapes"]["points"][2][0]
    assert found["slices"] == [[None, 255], [None, 255, None, 255], [x]]


def test_what_is_no_member_is_refused_with_a_sentence(found: Any) -> None:
    shown = "struct pykdump_shapes"
    assert found["refused"][0] == f"{shown}.u8_max is of type unsigned char: it has no text"
    for message, path in zip(found["refused"][1:], ("ints[4]", "u8_max[0]")):
        assert message.startswith(f"{shown} has no {path}")
    assert found["refused"][3].startswith("struct no_such is unknown")


def test_per_cpu_variables_of_a_module_are_known(vmcore: Vmcore, found: Any) -> None:
    cpus = vmcore.facts["module"]["percpu"]["cpus"]
    assert found["percpu"] == [cpu["int_address"] for cpu in cpus]
    assert found["values"] == [cpu["struct_value"] for cpu in cpus]
    assert found["type"] == "struct pykdump_percpu"
    assert found["no_variable"].startswith("per-CPU variable init_task of CPU 0 cannot be found")


def test_addresses_of_no_processor_and_offsets_from_symbols(found: Any) -> None:
    assert found["no_address"] == "not an address that this processor has"
    assert found["offset"] == [0x10, 0x18, 8]


def test_the_guide_for_scripts_works_as_it_stands(vmcore: Vmcore, tmp_path: Path) -> None:
    script = tmp_path / "guide.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)))
    form = "elf" if "elf" in vmcore.forms else next(iter(vmcore.forms))
    opened = f"target kdump {' '.join(map(str, vmcore.forms[form]))}"
    run = gdb(opened, f"pyk-run {script}", args=[vmcore.vmlinux])
    assert "Traceback" not in run.out + run.err and "+++" not in run.out, run.out + run.err
    assert "processes, the list is complete" in run.out
    assert "slab cache task_struct: allocated object" in run.out
    maps = vmcore.facts["processes"]["1"]["maps"].splitlines()
    shown = re.findall(r"^([0-9a-f]+-[0-9a-f]+) [0-9a-f]{16}$", run.out, re.MULTILINE)
    has_trees = not vmcore.release.startswith("5.")  # mappings lie in maple trees since 6.1
    assert shown == [line.split()[0] for line in maps[1:4] if has_trees]
