# SPDX-License-Identifier: GPL-2.0-or-later
"""crash's command ``set scope``: which of several types of one name is meant."""

from __future__ import annotations

from collections.abc import Iterator

from pykdump import debugtypes
from pykdump.errors import CrashError, SymbolMissingError


def set_scope(function: str) -> Iterator[str]:
    """Let names of types be looked up as in a function; yields what the command prints."""
    name = function.strip().lstrip(".")
    if not name:
        raise CrashError("set: scope needs a function")
    try:
        addr = debugtypes.set_scope(name)
    except SymbolMissingError as error:
        raise CrashError(f"set: {error}") from None
    yield f"scope: {addr:x} ({name})"
