# SPDX-License-Identifier: GPL-2.0-or-later
"""TAB at Python prompts inside GDB: names, attributes, and fields of structs.

Python's own readline module does not work inside GDB. Where GDB is linked with the readline library
its hooks are set for the time of the prompt; elsewhere TAB does nothing.
"""

from __future__ import annotations

import builtins
import ctypes
import keyword
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: An expression without calls before the last dot, and the beginning of a name after it.
_ATTRIBUTE = re.compile(r"(\w+(?:\.\w+|\[\w+\])*)\.(\w*)$")

_BREAKS = b" \t\n`~!@#$%^&*()-=+{}\\|;:'\",<>/?"

_Complete = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int)
_Generate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)


def candidates(text: str, namespace: Mapping[str, Any]) -> list[str]:
    """What the word before the cursor may become, sorted."""
    found = _ATTRIBUTE.fullmatch(text)
    if found is None:
        names = {*namespace, *dir(builtins), *keyword.kwlist}
        return sorted(name for name in names if name.startswith(text)) if text else []
    expression, beginning = found.groups()
    try:
        names = _members(eval(expression, dict(namespace)))
    except Exception:
        return []
    hidden = not beginning.startswith("_")
    return sorted(
        f"{expression}.{name}"
        for name in names
        if name.startswith(beginning) and not (hidden and name.startswith("__"))
    )


def _members(value: Any) -> set[str]:
    fields = getattr(type(value), "PYT_sinfo", None) and value.PYT_sinfo
    return {*fields, *("hasField", "castTo", "Dump")} if fields else {*dir(value)}


@contextmanager
def completing(namespace: Mapping[str, Any]) -> Iterator[None]:
    """For the body, TAB completes names of this namespace."""
    with completing_lines(lambda text: candidates(text, namespace), _BREAKS):
        yield


@contextmanager
def completing_lines(
    found: Callable[[str], list[str]], breaks: bytes | None = None
) -> Iterator[None]:
    """For the body, TAB completes what this function finds.

    :param breaks: characters that end a word, of which the function gets the last; None: it gets
        all that was typed.
    """
    try:
        library = _Library(found, breaks)
    except (ValueError, AttributeError, OSError):  # this GDB has its own readline inside
        yield
        return
    library.take()
    try:
        yield
    finally:
        library.give_back()


class _Library:
    """readline's variables; raises ValueError where they cannot be reached."""

    def __init__(self, found: Callable[[str], list[str]], breaks: bytes | None) -> None:
        self._find, self._takes_line = found, breaks is None
        self._library = library = ctypes.CDLL(None)
        self._matches = library.rl_completion_matches
        self._matches.restype = ctypes.c_void_p
        self._matches.argtypes = [ctypes.c_char_p, _Generate]
        self._copy = library.strdup
        self._copy.restype = ctypes.c_void_p
        self._copy.argtypes = [ctypes.c_char_p]
        self._over = ctypes.c_int.in_dll(library, "rl_attempted_completion_over")
        self._append = ctypes.c_int.in_dll(library, "rl_completion_append_character")
        # Kept here, as C code holds no reference.
        self._complete, self._generate = _Complete(self._on_tab), _Generate(self._next)
        self._breaks = ctypes.create_string_buffer(breaks or b" \t")
        self._found: list[str] = []
        self._values = {
            "rl_attempted_completion_function": ctypes.cast(self._complete, ctypes.c_void_p).value,
            "rl_completer_word_break_characters": ctypes.addressof(self._breaks),
            "rl_completion_word_break_hook": None,
            "rl_completer_quote_characters": None,
            "rl_completion_display_matches_hook": None,
        }
        self._variables = {n: ctypes.c_void_p.in_dll(library, n) for n in self._values}

    def take(self) -> None:
        self._before = {name: variable.value for name, variable in self._variables.items()}
        self._set()

    def _set(self) -> None:
        for name, variable in self._variables.items():
            variable.value = self._values[name]

    def give_back(self) -> None:
        for name, variable in self._variables.items():
            variable.value = self._before[name]

    def _on_tab(self, text: bytes, start: int, end: int) -> int | None:
        self._over.value = 1  # never names of files
        self._append.value = 0
        if self._takes_line:
            line = ctypes.c_char_p.in_dll(self._library, "rl_line_buffer").value or b""
            self._found = self._find(line[:end].decode("utf-8", "replace"))
        else:
            self._found = self._find(text.decode("utf-8", "replace"))
        self._set()  # GDB's command complete, if it was asked, has set its own
        matches: int | None = self._matches(text, self._generate)
        return matches

    def _next(self, text: bytes, state: int) -> int | None:
        if state >= len(self._found):
            return None
        copy: int | None = self._copy(self._found[state].encode())
        return copy
