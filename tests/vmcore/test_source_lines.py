# SPDX-License-Identifier: GPL-2.0-or-later
"""Source lines that we read of vmlinux beside those that GDB has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gdb_run import launch

from harness import Vmcore

HERE = Path(__file__).resolve().parent


@pytest.mark.vmcore
def test_random_code_has_the_lines_and_inlined_functions_that_gdb_has(
    vmcore: Vmcore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lines"
    monkeypatch.setenv("LINES_OUT", str(out))
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "--batch", "-c", f"source {HERE / 'read_lines.py'}")
    assert out.exists(), run.out + run.err
    rows = json.loads(out.read_text())
    assert len(rows) > 500
    for addr, ours, of_gdb, _ in rows:
        assert ours == of_gdb, hex(addr)
    # And nearly all of them without GDB, which knows more of assembler only.
    assert sum(is_read for *_, is_read in rows) > 0.9 * sum(
        bool(ours["place"]) for _, ours, *_ in rows
    )
