# SPDX-License-Identifier: GPL-2.0-or-later
"""What a command is: options declared once, records, and the lines made of them.

Options follow crash: letters may be put together (``ps -Gu``), and come before or behind words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pykdump.errors import CrashError


class WordsError(CrashError):
    """The words or options of a command mean nothing: it would fail for every task."""


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    flag: str  #: with its dash: "-m"
    help: str
    value: str = ""  #: what must follow, as help calls it; "" when nothing does
    extra: str = ""  #: what may follow behind "=", as in -S=0,2
    alone: bool = False  #: words beside it would be ignored, and are refused


JSON = Option("--json", "print the records as JSON; of what is text its lines")
_LONGEST = 4096  # of a word: no path, name or number is longer


class Given:
    """Options and words that a command was given."""

    def __init__(self, name: str, rest: str) -> None:
        self.name = name  #: of the command, as it was spelt
        self.rest = rest  #: all that followed it
        self.words: list[str] = []
        self._values: list[tuple[str, str]] = []
        self._flags: set[str] = set()

    def add(self, flag: str, value: str) -> None:
        self._values.append((flag, value))
        self._flags.add(flag)

    def __contains__(self, flag: str) -> bool:
        return flag in self._flags

    def count(self, flag: str) -> int:
        """How often an option was given."""
        return sum(name == flag for name, _ in self._values)

    def value(self, flag: str) -> str | None:
        """What followed an option the last time, None without it."""
        found = self.all(flag)
        return found[-1] if found else None

    def all(self, flag: str) -> list[str]:
        """What followed an option each time."""
        return [value for name, value in self._values if name == flag]

    def flags(self) -> list[str]:
        """The options in their order."""
        return [name for name, _ in self._values]

    def error(self, message: str) -> CrashError:
        """An error of this command's words; to be raised."""
        return WordsError(f"{self.name}: {message}")


@dataclass(frozen=True)
class Text:
    """A record of what is text already: GDB printed it, or nobody would want it otherwise."""

    lines: Iterable[str]  #: or pieces of several lines, where there are very many


def text(lines: Iterable[str]) -> Text:
    """The record of these lines; those that an iterator makes are made when they are printed, so
    that what is told of damage stands where it was met."""
    return Text(lines if isinstance(lines, Iterator) else tuple(lines))


def text_lines(record: Text, given: Given) -> Iterable[str]:
    """Renders a Text."""
    return record.lines


@dataclass(frozen=True)
class Command:
    """A command: `collect` makes a record of what the dump holds, `render` makes lines of it.

    Where there are very many lines it makes pieces of several of them, without the last one's end:
    a line that is handed on by itself costs more than what is in it. Warnings stand before the
    piece that was made while they arose.
    """

    name: str
    usage: str  #: the words behind the name and the options
    collect: Callable[[Given], Any]
    render: Callable[[Any, Given], Iterable[str]] = text_lines
    options: tuple[Option, ...] = ()
    is_raw: bool = False  #: options end at the first word: what follows is an expression
    json_last: bool = False  #: of a raw one: --json may be the last word, too
    takes_empty: bool = False  #: a word may be '' or ""
    #: Options of crash that are not here, and why; letters may share a reason: "-c -C".
    absent: tuple[tuple[str, str], ...] = ()
    completes: Callable[[str], Sequence[str]] | None = field(default=None)  #: words, by beginning
    #: Words that may follow these, by beginning, where those before matter.
    completes_after: Callable[[Sequence[str], str], Sequence[str]] | None = field(default=None)

    def parse(self, rest: str, name: str = "") -> Given:
        """Options and words of a command line; raises CrashError."""
        given = Given(name or self.name, rest)
        words = _split(rest)
        self._check_words(words, given)
        if self.json_last and words[-1:] == [JSON.flag]:
            words = [words.pop(), *words]
        _Parser(self, given).run(words)
        self._check_alone(given)
        return given

    def _check_words(self, words: list[str], given: Given) -> None:
        for word in words:
            if "\0" in word:
                raise given.error("a word cannot hold a NUL")
            if len(word) > _LONGEST:
                raise given.error(f"a word of {len(word)} characters is too long")
            if not word and not self.takes_empty:
                raise given.error("an empty word means nothing here")

    def _check_alone(self, given: Given) -> None:
        if given.words and not self.usage:
            raise given.error(f"it takes no words: {' '.join(given.words)}")
        for option in self.options if given.words else ():
            if option.alone and option.flag in given:
                raise given.error(f"{option.flag} takes no words: {' '.join(given.words)}")

    def reason_absent(self, flag: str) -> str | None:
        """Why an option of crash is not here; None for what crash does not have, either."""
        return next((reason for flags, reason in self.absent if flag in flags.split()), None)

    @property
    def all_options(self) -> tuple[Option, ...]:
        return (*self.options, JSON)


class _Parser:
    def __init__(self, command: Command, given: Given) -> None:
        self._command, self._given = command, given
        self._known = {option.flag: option for option in command.all_options}

    def run(self, words: list[str]) -> None:
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--" or (self._command.is_raw and not self._is_option(word)):
                self._given.words += left if word == "--" else [word, *left]
                return
            if self._is_option(word):
                self._option(word, left)
            else:
                self._given.words.append(word)

    def _is_option(self, word: str) -> bool:
        return len(word) > 1 and word[0] == "-" and (word in self._known or not _is_number(word))

    def _option(self, word: str, left: list[str]) -> None:
        flag, equals, value = word.partition("=")
        if flag in self._known and (not equals or self._takes_equals(flag)):
            if self._known[flag].value and not equals:
                value = self._next(flag, left)
            self._given.add(flag, value)
            return
        if flag in self._known and equals:
            raise self._given.error(f"option {flag} takes nothing behind =")
        self._refuse(word)
        for place, letter in enumerate(word[1:], 1):
            option = self._known.get("-" + letter)
            if option is None:
                self._refuse("-" + letter)
                shown = word if word.startswith("--") else "-" + letter
                raise self._given.error(
                    f"there is no option {shown} here; see: crash help {self._command.name}"
                )
            if option.value:
                value = word[place + 1 :] or self._next(option.flag, left)
                self._given.add(option.flag, value)
                return
            self._given.add(option.flag, "")

    def _refuse(self, flag: str) -> None:
        reason = self._command.reason_absent(flag)
        if reason is not None:
            raise self._given.error(f"option {flag} of crash is not here: {reason}")

    def _takes_equals(self, flag: str) -> bool:
        return bool(self._known[flag].value or self._known[flag].extra)

    def _next(self, flag: str, left: list[str]) -> str:
        if not left or left[0] == JSON.flag:
            what = self._known[flag].value
            raise self._given.error(f"option {flag} needs {what}")
        return left.pop(0)


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"-(\d+|0[xX][0-9a-fA-F]+)", word))


def _split(rest: str) -> list[str]:
    # Words; quotes keep blanks in them, and go.
    words, word, quote, is_word = [], "", "", False
    for char in rest:
        if quote:
            quote, word = ("", word) if char == quote else (quote, word + char)
        elif char in "\"'":
            quote, is_word = char, True
        elif char.isspace():
            if word or is_word:
                words.append(word)
            word, is_word = "", False
        else:
            word += char
    return [*words, word] if word or is_word else words
