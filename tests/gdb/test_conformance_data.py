# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of planted values against GDB's own reading of the mini kernel's file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import conformance
import pytest
from mini_fixtures import mini_elf  # noqa: F401

# Runs inside GDB: evaluates each expression of a JSON object and prints what it found.
SCRIPT = """
import gdb, json, sys
def plain(value):
    kind = value.type.strip_typedefs().code
    if kind == gdb.TYPE_CODE_ARRAY:
        low, high = value.type.strip_typedefs().range()
        return [plain(value[i]) for i in range(low, high + 1)]
    return int(value) if value.type.sizeof <= 8 else int(value.format_string())
def text(value):
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return value.string("latin-1")
    raw = bytes(int(value[i]) & 255 for i in range(value.type.sizeof))
    return raw.split(b"\\0")[0].decode("latin-1")
wanted = json.load(open(FILE))
evaluate = gdb.parse_and_eval
found = {
    "plain": {name: plain(evaluate(name)) for name in wanted["plain"]},
    "text": {name: text(evaluate(name)) for name in wanted["text"]},
    "pointers": {n: [int(evaluate(n)), int(evaluate("(long)(%s)" % p)) & (1 << 64) - 1]
                 for n, p in wanted["pointers"].items()},
}
print(json.dumps(found))
"""

PLAIN = {
    **conformance.INTEGERS,
    **conformance.WIDE,
    **conformance.ENUMS,
    **conformance.BITFIELDS,
    **conformance.NESTED,
    **conformance.ARRAYS,
    **conformance.FLEXIBLE,
    **conformance.DEREFERENCED,
}


def test_gdb_reads_what_the_table_says(mini_elf: Path, tmp_path: Path) -> None:  # noqa: F811
    if not shutil.which("gdb"):
        pytest.skip("gdb is missing; install gdb")
    wanted = {
        "plain": list(PLAIN),
        "text": list(conformance.TEXTS),
        "pointers": conformance.POINTERS,
    }
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("FILE", repr(str(tmp_path / "wanted.json"))))
    command = ["gdb", "-nx", "-batch", "-ex", f"source {script}", mini_elf]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["plain"] == PLAIN
    assert {k: v.encode("latin-1") for k, v in found["text"].items()} == conformance.TEXTS
    assert {name: a for name, (a, b) in found["pointers"].items()} == {
        name: b for name, (a, b) in found["pointers"].items()
    }
