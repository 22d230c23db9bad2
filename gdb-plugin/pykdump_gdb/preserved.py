# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script may change in the process, and what GDB needs as it was."""

from __future__ import annotations

import builtins
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

_SIGNALS = (signal.SIGPIPE, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)
_HOOKS = ("stdin", "stdout", "stderr", "__stdout__", "__stderr__", "excepthook", "displayhook")


class Preserved:
    """Remembers the process as it is; `restore` makes it so again, whatever happened."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._threads = set(threading.enumerate())
        self._argv, self._path = sys.argv, sys.path
        sys.argv, sys.path = list(sys.argv), list(sys.path)
        self._hooks = {name: getattr(sys, name) for name in _HOOKS}
        self._builtins = dict(vars(builtins))
        self._signals = {number: signal.getsignal(number) for number in _SIGNALS}
        self._recursion = sys.getrecursionlimit()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._folder = _folder()
        self._copies = {number: _copy(number) for number in (0, 1, 2)}

    def restore(self) -> None:
        """Do it, each thing on its own."""
        with ExitStack() as steps:
            for step in (self._restore_python, self._restore_signals, self._restore_folder):
                steps.callback(step)
            steps.callback(self.restore_descriptors)
            steps.callback(self.restore_builtins)
            steps.callback(sys.settrace, None)
            steps.callback(sys.setprofile, None)
            steps.callback(os.umask, self._umask)

    def restore_descriptors(self) -> None:
        """Put descriptors 0 to 2 back where they lead; safe to call twice."""
        for number, copy in self._copies.items():
            if copy is not None:
                if not _is_same(number, copy):
                    os.dup2(copy, number)
                os.close(copy)
        self._copies = {}

    def restore_builtins(self) -> None:
        """Give built-in functions their meanings back; names that came to them stay."""
        now = vars(builtins)
        for name, value in self._builtins.items():
            if name != "_" and now.get(name, self) is not value:
                now[name] = value

    def new_threads(self) -> list[str]:
        """Names of threads that were started since and still run."""
        ours = "pykdump-"
        new = set(threading.enumerate()) - self._threads
        return sorted(thread.name for thread in new if not thread.name.startswith(ours))

    def _restore_python(self) -> None:
        sys.argv, sys.path = self._argv, self._path
        sys.setrecursionlimit(self._recursion)
        for name, value in self._hooks.items():
            setattr(sys, name, value)
        if sys.stdin is None or sys.stdin.closed:
            sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)

    def _restore_signals(self) -> None:
        for number, handler in self._signals.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    def _restore_folder(self) -> None:
        if self._folder is not None and _folder() != self._folder:
            _if_possible(lambda: os.chdir(self._folder or "."))


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _copy(number: int) -> int | None:
    try:
        copy = os.dup(number)
    except OSError:
        return None
    os.set_inheritable(copy, False)
    return copy


def _is_same(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False


def _if_possible(action: Callable[[], object]) -> None:
    try:
        action()
    except OSError:
        pass
