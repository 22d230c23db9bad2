# SPDX-License-Identifier: GPL-2.0-or-later
"""stdout and stderr of scripts: GDB's own, with its pager, its log and its pipes."""

from __future__ import annotations

import functools
import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import gdb

#: Texts of threads that are kept until somebody prints them.
_KEPT = 10_000

#: Pieces of a line that are printed before it ends.
_BEGUN = 1000


class PagerQuit(KeyboardInterrupt):
    """The user answered "q" to the pager: nobody wants to read more."""


class Output(io.TextIOBase):
    """A text stream that GDB prints.

    A line is printed when it ends, or by flush(). Only the main thread may talk to GDB: what other
    threads write is kept until it does.

    :param interrupted: whether Ctrl-C was pressed since it was last asked.
    """

    def __init__(self, stream: int, interrupted: Callable[[], bool]) -> None:
        super().__init__()
        self._stream = stream
        self._descriptor = 2 if stream == gdb.STDERR else 1
        self._interrupted = interrupted
        self._from_threads: deque[str] = deque(maxlen=_KEPT)
        self._begun: list[str] = []  # a line without its end
        self._quit = False
        self.buffer = _Bytes(self)

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False

    def fileno(self) -> int:
        # What is written there comes after what was printed.
        self.flush()
        return self._descriptor

    def write(self, text: str) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if threading.current_thread() is not threading.main_thread():
            self._from_threads.append(text)
            return len(text)
        self._drain()
        # print() writes each of its arguments and each blank between them. What goes to stderr is
        # seen at once, after what was printed before it.
        self._begun.append(text)
        if "\n" in text or self._stream == gdb.STDERR or len(self._begun) > _BEGUN:
            self._end_line()
        return len(text)

    def writelines(self, lines: Iterable[Any]) -> None:
        for line in lines:
            self.write(line)

    def has_begun(self) -> bool:
        """Whether there is the beginning of a line that is not printed yet."""
        return bool(self._begun) and threading.current_thread() is threading.main_thread()

    def flush(self) -> None:
        if threading.current_thread() is threading.main_thread() and not self.closed:
            self._drain()
            if not self._quit:
                self._end_line()
                self._ask(lambda: gdb.flush(self._stream))

    def _end_line(self) -> None:
        if self._begun:
            if self._stream == gdb.STDERR and isinstance(sys.stdout, Output):
                sys.stdout.flush()
            text = "".join(self._begun)
            self._begun.clear()
            self._print(text)

    def _drain(self) -> None:
        while self._from_threads:
            self._print(self._from_threads.popleft())

    def _print(self, text: str) -> None:
        if self._quit:
            raise PagerQuit
        self._ask(lambda: self._pass_on(text.replace("\0", "\\0")))

    def _pass_on(self, text: str) -> None:
        try:
            gdb.write(text, self._stream)
        except UnicodeError:  # the host's character set does not have it
            gdb.write(text.encode("ascii", "backslashreplace").decode(), self._stream)

    def _ask(self, action: Callable[[], None]) -> None:
        # GDB reports "q" in its pager and Ctrl-C in the same way.
        try:
            action()
        except KeyboardInterrupt:
            if self._interrupted():
                raise
            self._quit = True
            raise PagerQuit from None


@contextmanager
def in_order() -> Iterator[None]:
    """For the body, what GDB prints comes after the line that was begun before it."""
    functions = {name: getattr(gdb, name) for name in ("execute", "write")}
    try:
        for name, function in functions.items():
            setattr(gdb, name, _after_stdout(function))
        yield
    finally:
        for name, function in functions.items():
            setattr(gdb, name, function)


def _after_stdout(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def flushed(*args: Any, **kwargs: Any) -> Any:
        shown = not kwargs.get("to_string") and args[2:3] != (True,)
        if shown and isinstance(sys.stdout, Output) and sys.stdout.has_begun():
            sys.stdout.flush()
        return function(*args, **kwargs)

    return flushed


def output(stream: int, interrupted: Callable[[], bool]) -> TextIO:
    """The stream, as what sys.stdout is."""
    return cast(TextIO, Output(stream, interrupted))


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer: bytes, decoded as UTF-8."""

    def __init__(self, text: Output) -> None:
        super().__init__()
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._text.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    def fileno(self) -> int:
        return self._text.fileno()
