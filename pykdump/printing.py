# SPDX-License-Identifier: GPL-2.0-or-later
"""Text for people: of the dump, where it can do no harm to a terminal, and of its width."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator


def printable(text: str) -> str:
    """The text with control characters as ``\\\\x1b``, tabs too."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def counted(count: int, thing: str, things: str = "") -> str:
    """A number of things: "1 task", "2 tasks"."""
    return f"{count} {thing}" if count == 1 else f"{count} {things or thing + 's'}"


def columns() -> int | None:
    """Width of the terminal that is printed to; None for a pipe or file."""
    try:
        return os.get_terminal_size(1).columns or None
    except OSError:
        return None


def folded(line: str, width: int | None) -> Iterator[str]:
    """A line in several of this width, broken between words, those that follow indented more.

    Colours take no room; one line without a width.
    """
    if width is None or len(_COLOR.sub("", line)) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip(" "))
    following = " " * (indent + 4 if indent + 4 < width // 2 else indent)
    made, length = " " * indent, indent
    is_empty = True
    for word in line.strip(" ").split(" "):
        size = len(_COLOR.sub("", word))
        if not is_empty and length + 1 + size > width:
            yield made.rstrip(" ")
            made, length, is_empty = following, len(following), True
        made += word if is_empty else f" {word}"
        length += size + (not is_empty)
        is_empty = False
    yield made


_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def wrapped(text: str, indent: int, width: int | None) -> Iterator[str]:
    """Lines of a text that stands behind an indent, words kept whole; one line without a width."""
    room = len(text) if width is None else max(24, width - indent)
    yield from textwrap.wrap(text, max(1, room), break_long_words=False, break_on_hyphens=False)
