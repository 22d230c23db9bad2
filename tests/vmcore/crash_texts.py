# SPDX-License-Identifier: GPL-2.0-or-later
"""Output of crash commands on a real dump, read once a dump by one GDB."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
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


def asked(vmlinux: Path, files: Sequence[Path], commands: Sequence[str]) -> dict[str, Any]:
    """Text of each command in one session; of one that failed "ERROR " and the message."""
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder, "ask.py"), Path(folder, "out.json")
        script.write_text(f"COMMANDS = {list(commands)!r}\n{SCRIPT}")
        run = launch(vmlinux, *files, "-c", f"pyk-run {script} {out}")
        assert out.exists(), run.out + run.err
        found: dict[str, Any] = json.loads(out.read_text())
    return found


def texts(vmcore: Vmcore, commands: list[str]) -> dict[str, Any]:
    """The same of a dump, asked once."""
    key = (vmcore.name, tuple(commands))
    if key not in _found:
        _found[key] = asked(vmcore.vmlinux, next(iter(vmcore.forms.values())), commands)
    return _found[key]
