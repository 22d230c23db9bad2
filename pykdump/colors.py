# SPDX-License-Identifier: GPL-2.0-or-later
"""Colours in the output of tools: where a reader has a terminal, or asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable

CHOICES = ("auto", "always", "never")

_CODES = {
    "bold": 1,
    "dim": 2,
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "magenta": 35,
    "cyan": 36,
    "lightred": 91,
}

_on = False


def _no_terminal() -> bool:
    return False


#: Whether output goes to a terminal that shows colours; the plugin knows, and puts its answer here.
on_terminal: Callable[[], bool] = _no_terminal


def choose(when: str) -> None:
    """Have paint() work from now on, or not."""
    global _on
    _on = when == "always" or (when == "auto" and "NO_COLOR" not in os.environ and on_terminal())


def paint(text: str, *names: str) -> str:
    """The text in these colours, ended behind it; as it is where there are none."""
    if not _on or not names or not text:
        return text
    codes = ";".join(str(_CODES[name]) for name in names)
    return f"\033[{codes}m{text}\033[0m"
