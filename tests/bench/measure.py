# SPDX-License-Identifier: GPL-2.0-or-later
"""Times whole programs, and takes medians."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Run:
    """One run of a program."""

    seconds: float
    resident_mb: float  #: at its largest
    output: str


def run(
    argv: Sequence[str | os.PathLike[str]], *, stdin: str = "", env: Mapping[str, str] | None = None
) -> Run:
    """Run a program to its end and measure it."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as words:
        words.write(stdin)
        words.seek(0)
        started = time.monotonic()
        child = subprocess.Popen(
            argv,
            stdin=words,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
        _, _, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        output.seek(0)
        return Run(seconds, usage.ru_maxrss / 1024, output.read())


def repeat(count: int, once: Callable[[], Run], expect: str) -> Run:
    """The median of several runs; raises ValueError when one does not print what it shall."""
    runs = [once() for _ in range(count)]
    for done in runs:
        if expect not in done.output:
            raise ValueError(f"expected {expect!r}, got: {done.output[-800:]}")
    return Run(
        median(done.seconds for done in runs),
        median(done.resident_mb for done in runs),
        runs[-1].output,
    )
