# SPDX-License-Identifier: GPL-2.0-or-later
"""Work inside a session: reads, tasks, stacks; ours and drgn's, results compared before times."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import run
from startup import ROOT
from table import Row

_HERE = Path(__file__).resolve().parent
_SEARCH_BYTES_A_SECOND = {"elf": 2e9, "zlib": 300e6}


def rows(vmlinux: Path, vmcore: Path, form: str) -> Iterator[Row]:
    """Figures of one dump."""
    have_cached(vmcore)
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(vmlinux, vmcore, Path(folder, "ours"))
        # drgn 0.0.22 opens neither kdump nor ELF dumps as QEMU writes them, but makedumpfile's.
        has_peer = form == "lzo" and shutil.which("drgn")
        theirs = _drgn(vmlinux, vmcore, Path(folder)) if has_peer else {}
    equal = ("reads_sum", "task_list", "list_pids", "flags_sum", "full_buckets", "flag_counts")
    for name in equal if theirs else ():
        if ours[name] != theirs[name]:
            raise ValueError(f"{vmcore}: {name} differs from drgn's")
    crash = _crash_search(vmlinux, vmcore, ours) if form != "elf" and shutil.which("crash") else {}

    def row(work: str, unit: str, name: str, budget: float | None) -> Row:
        peers = {"drgn": theirs[name]} if name in theirs else {}
        peers |= {"crash": crash[name]} if name in crash else {}
        return Row(f"{work} ({form})", unit, ours[name], budget, peers)

    first_budget = 1.5 if form == "zlib" else None
    yield row("200 000 scattered 8-byte reads, first", "s", "reads_first", first_budget)
    yield row("the same again", "s", "reads_again", 0.04)
    yield row(f"the {len(ours['task_list'])} tasks, read anew", "s", "tasks", None)
    yield row("stacks as data, with symbols", "µs a frame", "stacks_us_a_frame", 10)
    yield row("the same for 20 000 stacks", "µs a frame", "many_stacks_us_a_frame", 10)
    yield row("address to symbol, one call from Python each", "µs", "symbols_us", None)
    yield row("`t.pid` of a task, warm", "µs", "attribute_us", 1 / 3)
    yield row("a struct from `readSUListFromHead`", "µs", "list_us", 1)
    yield row("a struct from `readSUArray`", "µs", "array_us", 1)
    yield row("`page.flags` of each of these", "µs", "flags_us", None)
    yield row("a bucket by `getFullBuckets`", "µs", "buckets_us", None)
    yield row("`thread apply all bt` in GDB, first time", "s", "gdb_bt_all", 1)
    yield row(
        "the same again, GDB has read the debug info of its functions", "s", "gdb_bt_again", 1
    )
    histogram_budget = 0.015 * ours["flag_pages"] / 262_144
    yield row(f"flags of {ours['flag_pages']} struct pages", "s", "histogram", histogram_budget)
    speed = _SEARCH_BYTES_A_SECOND.get(form)  # of a core
    search_budget = speed and ours["searched_bytes"] / speed / ours["cores"]
    searched = f"search of {ours['searched_bytes'] >> 20} MiB for a number"
    yield row(searched, "s", "search", search_budget)


def have_cached(vmcore: Path) -> None:
    """Have the operating system read a file: the disk is not what is measured."""
    with open(vmcore, "rb") as file:
        while file.read(1 << 24):
            pass


def _ours(vmlinux: Path, vmcore: Path, out: Path) -> dict[str, Any]:
    done = run(
        [ROOT / "gdb-plugin" / "pykdump", vmlinux, vmcore, "--batch"]
        + ["-c", f"source {_HERE / 'inside.py'}"],
        env={"PYKDUMP_BENCH_OUT": str(out)},
    )
    return _load(out, done.output)


def _drgn(vmlinux: Path, vmcore: Path, folder: Path) -> dict[str, Any]:
    out = folder / "drgn"
    done = run(
        ["drgn", "-q", "-c", vmcore, "-s", vmlinux, _HERE / "drgn_side.py", out],
        env={"PYKDUMP_BENCH_OUT": str(folder / "ours")},
    )
    return _load(out, done.output)


def _crash_search(vmlinux: Path, vmcore: Path, ours: dict[str, Any]) -> dict[str, float]:
    search = f"search -p {ours['sought']:x}"
    clock = "!echo CLOCK $(date +%s.%N)"
    output = run(
        ["crash", "-s", vmlinux, vmcore], stdin=f"{clock}\n{search}\n{clock}\nquit\n"
    ).output
    clock_times = [float(time) for time in re.findall(r"^CLOCK (\S+)$", output, re.MULTILINE)]
    hits = [int(hit, 16) for hit in re.findall(r"^([0-9a-f]+): [0-9a-f]+ *$", output, re.MULTILINE)]
    if len(clock_times) != 2:
        return {}
    if sorted(hits) != ours["hits"]:
        raise ValueError(f"{vmcore}: what search finds differs from crash's")
    return {"search": clock_times[1] - clock_times[0]}


def _load(out: Path, output: str) -> dict[str, Any]:
    if not os.path.exists(out):
        raise ValueError(f"no figures: {output[-2000:]}")
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures
