# SPDX-License-Identifier: GPL-2.0-or-later
"""Running one script: in the shared __main__, and whatever it does GDB goes on afterwards."""

from __future__ import annotations

import importlib
import linecache
import os
import runpy
import sys
import sysconfig
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import cast

import gdb

from pykdump import lowlevel, memocaches
from pykdump.errors import Interrupted
from pykdump.scripts import abandon, enter, leave
from pykdump_gdb import search
from pykdump_gdb.interrupts import Interrupts
from pykdump_gdb.output import PagerQuit, in_order, output
from pykdump_gdb.preserved import Preserved

#: Frames that the traceback of a Ctrl-C shows: the innermost ones.
_SHORT = 3

_PLUGIN = os.path.dirname(__file__) + "/"

_INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended

_filled_for: object = None
_imported_by_scripts: set[str] = set()

#: Exit status of the last script: what it gave to sys.exit, 1 after an exception.
last_status = 0

#: Whether it was a tool, whose statuses have meanings of their own.
last_was_tool = False


def run_file(path: str, words: list[str]) -> None:
    """Run the script at this path, with these arguments."""
    main = vars(sys.modules["__main__"])

    def execute() -> None:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        main["__file__"] = path
        exec(code, main)

    try:
        run(execute, [path, *words])
    finally:
        main.pop("__file__", None)


def run_module(name: str, words: list[str]) -> None:
    """Run a module as `python -m` does; a script among its arguments is searched for."""
    words = [_as_script(word) for word in words]
    run(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True), [name, *words])


def _as_script(word: str) -> str:
    found = None if word.startswith("-") or os.path.exists(word) else search.find(word)
    return found or word


def run(action: Callable[[], object], argv: list[str]) -> None:
    """Do what a script does, between the steps that surround every run.

    Raises NoDumpError; whatever the script itself raises is shown.
    """
    global last_status
    fill_main()
    before = set(sys.modules)
    linecache.checkcache()
    preserved = Preserved()
    try:
        with Interrupts() as interrupts, in_order():
            sys.stdout = output(gdb.STDOUT, interrupts.interrupted)
            sys.stderr = output(gdb.STDERR, interrupts.interrupted)
            sys.argv, sys.path = argv, search.python_path()
            last_status = _Run(interrupts, preserved).between_hooks(action)
    finally:
        _imported_by_scripts.update(set(sys.modules) - before)
        _end(preserved)


def _end(preserved: Preserved) -> None:
    threads, streams = preserved.new_threads(), (sys.stdout, sys.stderr)
    preserved.restore()
    if threads:
        # They print as they like, and must not talk to GDB: that is done at its prompts.
        sys.stdout, sys.stderr = streams
        gdb.events.before_prompt.connect(sys.stdout.flush)
        gdb.write(f"note: the script left threads running: {', '.join(threads)}\n", gdb.STDERR)


class _Run:
    def __init__(self, interrupts: Interrupts, preserved: Preserved) -> None:
        self._interrupts = interrupts
        self._preserved = preserved
        self._streams = (sys.stdout, sys.stderr)
        self._hook = sys.excepthook

    def between_hooks(self, action: Callable[[], object]) -> int:
        """The exit status."""
        try:
            status = self._guarded(lambda: self._enter_and(action))
            if os.getpid() != self._preserved.pid:
                self._end_child(status)
            self._take_streams_back()
            if status is None:
                abandon()
            else:
                self._guarded(_hook("exitepython", leave))
        except PagerQuit:
            status = None
        return status or 0

    def _enter_and(self, action: Callable[[], object]) -> None:
        _hook("enterepython", enter)()
        self._streams = (sys.stdout, sys.stderr)
        action()

    def _guarded(self, action: Callable[[], object]) -> int | None:
        # The exit status; None when nobody reads the output any more.
        try:
            self._interrupts.run(action)
            return 0
        except SystemExit as request:
            return _report_exit(request.code)
        except (PagerQuit, BrokenPipeError):
            return None
        except (KeyboardInterrupt, Interrupted) as error:
            self._take_streams_back()
            self._tell(_short_traceback(error.__traceback__))
            return _INTERRUPTED
        except BaseException as error:
            if not self._shown_by_own_hook(error):
                self._take_streams_back()
                trace = _of_script(error.__traceback__)
                shown = traceback.TracebackException(type(error), error, trace)
                self._tell("".join(shown.format()))
            return 1

    def _shown_by_own_hook(self, error: BaseException) -> bool:
        if sys.excepthook is self._hook:
            return False
        trace = error.__traceback__
        try:
            self._interrupts.run(lambda: sys.excepthook(type(error), error, trace))
        except BaseException:
            return False
        return True

    def _tell(self, text: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()

    def _take_streams_back(self) -> None:
        # The script may have put others there, or closed these.
        self._preserved.restore_descriptors()
        self._preserved.restore_builtins()
        if not isinstance(sys.path, list):
            sys.path = []
        sys.stdout, sys.stderr = self._streams
        if sys.stdout.closed:
            sys.stdout = output(gdb.STDOUT, self._interrupts.interrupted)
        if sys.stderr.closed:
            sys.stderr = output(gdb.STDERR, self._interrupts.interrupted)

    def _end_child(self, status: int | None) -> None:
        # The script forked and did not end its child: there can be only one GDB.
        try:
            sys.stdout.flush()
        finally:
            os._exit(status or 0)


def _hook(name: str, own: Callable[[], None]) -> Callable[[], None]:
    # Scripts may have put another one there.
    hook = getattr(sys, name, None)
    return cast(Callable[[], None], hook) if callable(hook) else own


def _report_exit(code: object) -> int:
    if code is None or code == 0:
        return 0
    if isinstance(code, int):
        print(f" -- sys.exit({code}) --")
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _short_traceback(trace: TracebackType | None) -> str:
    # Where a Ctrl-C came: the innermost frames, among them one of the script itself.
    found = traceback.extract_tb(_of_script(trace))
    frames = [frame for frame in found if not frame.filename.startswith(_PLUGIN)]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    shown = frames[-_SHORT:]
    if own and own[-1] not in shown:
        shown = [own[-1], *shown[1:]]
    lines = "".join(traceback.StackSummary.from_list(shown).format())
    return f"Traceback (most recent call last):\n{lines}KeyboardInterrupt\n"


def _of_script(trace: TracebackType | None) -> TracebackType | None:
    # Without the frames that led to the script.
    ours = (_PLUGIN, runpy.__file__, "<frozen runpy>")
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return trace


def fill_main() -> None:
    """Put the API into __main__, as if it had been imported there; raises NoDumpError."""
    global _filled_for
    kernel = lowlevel.kernel()
    if kernel is _filled_for:
        return
    api = importlib.import_module("pykdump.API")
    if _filled_for is not None:
        _forget_modules()
        memocaches.forget()
    names = {name: getattr(api, name) for name in api.__all__}
    vars(sys.modules["__main__"]).update(names)
    _filled_for = kernel


def _forget_modules() -> None:
    # What scripts imported beside themselves holds constants of another dump.
    paths = sysconfig.get_paths()
    systems = tuple({paths["stdlib"], paths["purelib"], paths["platlib"], "/usr/"})
    for name in _imported_by_scripts:
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and path.endswith(".py") and not path.startswith((*systems, *search.own_folders())):
            del sys.modules[name]
    _imported_by_scripts.clear()
