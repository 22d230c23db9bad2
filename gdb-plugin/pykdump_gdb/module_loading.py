# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives GDB the debug info of modules: finds it, and places its sections where the kernel did."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import gdb

from LinuxDump import module_sections
from LinuxDump.modules import Module, modules
from pykdump import dlkmload, files, lowlevel, modulefiles, unpack
from pykdump._accel import read_elf
from pykdump.debuginfo import SEARCH_VARIABLE
from pykdump.errors import DebuginfoError, PykdumpError
from pykdump.modulefiles import Look, Places, Wanted
from pykdump_gdb import cfi, index, settings, symbols


class LoadedFile(NamedTuple):
    """Debug info of a module that GDB has."""

    source: str  #: what was found
    path: str  #: what GDB has loaded: the same, or the file unpacked
    objfile: gdb.Objfile


_loaded: dict[str, LoadedFile] = {}
_users_folders: list[str] = []
_index = modulefiles.Index()


def loaded(name: str) -> LoadedFile | None:
    """What GDB has of a module of the open dump."""
    found = _loaded.get(name)
    return found if found is not None and found.objfile.is_valid() else None


def named(name: str) -> Module:
    """The module of this name, - and _ being equal; raises PykdumpError."""
    found = {module.name: module for module in modules()}
    module = found.get(modulefiles.plain(name))
    if module is None:
        near = difflib.get_close_matches(name, found, 1)
        hint = f"did you mean {near[0]}?" if near else "see: pykdump module list"
        raise PykdumpError(f"no module {name} is loaded in the dump; {hint}")
    return module


def folders() -> list[str]:
    """Folders to look in first: those named by command, then those of the environment."""
    words = os.environ.get(SEARCH_VARIABLE, "").split(":")
    return [*_users_folders, *(word for word in words if word)]


def add_folder(path: str) -> None:
    """Look below this folder, too, and before others; raises PykdumpError when there is none."""
    folder = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(folder):
        raise PykdumpError(f"{folder} is no folder; name one that has modules or debug info below")
    _index.forget()
    if folder in _users_folders:
        _users_folders.remove(folder)
    _users_folders.insert(0, folder)


def load(module: Module, sources: Sequence[str] = (), *, ask_server: bool = True) -> LoadedFile:
    """Give GDB the debug info of a module, if it does not have it; raises PykdumpError.

    GDB forgets its frames: load many within `loading()`.

    :param sources: files or folders to take it from; none to search where it may be.
    """
    already = loaded(module.name)
    if already is not None:
        return already
    wanted = Wanted(module.name, module_sections.build_id(module), lowlevel.kernel().elf.machine)
    source, path = _found(wanted, sources, ask_server)
    try:
        path = unpack.at_zero(path, cfi.folder())
        _loaded[module.name] = LoadedFile(source, path, _add(module, path))
    except BaseException:
        _remove_unpacked(source, path)
        raise
    return _loaded[module.name]


def _found(wanted: Wanted, sources: Sequence[str], ask_server: bool) -> tuple[str, str]:
    for source in sources:
        if not os.path.isdir(source):
            return source, modulefiles.take(source, wanted, cfi.folder(), _look_at)
    dump = lowlevel.dump()
    places = Places(
        users=sources or folders(),
        dumps=[] if sources else [os.path.dirname(os.path.abspath(path)) for path in dump.paths],
        release="" if sources else dump.release,
    )
    return modulefiles.find(
        wanted, places, _index, cfi.folder(), _look_at, ask_server=ask_server and not sources
    )


def _look_at(path: str) -> Look:
    try:
        elf = read_elf(path)
    except PykdumpError as error:
        raise DebuginfoError(f"{path} cannot be used: it is no ELF file ({error})") from None
    if not files.sections(path):
        raise DebuginfoError(f"{path} cannot be used: it has no sections, it may be cut short")
    return Look(elf.build_id, elf.machine, elf.has_debuginfo)


def _add(module: Module, path: str) -> gdb.Objfile:
    placement = " ".join(
        f"-s {symbols.quoted(name)} {addr:#x}"
        for name, addr in module_sections.placed(module, files.sections(path))
    )
    command = f"add-symbol-file {symbols.quoted(path)} {placement}"
    cfi.unload_module(module)
    try:
        _execute(command, path, index.of_placed(placement))
        found = next(o for o in gdb.objfiles() if o.username == path)
    except (gdb.error, StopIteration) as error:
        cfi.load_module(module)
        raise DebuginfoError(f"GDB cannot read {path}: {error}") from None
    # After it: GDB takes the first CFI that it finds, and the compiler's knows all registers.
    cfi.load_module(module, is_beside_debuginfo=True)
    return found


def _execute(command: str, path: str, cache: str) -> None:
    with settings.changed({"index-cache directory": cache}):
        was_cached = os.path.isdir(cache)
        gdb.execute(command, to_string=True)
        if not was_cached and gdb.parameter("index-cache enabled"):
            # What it has read now it would read slowly; the index that it has made is there now.
            gdb.execute(f"remove-symbol-file {symbols.quoted(path)}", to_string=True)
            gdb.execute(command, to_string=True)


def unload(module: Module) -> None:
    """Take a module's debug info away from GDB, if it has it; its symbols stay."""
    found = loaded(module.name)
    _loaded.pop(module.name, None)
    if found is None:
        return
    cfi.unload_module(module)
    gdb.execute(f"remove-symbol-file {symbols.quoted(found.path)}", to_string=True)
    _remove_unpacked(found.source, found.path)
    cfi.load_module(module)


def _remove_unpacked(source: str, path: str) -> None:
    if path != source:
        with suppress(FileNotFoundError):
            os.unlink(path)


@contextmanager
def loading() -> Iterator[None]:
    """Around loading and unloading: GDB asks nothing, and has the same frame selected after it."""
    try:
        frame = gdb.selected_frame()
    except gdb.error:
        frame = None
    try:
        with symbols.unwatched(), settings.quiet():
            yield
    finally:
        lowlevel.forget()
        if frame is not None and frame.is_valid():
            frame.select()


class _Loader:
    # What pykdump.dlkmload offers to scripts.
    def names(self) -> list[str]:
        return [module.name for module in modules()]

    def load(self, name: str, file: str | None) -> str:
        with loading():
            return load(named(name), [file] if file else []).source

    def file(self, name: str) -> str | None:
        found = loaded(name)
        return found.source if found is not None else None

    def unload(self, name: str) -> None:
        with loading():
            unload(named(name))


def register() -> None:
    """Let scripts load modules, too."""
    dlkmload.loader = _Loader()
