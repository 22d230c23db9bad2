# SPDX-License-Identifier: GPL-2.0-or-later
"""Warnings of tools and models: shown where they arise, repeated in a summary at the end.

One unreadable record never ends a tool; it is a warning here. Equal messages are shown once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

_WIDTH = 78


class PyLog:
    """All objects share one state: whoever asks for a PyLog gets the log of the running tool."""

    _problems: dict[str, list[str]] = {"WARNING": [], "ERROR": []}
    _quiet = False

    def warning(self, *args: object, **kwargs: object) -> None:
        """Something is damaged or missing, and the rest goes on."""
        self._note("WARNING", args, kwargs)

    def error(self, *args: object, **kwargs: object) -> None:
        """Something could not be done at all."""
        self._note("ERROR", args, kwargs)

    def warning_onexit(self, *args: object) -> None:
        """A warning that appears in the summary only."""
        text = " ".join(map(str, args))
        if text not in self._problems["WARNING"]:
            self._problems["WARNING"].append(text)

    def _note(self, kind: str, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        text = str(kwargs.get("sep", " ")).join(map(str, args))
        if text in self._problems[kind]:
            return
        self._problems[kind].append(text)
        if not self._quiet:
            print(f"+++{kind}+++", text, file=sys.stdout)

    def start(self, *, quiet: bool = False) -> None:
        """Forget what was noted; quiet ones are kept for the end only (``--json``)."""
        for problems in self._problems.values():
            problems.clear()
        PyLog._quiet = quiet

    def problems(self) -> list[str]:
        """All warnings and errors so far, in order."""
        return self._problems["WARNING"] + self._problems["ERROR"]

    def summary(self) -> Iterator[str]:
        """Lines of the closing summary; none when there was no problem."""
        if not self.problems():
            return
        yield ""
        yield "*" * _WIDTH
        yield " A Summary Of Problems Found ".center(_WIDTH, "*")
        yield "*" * _WIDTH
        for kind, problems in self._problems.items():
            if problems:
                yield f" A list of all +++{kind}+++ messages ".center(_WIDTH, "-")
                yield from ("    " + line for text in problems for line in text.splitlines())
        yield "-" * _WIDTH


pylog = PyLog()
