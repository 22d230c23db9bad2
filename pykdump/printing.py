# SPDX-License-Identifier: GPL-2.0-or-later
"""Text of the dump that can do no harm to a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control characters as ``\\\\x1b``, tabs too."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
