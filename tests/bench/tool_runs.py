# SPDX-License-Identifier: GPL-2.0-or-later
"""The second run of tools in a session, where the first was quick."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from measure import run
from startup import ROOT
from table import Row

#: Tools that need no argument.
_TOOLS = ("crashinfo", "hanginfo", "taskinfo", "pstree", "modinfo", "log", "stack", "slab")
_CLOCK = "python import time; print('\\nCLOCK', time.perf_counter())"


def rows(vmlinux: Path, vmcore: Path) -> Iterator[Row]:
    """The tool whose second run takes longest, of those whose first takes less than 2 s."""
    words = ["-c", _CLOCK]
    for name in _TOOLS:
        for _ in range(2):
            words += ["-c", f"pykdump {name}", "-c", _CLOCK]
    output = run([ROOT / "gdb-plugin" / "pykdump", vmlinux, vmcore, "--batch", *words]).output
    clock = [float(time) for time in re.findall(r"^CLOCK (.*)$", output, re.MULTILINE)]
    if len(clock) != 2 * len(_TOOLS) + 1:
        raise ValueError(f"a tool failed: {output[-2000:]}")
    times = [after - before for before, after in zip(clock, clock[1:])]
    runs = [(second, name) for name, first, second in zip(_TOOLS, *_pairs(times)) if first < 2]
    slowest, name = max(runs)
    of = f"slowest of {len(runs)} tools, {name}"
    yield Row(f"second run of a tool in a session ({of})", "s", slowest, 0.3)


def _pairs(times: list[float]) -> tuple[list[float], list[float]]:
    return times[::2], times[1::2]
