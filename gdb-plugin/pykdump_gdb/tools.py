# SPDX-License-Identifier: GPL-2.0-or-later
"""Tools as commands: `pykdump NAME` for each progs/NAME.py, imported when used.

Folders: the package's progs/, then those of $PYKDUMPPATH, which win where a name is there twice.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import gdb

import pykdump.tool
from pykdump import bulk, colors, sections
from pykdump.errors import PykdumpError
from pykdump.tool import FAILED, Tool
from pykdump_gdb import scripts, search, session, terminal
from pykdump_gdb.command import Command
from pykdump_gdb.progress import ProgressLine

_DOCSTRING = re.compile(r'(?:\s*#[^\n]*\n|\s)*[rR]?("""|\'\'\')(.*?)\1', re.DOTALL)
_IS_TOOL = re.compile(r"^TOOL\b", re.MULTILINE)


@dataclass(frozen=True)
class FoundTool:
    """A tool's file, looked at but not imported."""

    name: str
    path: str
    doc: str

    @property
    def summary(self) -> str:
        return self.doc.strip().splitlines()[0] if self.doc.strip() else ""


_found: dict[str, FoundTool] = {}


def found() -> list[FoundTool]:
    """All tools, by name."""
    return [tool for _, tool in sorted(_found.items())]


def names() -> list[str]:
    """Their names."""
    return sorted(_found)


def register() -> None:
    """Find the tools and add a command for each."""
    _found.clear()
    for folder in _folders():
        for entry in sorted(os.listdir(folder)):
            tool = look_at(folder, entry)
            if tool is not None:
                _found[tool.name] = tool
    for tool in found():
        _command_for(tool)


def _folders() -> list[str]:
    return [path for path in (search.PROGS, *search.user_folders()) if os.path.isdir(path)]


def look_at(folder: str, entry: str) -> FoundTool | None:
    """The tool in a file, None when it is something else."""
    name, extension = os.path.splitext(entry)
    path = os.path.join(folder, entry)
    if extension != ".py" or not name.isidentifier() or name.startswith("_"):
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    if not _IS_TOOL.search(text):
        return None  # a script of the classic API, for pyk-run
    doc = _DOCSTRING.match(text)
    return FoundTool(name, path, doc.group(2) if doc else "")


def _command_for(tool: FoundTool) -> Command:
    class ToolCommand(Command):
        __doc__ = f"{tool.doc.strip()}\nUsage: pykdump {tool.name} [OPTIONS]; --help lists them."

        def __init__(self) -> None:
            super().__init__(f"pykdump {tool.name}", gdb.COMMAND_DATA)

        def invoke(self, arguments: str, from_tty: bool) -> None:
            # A script that reads what a command prints is no terminal.
            colors.on_terminal = lambda: from_tty and terminal.shows_colors()
            super().invoke(arguments, from_tty)

        def run(self, arguments: str) -> None:
            scripts.last_status, scripts.last_was_tool = FAILED, True
            words = gdb.string_to_argv(arguments)
            if not {"-h", "--help"} & set(words):
                session.require()
            line = ProgressLine()
            bulk.new_progress = lambda: line
            pykdump.tool.collecting = lambda: line.watch(lambda: _step(tool.name))
            try:
                scripts.last_status = load(tool).run(tool.name, words, tool.doc)
            finally:
                line.done()

        def complete(self, text: str, word: str | None) -> int | Sequence[str]:
            self.options = tuple(load(tool).parser(tool.name)._option_string_actions)
            return super().complete(text, word)

    return ToolCommand()


def _step(name: str) -> str:
    # The part of the tool that is at work.
    part = sections.current()
    return f"{name}: {part}" if part else name


def load(found_tool: FoundTool) -> Tool:
    """Import a tool's file, once."""
    name = f"pykdump_tools.{found_tool.name}"
    module = sys.modules.get(name)
    if module is None or module.__file__ != found_tool.path:
        module = _import(name, found_tool.path)
    tool = getattr(module, "TOOL", None)
    if not isinstance(tool, Tool):
        raise PykdumpError(f"{found_tool.path} defines no TOOL; see docs/adding-a-tool.md")
    return tool


def _import(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PykdumpError(f"{path} cannot be imported as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
