# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs GDB with the plugin, or the launcher, as a user would, with a cache of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INIT = ROOT / "gdb-plugin" / "pykdump-init.py"
LAUNCHER = ROOT / "gdb-plugin" / "pykdump"
BUILD = Path(os.environ.get("PYKDUMP_BUILD") or ROOT / "build")

#: GDB's number of an idle task is this plus its CPU.
IDLE_TID = 0x40000000

_THREAD = re.compile(
    r'^(?P<mark>[* ]) +(?P<num>\d+) +Thread (?P<tid>\d+)(?: "(?P<comm>.*)")? '
    r"\(task (?P<addr>[0-9a-f]+) (?P<state>\w) cpu (?P<cpu>\d+)\)"
)


@dataclass(frozen=True)
class Run:
    """What a GDB printed, and how it ended."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The first JSON object in the output."""
        return json.JSONDecoder().raw_decode(self.out, self.out.index("{\n"))[0]

    def json_all(self) -> list[Any]:
        """All JSON objects in the output."""
        found, at = [], self.out.find("{\n")
        while at >= 0:
            value, end = json.JSONDecoder().raw_decode(self.out, at)
            found.append(value)
            at = self.out.find("{\n", end)
        return found

    def threads(self) -> list[dict[str, str]]:
        """The rows of `info threads`."""
        found = (_THREAD.match(line) for line in self.out.splitlines())
        return [match.groupdict() for match in found if match]


def why_not() -> str | None:
    """Why GDB with the plugin cannot be run here."""
    if not shutil.which("gdb"):
        return "gdb is missing; install gdb"
    if not list(BUILD.glob("accel/_accel*.so")):
        return f"there is no extension in {BUILD}; run packaging/build"
    return None


def gdb(*commands: str, args: Sequence[object] = (), env: Mapping[str, str] | None = None) -> Run:
    """`gdb -nx -batch -x pykdump-init.py ARGS -ex COMMAND…`."""
    words = ["gdb", "-nx", "-batch", "-iex", "set width 0", "-x", str(INIT), *map(str, args)]
    for command in commands:
        words += ["-ex", command]
    return _run(words, env)


def launch(*arguments: object, env: Mapping[str, str] | None = None) -> Run:
    """`pykdump --nx --batch ARGUMENTS…`."""
    return _run([str(LAUNCHER), "--nx", "--batch", *map(str, arguments)], env)


def _run(words: list[str], env: Mapping[str, str] | None) -> Run:
    environ = {**os.environ, "PYKDUMP_BUILD": str(BUILD), **(env or {})}
    for name in ("DEBUGINFOD_URLS", "PYKDUMP_DEBUGINFO", "PYKDUMPPATH"):
        if name not in (env or {}):
            environ.pop(name, None)
    done = subprocess.run(
        words,
        env=environ,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        encoding="utf-8",
        errors="backslashreplace",
    )
    return Run(done.returncode, done.stdout, done.stderr)
