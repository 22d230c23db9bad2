# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump modinfo` beside the guests' /proc/modules and sections."""

from __future__ import annotations

import re

from gdb_run import Run, launch

from harness import Vmcore


def run(vmcore: Vmcore, *commands: str) -> Run:
    files = next(iter(vmcore.forms.values()))
    words = [word for command in commands for word in ("-c", command)]
    return launch(vmcore.vmlinux, *files, "--batch", *words)


def test_modules_are_those_of_proc(vmcore: Vmcore) -> None:
    told = {}
    for line in vmcore.facts["files"]["/proc/modules"].splitlines():
        name, size, _, _, _, addr, *taint = line.split()
        told[name] = int(size), int(addr, 16), "".join(taint).strip("()")
    found = run(vmcore, "modinfo --json").json()
    rows = {row["name"]: row for row in found["modules"]}
    assert set(rows) == set(told)
    for name, (size, addr, taints) in told.items():
        assert rows[name]["size_bytes"] == size
        assert int(rows[name]["start_addr"], 16) <= addr < int(rows[name]["end_addr"], 16)
        assert rows[name]["taints"] == taints
        assert rows[name]["alloc_bytes"] >= size
    assert found["tainted"] == sum(1 for _, _, taints in told.values() if taints)
    starts = [int(row["start_addr"], 16) for row in found["modules"]]
    assert starts == sorted(starts)
    gaps = [row["gap_bytes"] for row in found["modules"]]
    assert gaps[0] is None and all(gap >= 0 for gap in gaps[1:])


def test_details_and_code_of_a_module(vmcore: Vmcore) -> None:
    text = vmcore.facts["module_sections"]["pykdump_test"][".text"]
    found = run(vmcore, "modinfo --details pykdump_test", "modinfo --disasm pykdump-test")
    assert "name           : pykdump_test" in found.out
    assert re.search(rf"^  {text:#x}  ", found.out, re.M)
    code = found.out[found.out.index("BEGIN disassemble d_state()") :]
    assert re.search(r"^0x[0-9a-f]+:  call ", code[: code.index("END disassemble d_state()")], re.M)
    details = run(vmcore, "modinfo --details pykdump_test --json").json()["details"]
    assert "d_state" in [symbol["name"] for symbol in details["symbols"][".text"]]


def test_text_of_all_options(vmcore: Vmcore) -> None:
    found = run(
        vmcore,
        *("modinfo", "modinfo -t --color", "modinfo -a -g", "modinfo -u", "modinfo --version"),
        *("epython modinfo.py -t", "modinfo --details nosuch"),
    )
    assert "There are 1 tainted modules" in found.out and "Last unloaded module : " in found.out
    assert "\033[91m" in found.out and "addr range : 0x" in found.out and "GAPSIZE" in found.out
    assert "there is no module nosuch in the dump" in found.err
    assert found.status == 2 and "Traceback" not in found.out + found.err
