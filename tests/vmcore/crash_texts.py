# SPDX-License-Identifier: GPL-2.0-or-later
"""Output of crash commands on a real dump, read once a dump by one GDB."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from gdb_run import launch

from harness import Vmcore

SCRIPT = """\
import json
answers = {}
for command in COMMANDS:
    try:
        answers[command] = exec_crash_command(command)
    except crash.error as error:
        answers[command] = "ERROR " + str(error)
with open(sys.argv[1], "w") as file:
    json.dump(answers, file)
"""

_found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}


def texts(vmcore: Vmcore, commands: list[str]) -> dict[str, Any]:
    """Text of each command; of one that failed "ERROR " and the message."""
    key = (vmcore.name, tuple(commands))
    if key not in _found:
        with tempfile.TemporaryDirectory() as folder:
            script, out = Path(folder, "ask.py"), Path(folder, "out.json")
            script.write_text(f"COMMANDS = {commands!r}\n{SCRIPT}")
            files = next(iter(vmcore.forms.values()))
            run = launch(vmcore.vmlinux, *files, "-c", f"pyk-run {script} {out}")
            assert out.exists(), run.out + run.err
            _found[key] = json.loads(out.read_text())
    return _found[key]
