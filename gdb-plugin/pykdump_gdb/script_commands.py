# SPDX-License-Identifier: GPL-2.0-or-later
"""`pyk-run` and `epython`: scripts and tools with their arguments."""

from __future__ import annotations

import argparse
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Sequence

import gdb

from pykdump import __version__, colors, commands, crash
from pykdump import scripts as common
from pykdump.errors import CrashError, Interrupted, PykdumpError
from pykdump.logging import pylog
from pykdump.tool import FAILED, Parser
from pykdump_gdb import crash_command, repl, scripts, search, switches, terminal, tools
from pykdump_gdb.command import Command

#: What is no file: name -> what it does with its arguments.
_BUILT_IN: dict[str, Callable[[list[str]], None]] = {"pyctl": switches.main, "repl": repl.main}


class Run(Command):
    """Run a Python script of the PyKdump API, or a tool.
    Usage: pyk-run [OPTIONS] SCRIPT [ARGUMENTS]
           pyk-run [OPTIONS] -m MODULE [ARGUMENTS]

    SCRIPT is looked for in the current folder, in those of $PYKDUMPPATH and among the tools, with
    and without ".py". "| COMMAND" and "> FILE" at the end redirect the output.

      -h, --help     this text
      -v, --version  versions of pykdump, of the API and of Python
      -d N           with N of 1 or more, tell how the script is found
      -p, --path     print where modules are looked for
      -m             run a module instead of a script
      --ehelp        the options that all scripts understand"""

    options = ("--help", "--version", "--debug", "--path", "-m", "--ehelp")
    takes_files = True

    def __init__(self, name: str = "pyk-run") -> None:
        self._name = name
        super().__init__(name, gdb.COMMAND_DATA)

    def run(self, arguments: str) -> None:
        line, pipe = split_at(arguments, "|")
        if pipe:
            # GDB ends the command that it pipes at its delimiter.
            gdb.execute(f"pipe -d PYK_PIPE {self._name} {line} PYK_PIPE {pipe}")
            return
        line, file = split_at(line, ">")
        words = gdb.string_to_argv(line)
        if file:
            words += ["--ofile", os.path.expanduser(file)]
        self._run_words(words)

    def _run_words(self, words: list[str]) -> None:
        own, rest = _own_options(words)
        asked = _parser(self._name).parse_args(own)
        if asked.help:
            print(inspect.cleandoc(Run.__doc__ or "").replace("pyk-run", self._name))
        elif asked.version:
            print(_versions())
        elif asked.path:
            print(f"Python {sys.version}")
            print(search.python_path())
        elif asked.ehelp:
            print(common.HELP)
        elif not rest:
            raise PykdumpError(f"{self._name}: no script is given; see: help {self._name}")
        elif asked.module:
            scripts.run_module(rest[0], rest[1:])
        else:
            run(rest, (lambda path: print(f"trying {path}")) if asked.debug else lambda path: None)

    def complete(self, text: str, word: str | None) -> int | Sequence[str]:
        if word is not None and " " not in text.lstrip() and "/" not in text:
            known = [*tools.names(), *_BUILT_IN, *_scripts()]
            return sorted(name for name in known if name.startswith(word))
        return super().complete(text, word)


class Epython(Run):
    __doc__ = f"{(Run.__doc__ or '').replace('pyk-run', 'epython')}\n\n    The same as pyk-run."

    def __init__(self) -> None:
        super().__init__("epython")


def run(words: Sequence[str], tell: Callable[[str], object] = lambda path: None) -> None:
    """Run the script or tool that the first word names; raises PykdumpError when there is none."""
    name, rest = words[0], list(words[1:])
    path = search.find(name, tell)
    if path is None and name in _BUILT_IN:
        _BUILT_IN[name](rest)
        return
    if path is None:
        raise PykdumpError(f"there is no script {name}; see: help pyk-run")
    tool = tools.look_at(*os.path.split(path))
    if tool is None:
        scripts.run_file(path, rest)
    else:
        _run_tool(tool, [path, *rest])


def _run_tool(tool: tools.FoundTool, argv: list[str]) -> None:
    status = FAILED

    def action() -> None:
        nonlocal status
        colors.on_terminal = lambda: sys.stdout.isatty() and terminal.shows_colors()
        try:
            status = tools.load(tool).run(tool.name, sys.argv[1:], tool.doc)
        except PykdumpError as error:
            if not isinstance(error, Interrupted):
                sys.exit(str(error))
            raise
        finally:
            pylog.cleanup()  # the tool has printed its own summary

    scripts.run(action, argv)
    scripts.last_status, scripts.last_was_tool = status, True


def _own_options(words: list[str]) -> tuple[list[str], list[str]]:
    # Options before the script are ours, all that follows is the script's.
    own, rest = [], list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        own.append(word)
        if word in ("-d", "--debug") and rest:
            own.append(rest.pop(0))
    return own, rest


def _parser(name: str) -> argparse.ArgumentParser:
    parser = Parser(prog=name, add_help=False, allow_abbrev=False)
    for letter, flag in (("h", "help"), ("v", "version"), ("p", "path")):
        parser.add_argument(f"-{letter}", f"--{flag}", action="store_true")
    parser.add_argument("-d", "--debug", type=int, default=0)
    parser.add_argument("-m", dest="module", action="store_true")
    parser.add_argument("--ehelp", action="store_true")
    return parser


def _versions() -> str:
    return (
        f"pykdump {__version__} in GDB {gdb.VERSION}\n"
        f"crash module {crash.version}\n"
        f"Python {sys.version}"
    )


def _scripts() -> list[str]:
    found = []
    for folder in (".", *search.user_folders()):
        if os.path.isdir(folder):
            found += [name for name in os.listdir(folder) if name.endswith(".py")]
    return found


def split_at(line: str, sign: str) -> tuple[str, str]:
    """A command line before and after a word that begins with this sign and is not quoted."""
    quote, at_start, at = "", True, 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == sign and at_start:
            return line[:at].rstrip(), line[at + 1 :].strip()
        at_start = not quote and char.isspace()
        at += 1
    return line, ""


# --- for scripts


class _Debugger:
    """GDB as pykdump.commands sees it."""

    def __init__(self) -> None:
        self._programs: dict[str, Command] = {}

    def execute(self, command: str) -> str:
        try:
            return gdb.execute(command, to_string=True)
        except gdb.error as error:
            raise CrashError(str(error)) from None

    def programs(self) -> list[str]:
        return sorted({*tools.names(), *_BUILT_IN, *self._programs})

    def run_program(self, words: Sequence[str]) -> None:
        try:
            gdb.execute(shlex.join(["pyk-run", *words]))
        except gdb.error as error:
            raise CrashError(str(error)) from None

    def add_program(self, name: str, summary: str, synopsis: str, text: str) -> bool:
        if name not in self._programs and _is_command(name):
            return False
        help_text = f"{summary}\nUsage: {synopsis}\n\n{text}"

        class Program(Run):
            __doc__ = help_text

            def run(self, arguments: str) -> None:
                gdb.execute(f"pyk-run {name} {arguments}")

        self._programs[name] = Program(name)
        return True


def _is_command(name: str) -> bool:
    return name in gdb.execute(f"complete {name}", to_string=True).split("\n")


def register() -> None:
    """Add the commands to GDB, and GDB to what scripts may ask."""
    Run()
    Epython()
    switches.register()
    repl.register()
    commands.debugger = _Debugger()
    crash_command.register()
    common.install_hooks()
