# SPDX-License-Identifier: GPL-2.0-or-later
"""Files with command lines (``< FILE``), or with the words of one command (``ps -p < FILE``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pykdump.errors import CrashError, Interrupted, PykdumpError
from pykdump.pipes import CommandLine

_MOST_BYTES = 1 << 20

_ENDS = ("q", "quit", "exit")

_reading: list[str] = []  # files that are being read: none may ask for itself


def lines(path: str) -> list[str]:
    """The lines of a file, without empty ones and comments (``#``, ``//``); raises CrashError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CrashError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > _MOST_BYTES or b"\0" in data:
        raise CrashError(f"{path} is no file of command lines")
    found = [line.strip() for line in data.decode("utf-8", "backslashreplace").splitlines()]
    return [line for line in found if line and not line.startswith(("#", "//"))]


def pieces(parts: CommandLine, run: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """Output of each line of a file, run by `run`; an error is told, and the next one follows.

    Where there is a command the lines are its words. Raises CrashError when the file cannot be
    read, or is being read already.
    """
    found = lines(parts.source)
    if parts.source in _reading:
        raise CrashError(f"{parts.source} asks for itself")
    _reading.append(parts.source)
    try:
        for line in found:
            if not parts.command and line in _ENDS:
                return
            if not parts.command:
                yield f"crash> {line}"
            try:
                yield from run(f"{parts.command} {line}" if parts.command else line)
            except PykdumpError as error:
                if isinstance(error, Interrupted):
                    raise
                yield str(error)
    finally:
        _reading.remove(parts.source)
