# SPDX-License-Identifier: GPL-2.0-or-later
"""Evaluates Python expressions with the classic API inside GDB, many in one run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gdb_run import ROOT, gdb

#: Runs in GDB. Values go out as lists that begin with the name of their type.
SCRIPT = """
import contextlib, io, json, sys
sys.path[:0] = [ROOT]
from pykdump.errors import CrashError
from pykdump.logging import pylog
from pykdump import crash, vmcorearch
sys.path[1:1] = [ROOT + "/progs"]
for name in MODULES:
    module = __import__("pykdump." + name, fromlist=["*"])
    globals().update({k: v for k, v in vars(module).items() if not k.startswith("_")})

def encoded(value):
    kind = type(value).__name__
    if value is None or kind in ("bool", "str", "float"):
        return [kind, value]
    if isinstance(value, StructResult):
        return ["StructResult", value.PYT_symbol, int(value)]
    if kind == "tEnum":
        return [kind, int(value), str(value)]
    if kind == "tPtr":
        return [kind, int(value), value.ptrlev]
    if kind == "SmartString":
        return [kind, str(value), value.ByteArray.hex()]
    if isinstance(value, int):
        return [kind, int(value)]
    if kind in ("list", "tuple", "PointerArray"):
        return [kind, [encoded(one) for one in value]]
    return [kind, repr(value)]

def hasattr_(obj, name):
    try:
        getattr(obj, name)
    except KeyError:
        return False
    return True

found = {}
for text in json.load(open(FILE)):
    printed = io.StringIO()
    pylog.cleanup()
    try:
        with contextlib.redirect_stdout(printed):
            value = encoded(eval(text))
    except Exception as error:
        bases = [one.__name__ for one in type(error).__mro__]
        value = ["raised", bases, str(error)]
    found[text] = {"value": value, "printed": printed.getvalue()}
print("FOUND " + json.dumps(found))
"""

MODULES = ("lowlevel", "values", "memory", "dlkmload", "rawtypes", "highlevel")


class Answers:
    """What expressions evaluated to, in one dump."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    def value(self, expression: str) -> Any:
        """The value as SCRIPT encodes it."""
        return self._found[expression]["value"]

    def plain(self, expression: str) -> Any:
        """The value without the names of types."""
        return _plain(self.value(expression))

    def printed(self, expression: str) -> str:
        """What the evaluation printed."""
        return str(self._found[expression]["printed"])

    def raised(self, expression: str) -> tuple[list[str], str]:
        """Names of the exception's classes, and its text."""
        kind, *rest = self.value(expression)
        assert kind == "raised", (expression, kind, rest)
        return rest[0], rest[1]


def _plain(value: Any) -> Any:
    kind, *rest = value
    if kind in ("list", "tuple", "PointerArray"):
        return [_plain(one) for one in rest[0]]
    return rest[-1] if kind == "StructResult" else rest[0]


def evaluate(
    vmlinux: Path, vmcore: Iterable[Path], expressions: Iterable[str], directory: Path
) -> Answers:
    """Open a dump and evaluate these."""
    wanted, script = directory / "wanted.json", directory / "script.py"
    wanted.write_text(json.dumps(list(expressions)))
    text = SCRIPT.replace("ROOT", repr(str(ROOT))).replace("FILE", repr(str(wanted)))
    script.write_text(text.replace("MODULES", repr(MODULES)))
    files = " ".join(map(str, vmcore))
    run = gdb(f"target kdump {files}", f"source {script}", args=[vmlinux])
    assert "FOUND " in run.out, run.out + run.err
    return Answers(json.loads(run.out.split("FOUND ", 1)[1]))
