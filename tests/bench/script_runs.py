# SPDX-License-Identifier: GPL-2.0-or-later
"""The first and the second run of a script in a session, ours and drgn's; and what the first costs
where no answers about types are kept."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from measure import run
from startup import ROOT
from table import Row

_HERE = Path(__file__).resolve().parent
_SHOWN = re.compile(r"^(?:task|module|sb) .*", re.MULTILINE)
#: First runs that ask much and little about types.
_FIRST_RUNS = {
    f"pyk-run {_HERE / 'user_script.py'}": "a script of three lists",
    "pyk-run taskinfo": "taskinfo",
    "pykdump hanginfo": "hanginfo",
    "pykdump crashinfo": "crashinfo",
}
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
    yield from _first_runs(vmlinux, vmcore, rounds)


def _first_runs(vmlinux: Path, vmcore: Path, rounds: int) -> Iterator[Row]:
    for command, name in _FIRST_RUNS.items():
        seconds: dict[str, list[float]] = {"not kept": [], "kept": []}
        for _ in range(rounds):
            with _new_cache() as env:
                for kept in seconds:
                    times, _ = _timed(vmlinux, vmcore, [command], env)
                    seconds[kept].append(times[0])
        for kept, found in seconds.items():
            yield Row(f"{name}, first run, types {kept}", "s", median(found), None)


@contextmanager
def _new_cache() -> Iterator[Mapping[str, str]]:
    # GDB's indexes as they are, and nothing else.
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pykdump").mkdir()
        for index in (Path(base) / "pykdump").glob("gdb-index-*"):
            (Path(folder) / "pykdump" / index.name).symlink_to(index)
        yield {"XDG_CACHE_HOME": folder}


def _ours(vmlinux: Path, vmcore: Path) -> tuple[list[float], str]:
    script = f"pyk-run {_HERE / 'user_script.py'}"
    times, output = _timed(vmlinux, vmcore, [script, script])
    return times, _shown(output)


def _timed(
    vmlinux: Path, vmcore: Path, commands: list[str], env: Mapping[str, str] | None = None
) -> tuple[list[float], str]:
    # Seconds of each command in one session, and what it printed.
    words = [word for command in commands for word in ("-c", _CLOCK, "-c", command)]
    launcher = ROOT / "gdb-plugin" / "pykdump"
    output = run([launcher, vmlinux, vmcore, "--batch", *words, "-c", _CLOCK], env=env).output
    clock = [float(time) for time in re.findall(r"^CLOCK (.*)$", output, re.MULTILINE)]
    if len(clock) != len(commands) + 1:
        raise ValueError(f"{commands} failed: {output[-2000:]}")
    return [after - before for before, after in zip(clock, clock[1:])], output


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
