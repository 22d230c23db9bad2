# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines typed at the crash> prompt, to be listed and to be done again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pykdump.errors import CrashError

_lines: list[str] = []


def shown() -> Iterator[str]:
    """The lines with their numbers."""
    for number, line in enumerate(_lines, 1):
        yield f"[{number}] {line}"


def resolved(line: str, tell: Callable[[str], object]) -> str:
    """The line that is meant, which is remembered; raises CrashError when it is none.

    ``r`` and ``!!`` are the last one, ``r 3`` and ``!3`` that of this number, ``r ps`` the newest
    that begins so; which one it is goes to `tell`.
    """
    again = re.fullmatch(r"(?:r|!!)|(?:r\s+|!(?=\d+$))(\S.*)", line)
    found = _earlier(again[1] or "", line) if again else line
    if again:
        tell(found)
    if found and not re.match(r"h(?![\w-])", found):
        _lines.append(found)
    return found


def _earlier(wanted: str, line: str) -> str:
    if wanted.isdecimal() and wanted.isascii():
        if len(wanted) < 10 and 0 < int(wanted) <= len(_lines):
            return _lines[int(wanted) - 1]
        raise CrashError(f"{line}: there are {len(_lines)} lines in the history; see: h")
    for earlier in reversed(_lines):
        if earlier.startswith(wanted):
            return earlier
    raise CrashError(f"{line}: no line in the history begins so; see: h")
