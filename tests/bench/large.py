# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of guests full of threads, files and sockets, of two sizes, to see growth."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import run
from startup import ROOT
from table import Row
from work import have_cached

import harness
from harness.forms import move_program_headers

_HERE = Path(__file__).resolve().parent
SIZES = ("6.1-large-half", "6.1-large")
#: Name of the figure, what it is, and the budget for each thing in seconds.
_WORK = (
    ("tasks", "threads with pid, comm, state, CPU and last run", 0.15 / 100_000),
    ("records", "the same as a record each", None),
    ("dentries", "allocated objects of the slab cache dentry", 0.5e-6),
    ("inodes", "allocated objects of shmem_inode_cache, and their numbers", 0.5e-6),
    ("hashed", "dentries of the hash table of names", None),
    ("sockets", "sockets of sock_inode_cache, and their types", None),
    ("connections", "TCP sockets of the hash table, and their states", None),
    ("frames", "frames of all stacks, symbols included", 10e-6),
)
#: What must be the same whoever reads it.
_EQUAL = ("task_sum", "dentry_sum", "inode_sum", "hashed_sum", "socket_sum", "connection_sum")


def rows(rounds: int) -> Iterator[Row]:
    """Figures of both guests, which are made when the cache has none."""
    figures = []
    for name in SIZES:
        dump = harness.get_large(name)
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
            figures.append(_measure(dump, Path(folder), rounds))
    (half, _), (whole, theirs) = figures
    for name, what, budget in _WORK:
        count, seconds = whole[f"{name}_count"], whole[name]
        more = count / half[f"{name}_count"]
        yield Row(
            f"{format(count, ',').replace(',', ' ')} {what}",
            "s",
            seconds,
            None if budget is None else budget * count,
            {"drgn": theirs[name] * count / theirs[f"{name}_count"]} if name in theirs else {},
            f"{more:.2f} x as many: {seconds / half[name]:.2f} x",
        )


def _measure(
    dump: harness.Vmcore, folder: Path, rounds: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    # As makedumpfile writes it, which all can open.
    (elf,), vmcore = dump.forms["elf"], folder / "vmcore"
    move_program_headers(elf, folder / "elf")
    run(["makedumpfile", "-c", "-d", "0", "-f", folder / "elf", vmcore])
    (folder / "elf").unlink()
    have_cached(vmcore)
    out = {"PYKDUMP_BENCH_OUT": str(folder / "out"), "PYKDUMP_BENCH_ROUNDS": str(rounds)}
    ours = run(
        [ROOT / "gdb-plugin" / "pykdump", dump.vmlinux, vmcore, "--batch"]
        + ["-c", f"source {_HERE / 'large_inside.py'}"],
        env=out,
    )
    mine = _load(folder / "out", ours.output)
    _check_facts(dump, mine)
    if not shutil.which("drgn"):
        return mine, {}
    done = run(["drgn", "-q", "-c", vmcore, "-s", dump.vmlinux, _HERE / "large_drgn.py"], env=out)
    theirs = _load(folder / "out", done.output)
    for name in _EQUAL:
        if mine[name] != theirs[name]:
            raise ValueError(f"{dump.name}: {name} differs from drgn's")
    return mine, theirs


def _check_facts(dump: harness.Vmcore, figures: dict[str, Any]) -> None:
    facts = dump.facts
    for name, told in (("tasks", "threads"), ("inodes", "files"), ("sockets", "sockets")):
        if figures[f"{name}_count"] < facts[told]:
            raise ValueError(f"{dump.name}: {told} are missing")


def _load(out: Path, output: str) -> dict[str, Any]:
    if not out.exists():
        raise ValueError(f"no figures: {output[-2000:]}")
    figures: dict[str, Any] = json.loads(out.read_text())
    out.unlink()
    return figures
