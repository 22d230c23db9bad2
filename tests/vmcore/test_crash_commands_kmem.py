# SPDX-License-Identifier: GPL-2.0-or-later
"""`kmem ADDRESS` says of a free object what `kmem -S` says of it."""

from __future__ import annotations

import json
from pathlib import Path

from gdb_run import launch

from harness import Vmcore

SCRIPT = """\
import json
import re

listed = exec_crash_command("kmem -S kmalloc-2k")
rows = re.findall(r"^  ([ \\\\[])([0-9a-f]{16})([]]?.*)$", listed, re.M)
rows = [f"  {mark}{addr}{rest}" for mark, addr, rest in rows if rest[:1] in ("", "]", " ")]
used = [row for row in rows if row.startswith("  [")]
rows = used[:20] + [row for row in rows if row.endswith(")")][:20]
missing = []
for row in rows:
    addr = re.search("[0-9a-f]{16}", row).group()
    if row not in exec_crash_command(f"kmem {addr}").splitlines():
        missing.append(row)
with open(sys.argv[1], "w") as file:
    json.dump([rows, missing], file)
"""


def test_an_address_has_the_row_of_its_object(vmcore: Vmcore, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(SCRIPT)
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {tmp_path}/ask.py {tmp_path}/out.json")
    assert run.status == 0, run.err
    rows, missing = json.loads((tmp_path / "out.json").read_text())
    assert any(row.startswith("  [") for row in rows)
    assert any(row.endswith(")") for row in rows)
    assert missing == []
