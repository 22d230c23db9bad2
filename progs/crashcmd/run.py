# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and runs the commands; `pykdump.commands` gives them to scripts, the plugin to GDB."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from crashcmd import aliases, table
from crashcmd.command import Command, Given, Text, WordsError
from pykdump import collector, commands
from pykdump.errors import CrashError, Interrupted, PykdumpError
from pykdump.logging import pylog
from pykdump.pipes import Told
from pykdump.tool import as_json


def find(name: str) -> Command | None:
    """The command of this name; None when there is none."""
    module = table.COMMANDS.get(name)
    if module is None:
        return None
    found = importlib.import_module(f"crashcmd.{module}")
    return next((command for command in found.COMMANDS if command.name == name), found.COMMANDS[0])


def names() -> list[str]:
    """Names of the commands."""
    return sorted(table.COMMANDS)


def run(name: str, rest: str) -> Iterator[str]:
    """A command's output in lines, or pieces of several lines; raises CrashError.

    What is damaged is told in lines that begin with the command's name, and the rest goes on.
    """
    command = find(name)
    if command is None:
        raise CrashError(f"there is no command {name} here; see: crash help")
    if rest.split() == ["--help"]:
        yield from help_lines(name)
        return
    try:
        given = command.parse(rest, name)
    except CrashError as error:
        raise _named(name, error) from None
    with pylog.kept() as warnings:
        told: set[str] = set()
        try:
            # What the command holds is gone before the collector may look at it again.
            with collector.paused():
                yield from _output(command, given, warnings, told)
        except PykdumpError as error:
            if isinstance(error, Interrupted):
                raise
            # What was met before the error may be why.
            yield from _drained(given, warnings, told)
            raise _named(name, error) from None


def _output(command: Command, given: Given, warnings: list[str], told: set[str]) -> Iterator[str]:
    record = command.collect(given)
    if "--json" in given:
        yield from _json(record, given, warnings)
        return
    for piece in command.render(record, given):
        if warnings:
            yield from _drained(given, warnings, told)
        yield piece
    yield from _drained(given, warnings, told)


def _json(record: Any, given: Given, warnings: list[str]) -> list[str]:
    found = {"command": given.name, "records": plain(record)}
    found["warnings"] = list(dict.fromkeys(warnings))
    return json.dumps(found, indent=2, default=str).splitlines()


def plain(record: Any) -> Any:
    """A record as JSON has it; what is made when it is printed is made now."""
    # Records that come one by one are a list, and so are lines.
    whole = list(record) if isinstance(record, Iterator) else record
    if isinstance(whole, Text):
        whole = Text(tuple(line for piece in whole.lines for line in piece.split("\n")))
    return as_json(whole)


def _drained(given: Given, warnings: list[str], told: set[str]) -> Iterator[str]:
    # What several models meet is told once.
    while warnings:
        text = warnings.pop(0)
        if text not in told:
            told.add(text)
            yield Told(f"{given.name}: {text}")


def _named(name: str, error: PykdumpError) -> CrashError:
    # What was typed is in it: never so long that it hides the rest, nor the terminal's commands.
    message = re.sub(r"\S{301,}", lambda m: f"{m[0][:60]}...{m[0][-20:]}", str(error))
    message = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in message)
    kind = WordsError if isinstance(error, WordsError) else CrashError
    return kind(message if message.startswith(f"{name}: ") else f"{name}: {message}")


# --- help


@cache
def summary(name: str) -> str:
    """What a command does, in one line."""
    command = find(name)
    assert command is not None
    return _doc(command).splitlines()[0]


def help_lines(name: str) -> Iterator[str]:
    """What a command does, its options, and the columns that it prints."""
    command = find(name)
    if command is None:
        raise CrashError(f"help: there is no command {name} here")
    first, _, more = _doc(command).partition("\n")
    yield f"{command.name}: {first}"
    yield ""
    yield f"Usage: {command.name} [OPTIONS] {command.usage}".rstrip()
    yield ""
    for option in command.all_options:
        extra = f"[={option.extra}]" if option.extra else ""
        flag = f"{option.flag}{extra} {option.value}".rstrip()
        yield f"  {flag:16}  {option.help}"
    if command.absent:
        yield ""
        yield "Options of crash that are not here:"
        for flags, reason in command.absent:
            yield from [f"  {flags}", f"  {'':16}  {reason}"] if len(flags) > 16 else [
                f"  {flags:16}  {reason}"
            ]
    if more.strip():
        yield from ["", *more.strip("\n").splitlines()]


def _doc(command: Command) -> str:
    text = command.collect.__doc__ or sys.modules[command.collect.__module__].__doc__ or ""
    lines = text.strip().splitlines()
    margin = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    cut = min(margin, default=0)
    return "\n".join([lines[0], *(line[cut:] for line in lines[1:])])


# --- for scripts


def _unknown(line: str) -> Iterator[str]:
    # NAME.MEMBER ADDRESS, *NAME ADDRESS, a name alone: what crash takes for a struct.
    if line.startswith("!"):
        return _shell(line[1:])
    expanded = aliases.expand(line)
    if expanded != line:
        return commands.pieces(expanded)
    name, _, rest = line.partition(" ")
    if name.startswith("*"):
        return run("*", f"{name[1:]} {rest}".strip())
    struct = importlib.import_module("crashcmd.struct")
    if struct.is_structure(name):
        return run("struct", line)
    if _is_gdbs(name):
        return iter(commands.gdb().execute(line).splitlines())
    if not name:
        raise CrashError("there is no command before | or >; see: crash help")
    raise CrashError(f"there is no command {name} here; see: crash help")


def _shell(line: str) -> Iterator[str]:
    # Its errors go to the terminal.
    done = subprocess.run(line, shell=True, stdout=subprocess.PIPE, check=False)
    yield from done.stdout.decode("utf-8", "backslashreplace").splitlines()


def _is_gdbs(name: str) -> bool:
    # p/x, x/2i, info: crash hands on what it does not know, too.
    word, slash, _ = name.partition("/")
    if slash and word in ("p", "print", "x", "output"):
        return commands.debugger is not None
    if not re.fullmatch("[a-z][a-z-]*", word) or commands.debugger is None:
        return False
    try:
        return word in commands.gdb().execute(f"complete {word}").split()
    except CrashError:
        return False


def register() -> None:
    """Let scripts run these commands."""
    for name in names():
        commands.register(name, lambda rest, name=name: run(name, rest))  # type: ignore[misc]
    commands.unknown = _unknown


def completions(text: str) -> list[str]:
    """What the last word of a command line may become."""
    words = text.split(" ")
    last = words[-1]
    if len(words) > 1 and words[-2] in (">", ">>", "<"):
        files: Callable[[str], list[str]]
        files = importlib.import_module("crashcmd.completion").files
        return files(last)
    if len(words) == 1:
        return [name for name in [*names(), *aliases.known()] if name.startswith(last)]
    words = aliases.expand(words[0]).split() + words[1:]
    command = find(words[0])
    try:
        return [] if command is None else _words(command, [w for w in words[1:-1] if w], last)
    except PykdumpError:  # no dump is open, or it is too damaged
        return []


def _words(command: Command, before: list[str], last: str) -> list[str]:
    if command.completes_after is not None:
        return list(command.completes_after(before, last))
    if last.startswith("-"):
        return options_of(command, last)
    return list(command.completes(last)) if command.completes is not None else []


def options_of(command: Command, beginning: str) -> list[str]:
    """Options of a command with this beginning."""
    flags = [option.flag for option in command.all_options]
    return [flag for flag in flags if flag.startswith(beginning)]
