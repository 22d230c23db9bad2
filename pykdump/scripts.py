# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens around each run of a script: common options, banner, summary, times.

The plugin runs the scripts (pykdump_gdb.scripts); none of this needs GDB.
"""

from __future__ import annotations

import importlib
import io
import os
import pprint
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pykdump import commands, debugtypes, lowlevel
from pykdump.Generic import API_options, DCache, argv2s, isfileoutput
from pykdump.logging import pylog
from pykdump.memocaches import CU_PYMOD, CU_TIMEOUT, purge_memoize_cache

DEFAULT_TIMEOUT = 120
DEFAULT_MAXEL = 10000

HELP = """\
Options that all scripts and tools understand, anywhere among their own:
  --experimental   use what is still being tried out
  --debug N        more output for finding faults; warnings show where they arise
  --timeout SEC    let a command run that long (default 120)
  --maxel N        elements of a list to read at most (default 10000)
  --usens PID      look at things in the namespaces of this process
  --reload         import all modules again, except pykdump's own
  --dumpcache      show what is kept between runs
  --ofile FILE     write the output to this file"""


class BadOption(Exception):
    """A common option with a wrong argument; the text is a sentence."""


@dataclass
class CommonOptions:
    """The options that every script understands."""

    experimental: bool = False
    debug: int = 0
    timeout: int = DEFAULT_TIMEOUT
    maxel: int = DEFAULT_MAXEL
    usens: int | None = None
    reload: bool = False
    dumpcache: bool = False
    ofile: str | None = None


_TAKES: dict[str, Callable[[str], Any]] = {
    "debug": int,
    "timeout": int,
    "maxel": int,
    "usens": int,
    "ofile": str,
}
_FLAGS = ("experimental", "reload", "dumpcache")


def split_options(words: Sequence[str]) -> tuple[CommonOptions, list[str]]:
    """The common options among the words, and the other words in their order.

    Raises BadOption.
    """
    found, left = CommonOptions(), []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in (*_FLAGS, *_TAKES):
            left.append(word)
        elif name in _FLAGS:
            if equals:
                raise BadOption(f"--{name} takes no value: {word}")
            setattr(found, name, True)
        else:
            if not equals and not words:
                raise BadOption(f"--{name} needs a value")
            setattr(found, name, _value(name, value if equals else words.pop(0)))
    return found, left


def _value(name: str, text: str) -> Any:
    try:
        return _TAKES[name](text)
    except ValueError:
        raise BadOption(f"--{name} needs a number: {text}") from None


class Times:
    """Since when a run counts."""

    def __init__(self) -> None:
        now = os.times()
        self.real, self.cpu = time.monotonic(), now.user + now.system
        self.children = now.children_user + now.children_system

    def line(self) -> str:
        """How long the run took."""
        now = Times()
        text = f" ** Execution took {now.real - self.real:6.2f}s (real)"
        text += f" {now.cpu - self.cpu:6.2f}s (CPU)"
        if now.children - self.children > 0.001:
            text += f", Child processes: {now.children - self.children:6.2f}s"
        return text


class _Run:
    """The run that is going on, or the last one."""

    def __init__(self) -> None:
        self.times = Times()
        self.folder: str | None = None  #: of the script, as it was put into sys.path
        self.ofile: io.TextIOBase | None = None
        self.stdout: Any = None  #: what --ofile replaced


_run = _Run()
_timeout_before = DEFAULT_TIMEOUT


def enter() -> None:
    """Begin a run: sys.argv is that of the script, with the common options still in it."""
    global _run
    _run = _Run()
    DCache.tmp.clear()
    pylog.cleanup()
    _renew_pp()
    sys.__oldargv = list(sys.argv)  # type: ignore[attr-defined]
    try:
        options, words = split_options(sys.argv[1:])
    except BadOption as error:
        print(error)
        sys.exit(2)
    sys.argv[1:] = words
    if options.debug:
        print("argv:", sys.__oldargv)  # type: ignore[attr-defined]
    if options.ofile is not None:
        _redirect(options.ofile)
    if isfileoutput():
        for line in banner(_without_ofile(sys.__oldargv)):  # type: ignore[attr-defined]
            print(line)
    _apply(options)
    if sys.argv and os.path.dirname(sys.argv[0]):
        _run.folder = os.path.dirname(os.path.abspath(sys.argv[0]))
        sys.path.insert(0, _run.folder)


def _renew_pp() -> None:
    api = sys.modules.get("pykdump.API")
    if api is not None:
        vars(api)["pp"] = pprint.PrettyPrinter(indent=4)


def _redirect(path: str) -> None:
    try:
        _run.ofile = open(path, "w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        print(f"cannot write {path}: {error.strerror}")
        sys.exit(1)
    _run.stdout, sys.stdout = sys.stdout, _run.ofile


def _apply(options: CommonOptions) -> None:
    global _timeout_before
    API_options.experimental = options.experimental
    API_options.debug = options.debug
    API_options.dumpcache = options.dumpcache
    type(pylog).with_stacks = options.debug > 0
    if options.timeout > _timeout_before:
        purge_memoize_cache(CU_TIMEOUT)
    _timeout_before = options.timeout
    commands.set_default_timeout(options.timeout)
    if options.reload:
        purge_memoize_cache(CU_PYMOD)
        reload_modules()
    if lowlevel.is_open():
        _apply_to_dump(options)


def _apply_to_dump(options: CommonOptions) -> None:
    debugtypes.set_scope(None)
    _api("setListMaxel", options.maxel)
    _api("set_readmem_task", 0)
    try:
        _api("set_nsproxy", options.usens)
    except Exception as error:
        if options.usens is None:
            raise
        print(f"--usens {options.usens}: {error}")
        sys.exit(1)
    if options.usens is not None:
        print(f"Using the namespaces of PID {options.usens}")


def _api(name: str, argument: int | None) -> None:
    # The API imports this module; when a script runs it is there.
    function = getattr(sys.modules.get("pykdump.API"), name, None)
    if function is not None:
        function(argument)


def reload_modules() -> None:
    """Import again every module that has a file of its own, except pykdump and __main__."""
    for name, module in sorted(sys.modules.items()):
        if _is_reloadable(name, getattr(module, "__file__", None)):
            try:
                importlib.reload(module)
            except Exception as error:
                pylog.warning(f"--reload: {name} cannot be imported again: {error}")


def _is_reloadable(name: str, path: str | None) -> bool:
    # What belongs to Python or GDB stays: reloading it would undo what others did to it.
    top = name.split(".")[0]
    if top in (*sys.stdlib_module_names, "pykdump", "pykdump_gdb", "__main__", "gdb", "crash"):
        return False
    return path is not None and path.endswith(".py") and os.path.exists(path)


def _without_ofile(argv: list[str]) -> list[str]:
    # The file is where the line is read.
    at = argv.index("--ofile") if "--ofile" in argv else len(argv)
    return [word for word in argv[:at] + argv[at + 2 :] if not word.startswith("--ofile=")]


def banner(argv: Sequence[str]) -> list[str]:
    """What a file begins with: the command line, the dump and the release."""
    lines = ["", argv2s(list(argv)).center(60, "*")]
    if lowlevel.is_open():
        dump = lowlevel.dump()
        lines.append(f" {' '.join(dump.paths)}  ({dump.release}) ".center(77, "o"))
    return [*lines, ""]


def leave() -> None:
    """End a run: the summary and the times."""
    try:
        pylog.onexit()
        if lowlevel.is_open():
            _api("set_readmem_task", 0)
        print()
        print(_run.times.line())
        sys.stdout.flush()
    except BrokenPipeError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if _run.ofile is None:
            raise
        name = getattr(_run.ofile, "name", "the file")
        print(f"what is missing in {name} was not written: {error}", file=sys.stderr)
    finally:
        abandon()


def abandon() -> None:
    """End a run whose output nobody reads any more."""
    if _run.folder is not None and _run.folder in sys.path:
        sys.path.remove(_run.folder)
    _run.folder = None
    if _run.ofile is not None:
        with suppress(OSError):  # what it could not take has been told
            _run.ofile.close()
        sys.stdout, _run.ofile = _run.stdout, None


def install_hooks() -> None:
    """Make enter() and leave() what runs call, and begin one for the program that goes on."""
    sys.enterepython = enter  # type: ignore[attr-defined]
    sys.exitepython = leave  # type: ignore[attr-defined]
