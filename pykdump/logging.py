# SPDX-License-Identifier: GPL-2.0-or-later
"""Warnings of tools and scripts: shown where they arise, repeated in a summary at the end.

One unreadable record never ends a tool; it is a warning here. Equal messages are shown once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 78

#: What a warning begins with.
WARNING = "+++WARNING+++"


class PyLog:
    """All objects share one state: whoever asks for a PyLog gets the log of the running tool.

    >>> pylog.warning("the list of", "devices", "is cut")
    +++WARNING+++ the list of devices is cut
    >>> pylog.info("seen in the summary only")
    """

    _problems: dict[str, list[str]] = {"WARNING": [], "ERROR": []}
    _timeouts: list[str] = []
    _infos: list[str] = []
    _silent: str | None = None
    _quiet = False
    _kept: list[str] | None = None

    #: Whether warnings and errors show where they come from (``--debug``).
    with_stacks = False

    def warning(self, *args: object, **kwargs: object) -> None:
        """Something is damaged or missing, and the rest goes on; arguments as of print()."""
        self._note("WARNING", args, kwargs)

    def error(self, *args: object, **kwargs: object) -> None:
        """Something could not be done at all; arguments as of print()."""
        self._note("ERROR", args, kwargs)

    def warning_onexit(self, *args: object) -> None:
        """A warning that appears in the summary only."""
        _add(self._problems["WARNING"], " ".join(map(str, args)))

    def timeout(self, msg: object) -> None:
        """A command took too long and what it printed is incomplete."""
        if _add(self._timeouts, str(msg)) and not self._quiet:
            print(WARNING, msg)

    def info(self, *args: object) -> None:
        """Something worth knowing, printed after the summary."""
        _add(self._infos, " ".join(map(str, args)))

    def silent(self, msg: object) -> None:
        """Remember one message, for getsilent() or silenterror()."""
        PyLog._silent = str(msg)

    def getsilent(self) -> str | None:
        """The remembered message, which is then forgotten; None without one."""
        msg, PyLog._silent = PyLog._silent, None
        return msg

    def silenterror(self, extra: object) -> None:
        """Make an error of the remembered message, if there is one, with `extra` before it."""
        msg = self.getsilent()
        if msg is not None:
            self.error(extra, msg)

    def _note(self, kind: str, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        text = str(kwargs.get("sep", " ")).join(map(str, args))
        if self._kept is not None:
            _add(self._kept, text)
            return
        if not _add(self._problems[kind], text) or self._quiet:
            return
        print(f"+++{kind}+++ {text}", end=str(kwargs.get("end", "\n")), file=sys.stdout)
        if self.with_stacks:
            traceback.print_stack(sys._getframe(2), file=sys.stdout)

    @contextmanager
    def kept(self) -> Iterator[list[str]]:
        """For the body, warnings and errors go to this list: the output of a command has them."""
        before, PyLog._kept = PyLog._kept, []
        try:
            yield PyLog._kept
        finally:
            PyLog._kept = before

    def start(self, *, quiet: bool = False) -> None:
        """Forget what was noted; quiet ones are kept for the end only (``--json``)."""
        for messages in (*self._problems.values(), self._timeouts, self._infos):
            messages.clear()
        PyLog._silent = None
        PyLog._quiet = quiet

    def tell(self) -> None:
        """Print what was noted quietly, and from now on what is noted."""
        PyLog._quiet = False
        for kind, messages in self._problems.items():
            for text in messages:
                print(f"+++{kind}+++ {text}")

    def cleanup(self) -> None:
        """Forget what was noted, as each run of a script does first."""
        self.start()

    def onexit(self) -> None:
        """Print the summary, as each run of a script does last."""
        for line in self.summary():
            print(line)

    def problems(self) -> list[str]:
        """All warnings and errors so far, in order."""
        return self._problems["WARNING"] + self._problems["ERROR"]

    def summary(self) -> Iterator[str]:
        """Lines of the closing summary; none when there is nothing to say."""
        if self.problems() or self._timeouts:
            yield from self._problem_lines()
        if self._infos:
            yield " Additional Info ".center(_WIDTH, "~")
            yield from _lines(self._infos, "")
            yield "~" * _WIDTH

    def _problem_lines(self) -> Iterator[str]:
        yield ""
        yield "*" * _WIDTH
        yield " A Summary Of Problems Found ".center(_WIDTH, "*")
        yield "*" * _WIDTH
        if self._timeouts:
            yield " Some commands were stopped before their end ".center(_WIDTH, "-")
            yield from _lines(self._timeouts)
            yield "    To give commands more time, run the script again with --timeout=N (seconds)"
        for kind, problems in self._problems.items():
            if problems:
                yield f" A list of all +++{kind}+++ messages ".center(_WIDTH, "-")
                yield from _lines(problems)
        yield "-" * _WIDTH


def _add(messages: list[str], text: str) -> bool:
    if text in messages:
        return False
    messages.append(text)
    return True


def _lines(messages: list[str], indent: str = "    ") -> Iterator[str]:
    for text in messages:
        yield from (indent + line for line in text.splitlines())


#: The log of the running script: ``pylog.warning("...")``; its methods are those of `PyLog`.
pylog = PyLog()
