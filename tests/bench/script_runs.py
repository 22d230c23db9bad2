# SPDX-License-Identifier: GPL-2.0-or-later
"""The first and the second run of a script in a session, ours and drgn's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import run
from startup import ROOT
from table import Row

_HERE = Path(__file__).resolve().parent
_SHOWN = re.compile(r"^(?:task|module|sb) .*", re.MULTILINE)
_CLOCK = "python import time; print('\\nCLOCK', time.perf_counter())"


def rows(vmlinux: Path, vmcore: Path, rounds: int) -> Iterator[Row]:
    """Of a dump that both can open; raises ValueError when they print different things."""
    ours = [_ours(vmlinux, vmcore) for _ in range(rounds)]
    theirs = [_drgn(vmlinux, vmcore) for _ in range(rounds)] if shutil.which("drgn") else []
    texts = {text for _, text in (*ours, *theirs)}
    if len(texts) != 1:
        raise ValueError(f"{vmcore}: user_script.py prints other things than drgn's twin")
    for number, name in enumerate(("first", "second")):
        peers = {"drgn": median(times[number] for times, _ in theirs)} if theirs else {}
        seconds = median(times[number] for times, _ in ours)
        yield Row(f"a script of three lists, {name} run of the session", "s", seconds, None, peers)


def _ours(vmlinux: Path, vmcore: Path) -> tuple[list[float], str]:
    script = f"pyk-run {_HERE / 'user_script.py'}"
    words = [word for command in (script, script) for word in ("-c", _CLOCK, "-c", command)]
    launcher = ROOT / "gdb-plugin" / "pykdump"
    output = run([launcher, vmlinux, vmcore, "--batch", *words, "-c", _CLOCK]).output
    clock = [float(time) for time in re.findall(r"^CLOCK (.*)$", output, re.MULTILINE)]
    return [after - before for before, after in zip(clock, clock[1:])], _shown(output)


def _drgn(vmlinux: Path, vmcore: Path) -> tuple[list[float], str]:
    argv = ["drgn", "-q", "-c", vmcore, "-s", vmlinux, _HERE / "user_script_drgn.py"]
    output = run(argv).output
    return [float(time) for time in re.findall(r"^SECONDS (.*)$", output, re.M)], _shown(output)


def _shown(output: str) -> str:
    # What either run printed; the second prints it again.
    lines = _SHOWN.findall(output)
    half = len(lines) // 2
    if not lines or lines[:half] != lines[half:]:
        raise ValueError(f"the script failed: {output[-2000:]}")
    return "\n".join(lines[:half])
