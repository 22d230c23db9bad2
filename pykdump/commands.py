# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of the crash utility, and of GDB, for scripts that read their output as text.

Whoever emulates a command registers it here; GDB itself is behind `debugger`, set by the plugin.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from pykdump import command_files, pipes
from pykdump.errors import CrashError, Interrupted, PykdumpError
from pykdump.logging import pylog

#: Takes what follows the name; yields the output, or raises CrashError: lines, or pieces of several
#: lines where there is much of it. The end of the last line is no part of a piece.
Command = Callable[[str], Iterable[str]]


class Debugger(Protocol):
    """What the plugin does for us."""

    def execute(self, command: str) -> str:
        """Output of a command of GDB; raises CrashError."""

    def programs(self) -> list[str]:
        """Names of the scripts that are commands."""

    def run_program(self, words: Sequence[str]) -> None:
        """Run a script with its arguments; raises CrashError when there is none of this name."""

    def add_program(self, name: str, summary: str, synopsis: str, text: str) -> bool:
        """Make a command of a script; False when GDB has a command of this name."""


#: The plugin's, None outside GDB.
debugger: Debugger | None = None

_commands: dict[str, Command] = {}
_timeout = 120


def register(name: str, command: Command) -> None:
    """Make this what a command does."""
    _commands[name] = command


def known() -> list[str]:
    """Names of the commands."""
    return sorted(_commands)


def gdb() -> Debugger:
    """The plugin's side; raises CrashError outside GDB."""
    if debugger is None:
        raise CrashError("this needs GDB, and no GDB is here")
    return debugger


class _Stopped(BaseException):
    """The time of a command is over."""


def exec_crash_command(cmd: str, no_stdout: object = None) -> str:
    """Output of a command of crash.

    Raises crash.error when it fails, and when it prints nothing; its text is what was collected.
    A command that is not known is named in it. What went to a file (``> FILE``) leaves "".

    >>> for line in exec_crash_command("sys").splitlines():
    ...     if "MACHINE" in line:
    ...         print(line.split()[1])
    x86_64
    >>> exec_crash_command("nosuch")
    Traceback (most recent call last):
    pykdump._accel.CrashError: there is no command nosuch here; see: crash help
    """
    if not isinstance(cmd, str):
        raise TypeError(f"a command is text, not {type(cmd).__name__}: {cmd!r:.80}")
    found: list[str] = []
    try:
        found.extend(pieces(cmd))
    except PykdumpError as error:
        if isinstance(error, Interrupted):
            raise
        raise CrashError("\n".join([*found, str(error)])) from None
    if not found and pipes.split(cmd).file:
        return ""
    if not found:
        # Scripts take the text for output: what tracebacks tell beside it is a note.
        silent = CrashError("")
        silent.__notes__ = [f"{cmd.strip():.200}: printed nothing"]
        raise silent
    return _text(found)


def exec_crash_command_bg(cmd: str, timeout: int | None = None) -> str:
    """The same for commands that take long: it never raises, and returns what there was.

    :param timeout: seconds; None for what ``--timeout`` says. A command stopped by it and one that
        fails are noted in ``pylog``.

    >>> "Linux version" in exec_crash_command_bg("log", timeout=60)
    True
    """
    seconds = _timeout if timeout is None else timeout
    found: list[str] = []
    try:
        with _time_limit(seconds):
            for piece in pieces(cmd):
                found.append(piece)
    except _Stopped:
        pylog.timeout(f"<{cmd}> was stopped after {seconds} s")
    except PykdumpError as error:
        if isinstance(error, Interrupted):
            raise
        pylog.warning(f"<{cmd}> failed: {error}")
    return _text(found)


def exec_crash_command_bg2(cmd: str) -> tuple[int, int]:
    """A file descriptor with the output of a command, and the pid of a child to wait for."""
    with tempfile.TemporaryFile() as file:
        file.write(exec_crash_command_bg(cmd).encode("utf-8", "backslashreplace"))
        file.seek(0)
        descriptor = os.dup(file.fileno())
    # No Popen: it would take the child's status away from the script's waitpid.
    return descriptor, os.posix_spawnp("true", ["true"], os.environ)


def exec_gdb_command(cmd: str) -> str | None:
    """Output of a command of GDB, None when it fails.

    >>> exec_gdb_command("output 6 * 7"), exec_gdb_command("nosuch")
    ('42', None)
    """
    try:
        return gdb().execute(cmd)
    except CrashError:
        return None


def exec_command(line: str) -> None:
    """Run a script if the first word is the name of one, else print the output of a command."""
    words = line.split()
    if words and debugger is not None and words[0] in debugger.programs():
        debugger.run_program(words)
    else:
        print(exec_crash_command(line), end="")


def set_default_timeout(sec: int) -> int:
    """How long commands in the background may take from now on; returns the value before.

    >>> before = set_default_timeout(60)
    >>> set_default_timeout(before)
    60
    """
    global _timeout
    before, _timeout = _timeout, sec
    return before


def default_timeout() -> int:
    """How long commands in the background may take, in seconds."""
    return _timeout


@contextlib.contextmanager
def SuppressCrashErrors(outfile: str = "/dev/null") -> Iterator[None]:
    """For the body, error messages go to a file.

    >>> with SuppressCrashErrors():
    ...     text = exec_crash_command_bg("sys")
    """
    with open(outfile, "a", encoding="utf-8") as file, contextlib.redirect_stderr(file):
        yield


def lines(cmd: str) -> Iterator[str]:
    """Lines of a command's output, of which ``| SHELL`` and ``> FILE`` may take some or all."""
    for piece in pieces(cmd):
        yield from piece.split("\n")


def pieces(cmd: str) -> Iterator[str]:
    """The same in pieces of one line or more: what is written as it is need not be cut."""
    parts = pipes.split(cmd)
    if parts.source:
        yield from pipes.through(command_files.pieces(parts, pieces), parts)
        return
    yield from pipes.through(_own_pieces(parts.command), parts)


def _own_pieces(cmd: str) -> Iterable[str]:
    name, _, rest = cmd.strip().partition(" ")
    command = _commands.get(name)
    return unknown(cmd.strip()) if command is None else command(rest.strip())


def _no_such(line: str) -> Iterable[str]:
    name = line.partition(" ")[0]
    raise CrashError(
        f"there is no command {name or 'without a name'} here; known: {', '.join(known())}"
    )


#: Takes a command line whose first word names no command.
unknown: Command = _no_such


def _text(found: Sequence[str]) -> str:
    return "\n".join([*found, ""])


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's: the command takes its time
        return

    def stop(number: int, frame: object) -> None:
        raise _Stopped

    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # the script has an alarm of its own
            left = max(0.001, left - (time.monotonic() - began))
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def printed(function: Callable[[], object]) -> Iterator[str]:
    """What a function prints, as the lines of a command."""
    buffer = io.StringIO()
    stdout, sys.stdout = sys.stdout, buffer
    try:
        function()
    finally:
        sys.stdout = stdout
    yield from buffer.getvalue().splitlines()


def _gdb_command(rest: str) -> Iterator[str]:
    yield from gdb().execute(rest).splitlines()


register("gdb", _gdb_command)
