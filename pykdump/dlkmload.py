# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug info of loadable modules (DLKMs), as scripts ask for it.

GDB's side of it is the plugin's, which puts its loader here.
"""

from __future__ import annotations

from typing import Protocol

from pykdump import lowlevel, vmcorearch
from pykdump.errors import NoDumpError, PykdumpError
from pykdump.logging import pylog
from pykdump.modulefiles import Index, plain


class Loader(Protocol):
    """What the plugin does for us; all raise PykdumpError."""

    def names(self) -> list[str]:
        """Names of the modules that are loaded in the dump."""

    def load(self, name: str, file: str | None) -> str:
        """Give GDB the debug info of a module, from a file or one it finds; returns its path.

        Nothing happens when it is loaded already.
        """

    def file(self, name: str) -> str | None:
        """Path of the debug info of a module that GDB has; None without it."""

    def unload(self, name: str) -> None:
        """Take it away; nothing happens when there is none."""


_files: tuple[object, Index] = (None, Index())

#: The plugin's, None outside GDB.
loader: Loader | None = None


def _loader() -> Loader:
    if loader is None:
        raise NoDumpError("no dump is open; open one with: pykdump open VMCORE")
    return loader


def lsModules() -> list[str]:
    """Names of the modules that are loaded in the dump.

    >>> names = lsModules()
    >>> len(names) == len(set(names)) > 0
    True
    """
    return _loader().names()


def loadModule(name: str, ofile: str | None = None, altname: str | None = None) -> bool:
    """Whether the debug info of a module is loaded now; a warning says why it is not.

    :param name: the module, which names the file to search for.
    :param ofile: the file; None to search by build-id, then by name below the folders of
        ``sys_info.debuginfo``. A file of another build is never taken.
    :param altname: name of the module in the dump, if it is another one.

    >>> loadModule("nosuch")
    False
    """
    wanted = plain(altname or name)
    if wanted not in lsModules():
        return False
    try:
        _load(wanted, ofile, name)
    except PykdumpError as error:
        pylog.warning(error)
        return False
    return True


def load(name: str, file: str | None = None) -> str:
    """Load the debug info of a module, as `loadModule`; returns its path, raises PykdumpError."""
    return _load(plain(name), file, name)


def _load(wanted: str, file: str | None, file_name: str) -> str:
    try:
        return _loader().load(wanted, file)
    except PykdumpError:
        found = _load_below_folders(wanted, file_name) if file is None else None
        if found is None:
            raise
        return found


def _load_below_folders(wanted: str, file_name: str) -> str | None:
    for folder in vmcorearch.sys_info["debuginfo"]:
        for path in _index().below(folder, file_name):
            try:
                return _loader().load(wanted, path)
            except PykdumpError:
                pass  # of another build, or without debug info
    return None


def _index() -> Index:
    global _files
    if _files[0] is not lowlevel.kernel():
        _files = (lowlevel.kernel(), Index())
    return _files[1]


def moduleFile(name: str) -> str | None:
    """Path of the debug info of a module that is loaded; None without it."""
    return _loader().file(plain(name))


def delModule(name: str) -> None:
    """Take away the debug info of a module."""
    _loader().unload(plain(name))


def possibleModuleNames(topdir: str, base: str) -> str | None:
    """Path of a file below ``topdir`` that may be the module's debug info; None without any."""
    return next(iter(Index().below(topdir, base)), None)
