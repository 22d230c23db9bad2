# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of walks and columns at size, on a dump that the benchmark plants."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import planted
from measure import run
from startup import ROOT
from table import Row

_HERE = Path(__file__).resolve().parent


def rows(vmlinux: Path, whole: Path) -> Iterator[Row]:
    """Figures of the planted dump as ELF and as zlib kdump.

    :param whole: an ELF dump with all RAM, as QEMU writes it.
    """
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        dump = planted.plant(whole, vmlinux, _direct_map(vmlinux, whole), Path(folder, "elf"))
        yield from _rows(vmlinux, dump, dump.vmcore, "elf", {})
        packed = planted.zlib_form(dump)
        theirs = _drgn(vmlinux, dump, packed, Path(folder)) if shutil.which("drgn") else {}
        yield from _rows(vmlinux, dump, packed, "zlib", theirs)


def _rows(
    vmlinux: Path, dump: planted.Planted, vmcore: Path, form: str, theirs: dict[str, Any]
) -> Iterator[Row]:
    ours = _ours(vmlinux, dump, vmcore)
    _check(ours, theirs)

    def row(work: str, name: str, budget: float | None) -> Row:
        peers = {"drgn": theirs[name]} if name in theirs else {}
        half, twice = ours[name] / ours[f"{name}_small"], ours[f"{name}_large"] / ours[name]
        growth = f"from half as many: {half:.2f} x; to twice as many: {twice:.2f} x"
        return Row(f"{work} ({form})", "s", ours[name], budget, peers, growth)

    yield row("list of 1 M nodes in random order", "list", 0.2)
    yield Row(f"the same, first time ({form})", "s", ours["list_first"], None)
    yield row("one field of 1 M structs", "one", 0.1)
    yield row("five fields of 1 M structs", "five", 0.25)
    yield row("hash table of 1 M buckets, 100 000 entries", "table", 0.15)


def _check(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    expected = {}
    first = 0
    for size, share in planted.SIZES.items():
        end = size and f"_{size}"
        nodes, chained = int(planted.NODES * share), int(planted.CHAINED * share)
        expected[f"one{end}_sum"] = sum(range(first, first + nodes))
        expected[f"table{end}_nodes"] = chained
        expected[f"uid{end}_sum"] = sum(range(chained))
        first += nodes
    wrong = [name for name, value in expected.items() if ours[name] != value]
    equal = ("list_sum", "one_sum", "table_nodes", "uid_sum") if theirs else ()
    wrong += [name for name in equal if ours[name] != theirs[name]]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not what was planted, or not drgn's")


def _direct_map(vmlinux: Path, whole: Path) -> int:
    done = run(
        [ROOT / "gdb-plugin" / "pykdump", vmlinux, whole, "--batch"]
        + ["-c", 'printf "BASE %lu\\n", (unsigned long)page_offset_base']
    )
    return int(done.output.split("BASE ")[1].split()[0])


def _places(dump: planted.Planted) -> str:
    places = {key: value for key, value in vars(dump).items() if key != "vmcore"}
    return json.dumps({**places, "count": planted.BUCKETS, "sizes": planted.SIZES})


def _ours(vmlinux: Path, dump: planted.Planted, vmcore: Path) -> dict[str, Any]:
    out = dump.vmcore.with_suffix(".ours")
    done = run(
        [ROOT / "gdb-plugin" / "pykdump", vmlinux, vmcore, "--batch"]
        + ["-c", f"source {_HERE / 'planted_inside.py'}"],
        env={"PYKDUMP_BENCH_OUT": str(out), "PYKDUMP_BENCH_PLACES": _places(dump)},
    )
    return _load(out, done.output)


def _drgn(vmlinux: Path, dump: planted.Planted, vmcore: Path, folder: Path) -> dict[str, Any]:
    out = folder / "drgn"
    done = run(
        ["drgn", "-q", "-c", vmcore, "-s", vmlinux, _HERE / "planted_drgn.py", out],
        env={"PYKDUMP_BENCH_PLACES": _places(dump)},
    )
    return _load(out, done.output)


def _load(out: Path, output: str) -> dict[str, Any]:
    if not out.exists():
        raise ValueError(f"no figures: {output[-2000:]}")
    figures: dict[str, Any] = json.loads(out.read_text())
    out.unlink()
    return figures
