# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C in a script: asked for once politely, and then until the script has ended.

The first Ctrl-C is the KeyboardInterrupt that a script may clean up after. A script that still runs
half a second later gets another one wherever it goes: also in its except blocks, and in the
next turn of a loop that catches everything. The frame of run() tells whether it still runs, so
nothing of ours that comes after it is ever interrupted on its account.

GDB swallows a signal that arrives while it works, and raises KeyboardInterrupt itself. Python's
wakeup descriptor sees them all.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pykdump._accel import InterruptHandler

_POLITE_S = 0.5
_AGAIN_S = 0.1


class Interrupts:
    """Handles SIGINT for the body of a with statement."""

    def __init__(self) -> None:
        self._handler = InterruptHandler(Interrupts.run.__code__)
        self._seen = self._told = 0  # signals so far, and how many of them interrupted() told
        self._done = threading.Event()

    def __enter__(self) -> Interrupts:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: Any = signal.signal(signal.SIGINT, self._handler)
        self._descriptor = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._main = threading.main_thread().ident or 0
        self._thread = threading.Thread(target=self._watch, daemon=True, name="pykdump-interrupts")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        os.write(self._write, b"\0")
        self._thread.join()
        signal.set_wakeup_fd(self._descriptor)
        signal.signal(signal.SIGINT, self._before or signal.default_int_handler)
        os.close(self._read)
        os.close(self._write)

    def run(self, action: Callable[[], object]) -> None:
        """Do something that Ctrl-C ends; raises KeyboardInterrupt then."""
        action()

    def interrupted(self) -> bool:
        """Whether Ctrl-C was pressed since this was last asked."""
        if self._done.is_set():
            return True
        self._count()
        news = self._seen > self._told
        self._told = self._seen
        return news

    def _count(self) -> None:
        try:
            news = os.read(self._read, 4096)
            self._seen += news.count(signal.SIGINT)
        except BlockingIOError:
            pass

    def _watch(self) -> None:
        # In a thread of its own: the script may be anywhere, asleep or in C.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while not self._seen and not self._done.is_set():
            select.select([self._read], [], [])
            self._count()
        if self._done.wait(_POLITE_S):
            return
        self._handler.insists = True
        while not self._done.is_set():
            signal.pthread_kill(self._main, signal.SIGINT)
            self._done.wait(_AGAIN_S)
