# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts of the classic API may count on, by number, run as scripts on real dumps."""

from __future__ import annotations

import re
from pathlib import Path

from gdb_run import Run, launch

from harness import Vmcore

SCRIPT = Path(__file__).parent / "checklist.py"

#: Of the 34: 1 to 4 are about runs, 23 needs a broken list (test_conformance_structs).
LINES = {5, *range(6, 23), *range(24, 35)}

_runs: dict[str, Run] = {}


def run(vmcore: Vmcore, folder: Path) -> Run:
    """The checklist, and then a script that looks at what it left."""
    if vmcore.name not in _runs:
        (folder / "helper.py").write_text("WHERE = 'beside the first'\n")
        first, second = folder / "first.py", folder / "elsewhere" / "second.py"
        first.write_text("import helper, sys\nleft = helper.WHERE, sys.argv[1:]\nsys.exit(3)\n")
        second.parent.mkdir()
        second.write_text(
            "del sys.modules['helper']\n"
            "try:\n    import helper\nexcept ImportError:\n    print('left', left)\n"
            "print('argument', readU8(sym2addr('init_task')) >= 0)\n"
            "try:\n    readmem(init.mm.arg_start, 4)\n"
            "except crash.error:\n    print('no task is set')\n"
            "1 / 0\n"
        )
        files = next(iter(vmcore.forms.values()))
        scripts = [str(SCRIPT), f"{first} --maxel 5 -x --timeout=3 y", str(second)]
        words = [word for script in scripts for word in ("-c", f"pyk-run {script}")]
        _runs[vmcore.name] = launch(vmcore.vmlinux, *files, *words)
    return _runs[vmcore.name]


def test_every_line_holds(vmcore: Vmcore, tmp_path: Path) -> None:
    out = run(vmcore, tmp_path).out
    told = re.findall(r"^line (\d+) (.*)$", out, re.MULTILINE)
    assert [line for line in told if line[1] != "holds"] == []
    assert {int(number) for number, _ in told} == LINES


def test_runs_follow_each_other_as_scripts_expect(vmcore: Vmcore, tmp_path: Path) -> None:
    result = run(vmcore, tmp_path)
    assert "left ('beside the first', ['-x', 'y'])\n" in result.out
    assert "no task is set\n" in result.out
    assert " -- sys.exit(3) --\n" in result.out and "ZeroDivisionError" in result.err
    times = [line for line in result.out.splitlines() if line.startswith(" ** Execution took")]
    assert len(times) == 3
    summary = result.out.index("A Summary Of Problems Found")
    assert summary < result.out.index(" ** Execution took")
    assert result.out.count("\n    a 1\n") == 1
