# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives GDB the kernel's unwind tables, as symbol files with DWARF CFI written from them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile

import gdb

from LinuxDump import BTstack, modules
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.logging import pylog

_folder: str | None = None  # of the files that GDB has loaded
_paths: dict[str, str] = {}  # of these, by name


def load_kernel() -> None:
    """Load the kernel's file. It must come before vmlinux: GDB takes the first CFI that it finds.

    vmlinux has none for entry code, and none that is right where the stack is switched.
    """
    kernel, tables = lowlevel.kernel(), BTstack.tables()
    if not tables.has_orc:
        return
    try:
        content = tables.unwinder.cfi_file("", vmlinux=kernel.vmlinux, offset=kernel.offset)
    except PykdumpError as error:
        pylog.warning(f"GDB's backtraces may end early: {error}")
        return
    load("vmlinux", content)


def load_modules() -> None:
    """Load a file for each module: its symbols, and how its functions are unwound."""
    try:
        found = modules.add_to_tables()
    except PykdumpError as error:
        pylog.warning(f"names and stacks of modules are missing: {error}")
        return
    for module in found:
        load_module(module)


def load_module(module: modules.Module, *, is_beside_debuginfo: bool = False) -> None:
    """Load the file of a module, and one for the code of its init while the kernel has that.

    A module without unwind tables has its names alone. What GDB does not take costs a warning.

    :param is_beside_debuginfo: GDB has the module's own debug info already, which is better: give
        names to no address, and CFI only to code that has none there.
    """
    tables = BTstack.tables()
    for number, (name, text) in enumerate(modules.texts(module)):
        own = [(text.addr, text.end_addr)]
        if number == 0:
            own += module.data()
        symbols = None if is_beside_debuginfo else tables.symbols
        try:
            load(name, tables.unwinder.cfi_file(name, symbols=symbols, memory=own))
        except (PykdumpError, gdb.error) as error:
            if not is_beside_debuginfo:
                pylog.warning(f"names and stacks of module {name} are missing: {error}")


def load(name: str, content: bytes) -> None:
    """Have GDB load this file of ours; settings must be quiet."""
    # The name is from the dump.
    path = os.path.join(folder(), re.sub(r"[^\w.-]", "_", name) + ".orc")
    with open(path, "wb") as file:
        file.write(content)
    gdb.execute(f"add-symbol-file {path} -o 0", to_string=True)
    _paths[name] = path


def unload_module(module: modules.Module) -> None:
    """Have GDB forget our files of a module, those it has; settings must be quiet."""
    for name, _ in modules.texts(module):
        path = _paths.pop(name, None)
        if path is not None:
            gdb.execute(f"remove-symbol-file {path}", to_string=True)


def is_ours(path: str) -> bool:
    """Whether GDB has loaded this file from here: it has CFI and names, and no types."""
    return path in _paths.values()


def folder() -> str:
    """A private folder for files that GDB loads; it goes when they do."""
    global _folder
    if _folder is None:
        _folder = os.path.realpath(tempfile.mkdtemp(prefix="pykdump-"))
    return _folder


def forget() -> None:
    """Remove the files, which GDB must not have loaded any more."""
    global _folder
    _paths.clear()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
        _folder = None
