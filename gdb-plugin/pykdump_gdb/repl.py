# SPDX-License-Identifier: GPL-2.0-or-later
"""`repl`: a Python prompt with the API, where TAB completes the fields of structs."""

from __future__ import annotations

import code
import sys
from typing import TextIO

import gdb

from pykdump.errors import PykdumpError
from pykdump_gdb import scripts
from pykdump_gdb.command import Command
from pykdump_gdb.completion import completing
from pykdump_gdb.output import PagerQuit, in_order, output
from pykdump_gdb.preserved import Preserved

_BANNER = "Python with the PyKdump API; TAB completes fields, Ctrl-D ends."


class Repl(Command):
    """A Python prompt with the PyKdump API, in the namespace that scripts share.
    Usage: repl

    TAB completes names, and fields of structs: readSymbol("init_task") as t, then t.mm.<TAB>.
    Ctrl-D ends it."""

    def __init__(self) -> None:
        super().__init__("repl", gdb.COMMAND_DATA)

    def run(self, arguments: str) -> None:
        main(gdb.string_to_argv(arguments))


class _Console(code.InteractiveConsole):
    def runcode(self, compiled: object) -> None:
        super().runcode(compiled)  # type: ignore[arg-type]
        sys.stdout.flush()

    # runcode() catches all but SystemExit, and calls this.
    def showtraceback(self) -> None:
        if isinstance(sys.exc_info()[1], PagerQuit):
            sys.stdout = _stdout()
        else:
            super().showtraceback()


def _stdout() -> TextIO:
    return output(gdb.STDOUT, lambda: False)


def main(words: list[str]) -> None:
    """Read and run lines until the end of the input."""
    if words:
        raise PykdumpError("usage: repl")
    scripts.fill_main()
    namespace = vars(sys.modules["__main__"])
    preserved = Preserved()
    try:
        sys.stdout, sys.stderr = _stdout(), output(gdb.STDERR, lambda: True)
        with completing(namespace), in_order():
            _Console(namespace, "<repl>").interact(_BANNER, "")
    except SystemExit:
        pass
    finally:
        preserved.restore()


def register() -> None:
    """Add the command to GDB."""
    Repl()
