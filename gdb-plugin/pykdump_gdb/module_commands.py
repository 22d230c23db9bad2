# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump module`: the modules of the dump, and the debug info that GDB has of them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gdb

from LinuxDump.modules import Module, modules, taint_letters
from pykdump.errors import DebuginfoError, PykdumpError
from pykdump.tool import Parser, Tool
from pykdump_gdb import module_autoload, module_loading, session
from pykdump_gdb.command import Command
from pykdump_gdb.progress import ProgressLine


@dataclass(frozen=True)
class ModuleRow:
    """A loaded module and what GDB knows of it."""

    name: str
    addr: int  #: of its code
    module_addr: int  #: struct module *
    size_bytes: int
    refs: int
    state: str  #: "live", "coming", "going" or "unformed"
    taints: str  #: letters as in /proc/modules, "OE" for out of tree and unsigned
    debuginfo: str | None  #: file; None: only the names that the dump itself holds


@dataclass(frozen=True)
class ModuleList:
    modules: list[ModuleRow]


def collect(options: argparse.Namespace) -> ModuleList:
    """All modules of the dump, by name."""
    return ModuleList([_row(module) for module in sorted(modules(), key=lambda each: each.name)])


def _row(module: Module) -> ModuleRow:
    found = module_loading.loaded(module.name)
    return ModuleRow(
        name=module.name,
        addr=module.text.addr,
        module_addr=module.addr,
        size_bytes=module.size_bytes,
        refs=module.refs,
        state=module.state,
        taints=taint_letters(module.taints),
        debuginfo=None if found is None else found.source,
    )


def render(found: ModuleList, options: argparse.Namespace) -> Iterator[str]:
    """A table, a line for each module."""
    width = max([len(row.name) for row in found.modules], default=4)
    yield f"{'name':{width}}  {'address':18}  {'size':>8}  refs  state   taint  symbols from"
    for row in found.modules:
        source = row.debuginfo or "the dump's kallsyms"
        yield (
            f"{row.name:{width}}  {row.addr:#018x}  {row.size_bytes:8}  {row.refs:4}  "
            f"{row.state:6}  {row.taints or '-':5}  {source}"
        )


TOOL = Tool(lambda parser: None, collect, render)


class ModulePrefix(Command):
    """Modules of the dump and their debug info.
    Usage: pykdump module list|load|unload|path

    Names of all modules come from the dump itself; types, variables and source lines need debug
    info. It is loaded by itself when a backtrace meets a module: see "help set pykdump
    module-autoload"."""

    def __init__(self) -> None:
        super().__init__("pykdump module", gdb.COMMAND_FILES, prefix=True)

    def run(self, arguments: str) -> None:
        gdb.execute("help pykdump module")


class List(Command):
    """List the modules: where each is, its references, state and taints, and what GDB knows of it.
    Usage: pykdump module list [--json]

    Taints are the letters of /proc/modules: P proprietary, O out of tree, E unsigned, ..."""

    options = ("--json",)

    def __init__(self) -> None:
        super().__init__("pykdump module list", gdb.COMMAND_STATUS)

    def run(self, arguments: str) -> None:
        session.require()
        TOOL.run("module list", gdb.string_to_argv(arguments), "List the modules.")


class _ByName(Command):
    def complete(self, text: str, word: str | None) -> int | Sequence[str]:
        if text.split(" ")[-1].startswith("-") or session.current() is None:
            return super().complete(text, word)
        names = ["all", *(module.name for module in modules())]
        return sorted(name for name in names if name.startswith(word or ""))


class Load(_ByName):
    """Load the debug info of modules: types, variables, source lines, arguments in backtraces.
    Usage: pykdump module load NAME...|all [--from PATH]...

    It is found by build-id in the folders named with "pykdump module path" and those of
    $PYKDUMP_DEBUGINFO, beside the dump, in /usr/lib/debug and /lib/modules, and by debuginfod if
    $DEBUGINFOD_URLS is set. Files may be .ko, .ko.debug, .ko.xz, .ko.zst and .ko.gz.
    PATH is a file, or a folder to look in, instead. A file of another build is refused."""

    options = ("--from",)

    def __init__(self) -> None:
        super().__init__("pykdump module load", gdb.COMMAND_FILES)

    def run(self, arguments: str) -> None:
        parser = Parser(prog="pykdump module load", add_help=False)
        parser.add_argument("names", nargs="+", metavar="NAME")
        parser.add_argument("--from", action="append", default=[], dest="sources", metavar="PATH")
        asked = parser.parse_args(gdb.string_to_argv(arguments))
        session.require()
        sources = [os.path.abspath(os.path.expanduser(path)) for path in asked.sources]
        if asked.names == ["all"]:
            _load_all(sources)
            return
        failed = _load([module_loading.named(name) for name in asked.names], sources)
        if failed:
            raise DebuginfoError("\n".join(str(error) for error in failed.values()))


def _load_all(sources: Sequence[str]) -> None:
    failed = _load(modules(), sources)
    if failed and len(failed) == len(modules()):
        raise next(iter(failed.values()))
    if failed:
        print(
            f"no debug info of {len(failed)} modules was loaded: {', '.join(sorted(failed))}; "
            "pykdump module load NAME says why"
        )


def _load(wanted: Sequence[Module], sources: Sequence[str]) -> dict[str, PykdumpError]:
    progress = ProgressLine()
    failed: dict[str, PykdumpError] = {}
    try:
        with module_loading.loading():
            for number, module in enumerate(wanted):
                progress(f"loading debug info of {module.name}", number, len(wanted))
                try:
                    found = module_loading.load(module, sources)
                except PykdumpError as error:
                    failed[module.name] = error
                else:
                    progress.done()
                    print(f"{module.name}: {found.source}")
    finally:
        progress.done()
    return failed


class Unload(_ByName):
    """Unload the debug info of modules; names stay known from the dump.
    Usage: pykdump module unload NAME...|all"""

    def __init__(self) -> None:
        super().__init__("pykdump module unload", gdb.COMMAND_FILES)

    def run(self, arguments: str) -> None:
        words = gdb.string_to_argv(arguments)
        session.require()
        if not words:
            raise PykdumpError("usage: pykdump module unload NAME...|all")
        found = modules() if words == ["all"] else [module_loading.named(word) for word in words]
        with module_loading.loading():
            for module in found:
                module_loading.unload(module)


class Path(Command):
    """Name folders to look for debug info of modules in, before all others, or list those named.
    Usage: pykdump module path [FOLDER...]

    All that is below a FOLDER is looked at, so the top of an unpacked debug package will do."""

    takes_files = True

    def __init__(self) -> None:
        super().__init__("pykdump module path", gdb.COMMAND_FILES)

    def run(self, arguments: str) -> None:
        for word in reversed(gdb.string_to_argv(arguments)):
            module_loading.add_folder(word)
        module_autoload.try_again()
        for folder in module_loading.folders():
            print(folder)


def register() -> None:
    """Add the commands to GDB."""
    for command in (List, Load, Unload, Path):
        command()
