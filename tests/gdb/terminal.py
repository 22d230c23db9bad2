# SPDX-License-Identifier: GPL-2.0-or-later
"""A program at a terminal of its own, with somebody who types and reads."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence

PATIENCE_S = 120  # until a test gives up, and no measure of anything

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x07|[\x01\x02]")


class Terminal:
    """Runs a program on a terminal of 24 lines; close it at the end."""

    def __init__(
        self,
        words: Sequence[object],
        env: Mapping[str, str],
        lines: int = 24,
        *,
        keeps_escapes: bool = False,
    ) -> None:
        self._keeps_escapes = keeps_escapes
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(str(words[0]), [str(word) for word in words], dict(env))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
        self.seen = ""  # what nobody has asked for yet

    def type(self, text: str) -> None:
        """Type keys; "\\r" is Return, "\\x03" Ctrl-C, "\\x04" Ctrl-D, "\\t" TAB."""
        os.write(self._fd, text.encode())

    def read_until(self, pattern: str) -> str:
        """What is printed up to and with this; the rest is for the next call."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = re.search(pattern, self.seen)
            if found:
                text, self.seen = self.seen[: found.end()], self.seen[found.end() :]
                return text
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{pattern!r} does not come: {self.seen[-2000:]!r}")

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0, seconds))
        try:
            data = os.read(self._fd, 65536) if ready else b""
        except OSError:  # the program has ended
            return False
        text = data.decode("utf-8", "replace")
        self.seen += text if self._keeps_escapes else _ESCAPES.sub("", text)
        return bool(data)

    def close(self) -> None:
        """End the program, whatever it does."""
        os.close(self._fd)
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
