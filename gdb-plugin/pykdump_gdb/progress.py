# SPDX-License-Identifier: GPL-2.0-or-later
"""One line on the terminal that says how far a long step is; nothing in a pipe."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FIRST_AFTER_S = 0.4  # what is quicker than this needs no line
_EVERY_S = 0.1
_SECTIONS_EVERY_S = 0.25


class ProgressLine:
    """Call it with what is done, how much of it, and of how much (0: unknown).

    As it runs Python code, Ctrl-C arrives in it as KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._visible = _has_terminal()
        self._started = self._drawn_at = time.monotonic()
        self._drawn = False
        self._told: str | None = None  # while a thread draws: what the running step says

    @contextmanager
    def watch(self, step: Callable[[], str]) -> Iterator[None]:
        """In the body a thread shows what is being done: code that runs need not call.

        :param step: asked for the name of the step, by the thread.
        """
        if not self._visible:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._draw_until, args=(ended, step), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._told = None
            self.done()

    def _draw_until(self, ended: threading.Event, step: Callable[[], str]) -> None:
        # Signals are for GDB's own thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._told = ""
        if ended.wait(_FIRST_AFTER_S):
            return
        while True:
            self._draw(self._told or step())
            if ended.wait(_SECTIONS_EVERY_S):
                return

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if not self._visible or now - self._started < _FIRST_AFTER_S:
            return
        if self._drawn and now - self._drawn_at < _EVERY_S:
            return
        share = f" {100 * done // total} %" if total else ""
        if self._told is not None:
            self._told = f"{what}{share}"
            return
        self._draw(f"{what}{share}")
        self._drawn_at = now

    def announce(self, what: str) -> None:
        """Show a step that cannot report how far it is, before it starts."""
        if self._visible:
            self._draw(what)

    def done(self) -> None:
        """Take the line away."""
        if self._drawn:
            os.write(2, b"\r\x1b[K")
        self._drawn = False

    def _draw(self, text: str) -> None:
        os.write(2, f"\r\x1b[K{text} ...".encode())
        self._drawn = True


def _has_terminal() -> bool:
    try:
        return os.isatty(1) and os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb"
    except OSError:
        return False
