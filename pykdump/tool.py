# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver behind every tool: options, records, text or JSON, warnings, exit status."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from pykdump import colors, sections
from pykdump.errors import PykdumpError
from pykdump.logging import pylog

#: Exit statuses of a tool: nothing found, something found, and where it could not do its work.
OK, FOUND, FAILED = 0, 1, 2


def _no_watch() -> AbstractContextManager[None]:
    return nullcontext()


#: Entered while a tool collects; whoever has a terminal shows there how long it takes.
collecting: Callable[[], AbstractContextManager[None]] = _no_watch


class UsageError(PykdumpError):
    """Options that the tool does not take."""


class Parser(argparse.ArgumentParser):
    """Raises where argparse would end the process: that process is GDB."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see: {self.prog} --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise HelpShown()


def at_least_one(word: str) -> int:
    """For the `type` of an option that says how many."""
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word} is no number from 1 on")
    return int(word)


class HelpShown(Exception):
    """--help printed its text: there is nothing more to do."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """A tool: `collect` makes a record of what the dump holds, `render` makes lines of it."""

    add_arguments: Callable[[argparse.ArgumentParser], None]
    collect: Callable[[argparse.Namespace], Any]
    render: Callable[[Any, argparse.Namespace], Iterable[str]]
    #: Whether the record holds a problem: the exit status is then 1.
    has_findings: Callable[[Any], bool] = lambda record: False
    uses_colors: bool = False  #: the tool takes --color
    warns_last: bool = False  #: warnings come in the closing summary only: what is first matters

    boxes_warnings: bool = True  #: a closing summary repeats them; else they come last, once

    def parser(self, name: str, description: str = "") -> argparse.ArgumentParser:
        """The parser of this tool's options."""
        parser = Parser(
            prog=f"pykdump {name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--json", action="store_true", help="print the records as JSON")
        if self.uses_colors:
            parser.add_argument(
                "--color",
                choices=colors.CHOICES,
                nargs="?",
                const="always",
                default="auto",
                help="colours: auto (the default) on a terminal only; --color alone: always",
            )
        self.add_arguments(parser)
        return parser

    def run(self, name: str, arguments: str | Sequence[str], description: str = "") -> int:
        """Run with these options and print; returns the exit status. Raises PykdumpError."""
        words = shlex.split(arguments) if isinstance(arguments, str) else list(arguments)
        try:
            options = self.parser(name, description).parse_args(words)
        except HelpShown:
            return OK
        pylog.start(quiet=True)
        sections.start()
        colors.choose(getattr(options, "color", "never"))
        with collecting():
            record = self.collect(options)
        if options.json:
            json.dump(
                {**as_json(record), "warnings": pylog.problems()}, sys.stdout, indent=2, default=str
            )
            print()
        else:
            if not self.warns_last and self.boxes_warnings:
                pylog.tell()
            for line in self.render(record, options):
                print(line)
            if self.boxes_warnings:
                for line in pylog.summary():
                    print(line)
            else:
                pylog.tell()
            if getattr(options, "verbose", 0):
                for line in sections.lines():
                    print(line)
        return FOUND if self.has_findings(record) else OK


def only_text() -> Any:
    """A field of a record that JSON leaves out: the text of what other fields hold."""
    return dataclasses.field(metadata={"json": False})


def as_json(value: Any, name: str = "") -> Any:
    """Records as JSON types: addresses (``addr``, ``*_addr``) in hex, bytes as text."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: as_json(item, key) for key, item in value._asdict().items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.metadata.get("json", True)]
        return {field.name: as_json(getattr(value, field.name), field.name) for field in fields}
    if isinstance(value, dict):
        return {str(key): as_json(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item, name) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, int) and not isinstance(value, bool) and is_address_name(name):
        return f"{value:#x}"
    return value


def is_address_name(name: str) -> bool:
    """Whether a record's member of this name holds an address of the dumped machine."""
    return name in ("addr", "addrs") or name.endswith(("_addr", "_addrs"))
