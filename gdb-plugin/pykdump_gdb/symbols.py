# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads vmlinux into GDB where the dumped kernel ran, once if possible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import gdb

from pykdump import lowlevel
from pykdump._accel import ElfInfo
from pykdump.errors import PykdumpError
from pykdump_gdb import cfi, index, settings
from pykdump_gdb.progress import ProgressLine


class _Loaded(NamedTuple):
    path: str
    changed_ns: int
    offset: int
    vmcores: tuple[str, ...]  # the modules are theirs
    objfile: gdb.Objfile


_loaded: _Loaded | None = None
_dropped: str | None = None  # what GDB had before a load that failed


def vmlinux_in_gdb() -> str | None:
    """The file whose symbols GDB has loaded as the program, or had before a load that failed."""
    name = gdb.current_progspace().filename
    return _dropped if name is None else os.path.realpath(name)


def load(vmlinux: str, elf: ElfInfo, offset: int, progress: ProgressLine) -> None:
    """Have GDB's symbols be those of this vmlinux, moved by offset; nothing if they are already.

    The kernel must be attached: its unwind tables are loaded along. Raises PykdumpError when GDB
    cannot read the file.
    """
    global _loaded, _dropped
    vmcores = tuple(lowlevel.dump().paths)
    wanted = (vmlinux, os.stat(vmlinux).st_mtime_ns, offset, vmcores)
    if _loaded is not None and _loaded.objfile.is_valid():
        if _loaded[:4] == wanted and vmlinux_in_gdb() == vmlinux:
            return
    _loaded, _dropped = None, vmlinux_in_gdb() or vmlinux
    index.prepare(vmlinux, elf.build_id, progress)
    progress.announce("loading vmlinux")
    try:
        _symbol_file(vmlinux, offset)
    except BaseException:
        _load_again(_dropped)
        raise
    _dropped = None
    lowlevel.forget()
    progress.announce("reading modules")
    with unwatched(), settings.quiet():
        cfi.load_modules()
    _loaded = _Loaded(*wanted, gdb.lookup_objfile(vmlinux))


def _load_again(vmlinux: str) -> None:
    # What the user had is not lost by a load that failed or was interrupted.
    with unwatched(), settings.quiet():
        try:
            gdb.execute(f"symbol-file {quoted(vmlinux)}", to_string=True)
        except (gdb.error, KeyboardInterrupt):
            pass  # it is still known as the one to use
    lowlevel.forget()


def watch() -> None:
    """Forget what was learnt from debug info whenever GDB loads or drops some."""
    gdb.events.new_objfile.connect(_changed)
    gdb.events.clear_objfiles.connect(_changed)


def _changed(event: gdb.NewObjFileEvent | gdb.ClearObjFilesEvent) -> None:
    lowlevel.forget()


@contextmanager
def unwatched() -> Iterator[None]:
    """For loading files: what was learnt is kept meanwhile, and has to be forgotten after it."""
    # A Ctrl-C that came while GDB read symbols would end the event handler, and be lost there.
    gdb.events.new_objfile.disconnect(_changed)
    gdb.events.clear_objfiles.disconnect(_changed)
    try:
        yield
    finally:
        watch()


def _symbol_file(vmlinux: str, offset: int) -> None:
    with unwatched(), settings.quiet():
        try:
            # GDB keeps what it read of a file for as long as anything holds the file open: one
            # that it loaded without an index would stay without.
            gdb.execute("exec-file", to_string=True)
            gdb.execute("symbol-file", to_string=True)
            cfi.forget()
            cfi.load_kernel()
            gdb.execute(f"symbol-file -o {offset:#x} {quoted(vmlinux)}", to_string=True)
        except gdb.error as error:
            raise PykdumpError(f"GDB cannot read {vmlinux}: {error}") from None


def quoted(path: str) -> str:
    """A path as a word of GDB's commands."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
