# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's settings: changed for a while, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import gdb


@contextmanager
def changed(**values: bool | int | str | None) -> Iterator[None]:
    """Settings of GDB for the body only; an underscore in a name stands for a blank.

    A setting that this GDB does not have is left out.
    """
    before: dict[str, bool | int | str | None] = {}
    try:
        for key, value in values.items():
            name = key.replace("_", " ")
            try:
                before[name] = gdb.parameter(name)
            except RuntimeError:
                continue
            assign(name, value)
        yield
    finally:
        for name, value in before.items():
            assign(name, value)


def assign(name: str, value: bool | int | str | None) -> None:
    """Set one setting, given as gdb.parameter() returns it."""
    if isinstance(value, bool):
        text = "on" if value else "off"
    else:
        text = "unlimited" if value is None else str(value)
    gdb.execute(f"set {name} {text}", to_string=True)


def quiet() -> AbstractContextManager[None]:
    """For commands run on the user's behalf: no question, no pager, no network."""
    return changed(confirm=False, pagination=False, debuginfod_enabled="off")
