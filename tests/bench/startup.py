# SPDX-License-Identifier: GPL-2.0-or-later
"""From the shell to the first answer, and the memory it takes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import Run, repeat, run
from table import Row

ROOT = Path(__file__).resolve().parents[2]
_LAUNCHER = ROOT / "gdb-plugin" / "pykdump"
_FIRST_ANSWER = "swapper"  # init_task.comm


def rows(vmlinux: Path, vmcore: Path, rounds: int) -> Iterator[Row]:
    """Warm and cold starts, ours and those of the peers that are installed."""
    _ours(vmlinux, vmcore)  # makes the index if there is none
    warm = repeat(rounds, lambda: _ours(vmlinux, vmcore), _FIRST_ANSWER)
    peers = {
        name: repeat(rounds, lambda start=start: start(vmlinux, vmcore), _FIRST_ANSWER)
        for name, start in _PEERS.items()
        if shutil.which(name) or name == "bare gdb"
    }
    yield Row(
        "start to first answer, index cache warm",
        "s",
        warm.seconds,
        1.2,
        {name: peer.seconds for name, peer in peers.items()},
    )
    yield Row(
        "memory at the first answer",
        "MB",
        warm.resident_mb,
        350,
        {name: peer.resident_mb for name, peer in peers.items()},
    )
    cold = repeat(1, lambda: _ours_cold(vmlinux, vmcore), _FIRST_ANSWER)
    yield Row("start to first answer, first time for this vmlinux", "s", cold.seconds, 10)


def _ours(vmlinux: Path, vmcore: Path, env: dict[str, str] | None = None) -> Run:
    return run([_LAUNCHER, vmlinux, vmcore, "--batch", "-c", "p init_task.comm"], env=env)


def _ours_cold(vmlinux: Path, vmcore: Path) -> Run:
    with tempfile.TemporaryDirectory() as cache:
        return _ours(vmlinux, vmcore, {"XDG_CACHE_HOME": cache})


def _crash(vmlinux: Path, vmcore: Path) -> Run:
    return run(["crash", "-s", vmlinux, vmcore], stdin="p init_task.comm\nquit\n")


def _drgn(vmlinux: Path, vmcore: Path) -> Run:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write("print(prog['init_task'].comm.string_().decode())\n")
        script.flush()
        return run(["drgn", "-q", "-c", vmcore, "-s", vmlinux, script.name])


def _bare_gdb(vmlinux: Path, vmcore: Path) -> Run:
    # Without the dump, which it cannot open; with the index that we made.
    cache = ROOT / "gdb-plugin" / "pykdump-init.py"
    return run(
        ["gdb", "-nx", "-batch", "-iex", f"source {cache}", vmlinux, "-ex", "p init_task.comm"]
    )


_PEERS: dict[str, Callable[[Path, Path], Run]] = {
    "crash": _crash,
    "drgn": _drgn,
    "bare gdb": _bare_gdb,
}
