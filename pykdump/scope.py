# SPDX-License-Identifier: GPL-2.0-or-later
"""crash's command ``set scope``: which of several types of one name is meant."""

from __future__ import annotations

from collections.abc import Iterator

from pykdump import commands, debugtypes
from pykdump.errors import CrashError, SymbolMissingError


def _set(rest: str) -> Iterator[str]:
    what, _, function = rest.partition(" ")
    name = function.strip().lstrip(".")
    if what != "scope" or not name:
        raise CrashError(f"set takes scope FUNCTION here: {rest}")
    try:
        addr = debugtypes.set_scope(name)
    except SymbolMissingError as error:
        raise CrashError(f"set: {error}") from None
    yield f"scope: {addr:x} ({name})"


def register() -> None:
    """Let scripts run the command."""
    commands.register("set", _set)
