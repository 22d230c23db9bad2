# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB's settings: changed for a while, and given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Union

import gdb

#: As gdb.parameter() returns them; None is "unlimited".
Value = Union[bool, int, str, None]


@contextmanager
def changed(values: Mapping[str, Value]) -> Iterator[None]:
    """Settings of GDB for the body only; one that this GDB does not have is left out."""
    before: dict[str, Value] = {}
    try:
        for name, value in values.items():
            try:
                before[name] = gdb.parameter(name)
            except RuntimeError:
                continue
            assign(name, value)
        yield
    finally:
        for name, value in before.items():
            assign(name, value)


def assign(name: str, value: Value) -> None:
    """Set one setting, given as gdb.parameter() returns it."""
    if isinstance(value, bool):
        text = "on" if value else "off"
    else:
        text = "unlimited" if value is None else str(value)
    gdb.execute(f"set {name} {text}", to_string=True)


def quiet() -> AbstractContextManager[None]:
    """For commands run on the user's behalf: no question, no pager, no network, no frame shown."""
    return changed(
        {
            "confirm": False,
            "pagination": False,
            "debuginfod enabled": "off",
            "suppress-cli-notifications": True,
        }
    )
