# SPDX-License-Identifier: GPL-2.0-or-later
"""How long each part of a tool took, for -v."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_times: dict[str, float] = {}  # in the order in which they began
_depths: dict[str, int] = {}
_open: list[str] = []


def start() -> None:
    """Forget the times of the tool before."""
    _times.clear()
    _depths.clear()
    _open.clear()


def current() -> str:
    """The part that is being done, "" between parts."""
    return _open[-1] if _open else ""


@contextmanager
def section(name: str) -> Iterator[None]:
    """Count the body to this part; what is counted to a part within it counts to both."""
    began = time.monotonic()
    _times.setdefault(name, 0.0)
    _depths.setdefault(name, len(_open))
    _open.append(name)
    try:
        yield
    finally:
        if _open:
            _open.pop()
        _times[name] = _times.get(name, 0.0) + time.monotonic() - began


def lines() -> Iterator[str]:
    """A table of the times; none where no part was named."""
    if _times:
        yield ""
        yield " Time of each section"
        yield from (
            f"  {seconds:8.3f} s  {'  ' * _depths.get(name, 0)}{name}"
            for name, seconds in _times.items()
        )
