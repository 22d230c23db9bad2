# SPDX-License-Identifier: GPL-2.0-or-later
"""Exceptions whose text is a whole sentence for the user: what is wrong, where, what to do.

The accelerator's own errors are the same classes, so ``except PykdumpError`` covers both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pykdump._accel import CrashError
    from pykdump._accel import Error as PykdumpError
    from pykdump._accel import Interrupted, OpenError, ReadError
else:
    try:
        from pykdump._accel import CrashError
        from pykdump._accel import Error as PykdumpError
        from pykdump._accel import Interrupted, OpenError, ReadError
    except ImportError:  # without the build: the launcher, unit tests

        class PykdumpError(Exception):
            """What pykdump raises when it cannot go on."""

        class OpenError(PykdumpError):
            """A file that is no dump, or a dump that cannot be opened."""

        class CrashError(PykdumpError):
            """What scripts of the classic API catch as ``crash.error``."""

        class ReadError(CrashError):
            """Memory that is not there."""

        class Interrupted(PykdumpError):
            """The user pressed Ctrl-C in a long step."""


def as_address(value: Any) -> int:
    """A value as an address; for what is no number the TypeError or ValueError names it."""
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        hint = "; that of a symbol is sym2addr(NAME)" if isinstance(value, str) else ""
        raise type(error)(f"{value!r:.80} is no address{hint}") from None


class NoDumpError(PykdumpError):
    """A dump is needed, and none is open."""


class TypeMissingError(CrashError):
    """A type or member that the debug info does not have."""


class SymbolMissingError(PykdumpError):
    """A variable or function that vmlinux does not have."""


class MismatchError(PykdumpError):
    """The vmlinux is not that of the dump."""


class DebuginfoError(PykdumpError):
    """A module's debug info that is not found, or cannot be used."""


class VmlinuxMissingError(PykdumpError):
    """No vmlinux could be found for the dump."""


__all__ = [
    "CrashError",
    "DebuginfoError",
    "Interrupted",
    "MismatchError",
    "NoDumpError",
    "OpenError",
    "PykdumpError",
    "ReadError",
    "SymbolMissingError",
    "TypeMissingError",
    "VmlinuxMissingError",
]
