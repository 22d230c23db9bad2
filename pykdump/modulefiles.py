# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the debug info of kernel modules, by build-id, where distributions and users put it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pykdump import debuginfo, unpack
from pykdump.errors import DebuginfoError

_PACKED = "|".join(map(re.escape, unpack.EXTENSIONS))
_MODULE_FILE = re.compile(rf"(?P<name>[\w.+-]+?)\.k?o(\.debug)?({_PACKED})?\Z")


class Wanted(NamedTuple):
    """A module as the dump describes it."""

    name: str
    build_id: str  #: "" when the dump does not say
    machine: str  #: as `Look` names it


class Look(NamedTuple):
    """What an ELF file says of itself."""

    build_id: str  #: "" when there is none
    machine: str
    has_debuginfo: bool


#: Looks into a file that is not packed; raises PykdumpError for one that is no ELF file.
LookAt = Callable[[str], Look]


def plain(name: str) -> str:
    """A module's name with - and _ made equal, as the kernel does."""
    return name.replace("-", "_")


def check(path: str, wanted: Wanted, look: Look) -> None:
    """Raises DebuginfoError if a file is not the debug info of this module."""
    if look.machine != wanted.machine:
        raise DebuginfoError(f"{path} is for {look.machine}, the dump is of {wanted.machine}")
    if wanted.build_id and look.build_id != wanted.build_id:
        raise DebuginfoError(
            f"{path} is not the module {wanted.name} of the dump: build-id "
            f"{look.build_id or 'none'} here, {wanted.build_id} in the dump"
        )
    if not look.has_debuginfo:
        raise DebuginfoError(f"{path} has no debug info; give the one of a debug package")


class Index:
    """Module files below a folder by the name of the module; the folder is read once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[str]]] = {}

    def below(self, folder: str, name: str) -> list[str]:
        """Files below ``folder`` that may be the module, those with debug info likely first."""
        folder = os.path.abspath(folder)
        if folder not in self._found:
            self._found[folder] = _read(folder)
        return self._found[folder].get(plain(name), [])

    def forget(self) -> None:
        """Read folders anew: files may have come."""
        self._found.clear()


def _read(top: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder, _, names in os.walk(top):
        for name in names:
            match = _MODULE_FILE.match(name)
            if match is not None:
                found.setdefault(plain(match["name"]), []).append(os.path.join(folder, name))
    for paths in found.values():
        paths.sort(key=_likelihood)
    return found


def _likelihood(path: str) -> tuple[bool, bool, str]:
    name = os.path.basename(path)
    is_debug = ".debug" in name or "/debug/" in path
    return (not is_debug, name.endswith(unpack.EXTENSIONS), path)


class Places(NamedTuple):
    """Where to look."""

    users: Sequence[str]  #: folders that the user named: all below them is looked at
    dumps: Sequence[str]  #: folders of the dump's files
    release: str  #: uname -r, "" when unknown
    root: str = "/"


def candidates(wanted: Wanted, places: Places, index: Index) -> Iterator[str]:
    """Files that exist and may be the module's debug info, the likeliest first, each once."""
    seen: set[str] = set()
    for path in _everywhere(wanted, places, index):
        if path not in seen and os.path.isfile(path):
            seen.add(path)
            yield path


def _everywhere(wanted: Wanted, places: Places, index: Index) -> Iterator[str]:
    id_ = wanted.build_id
    by_id = f".build-id/{id_[:2]}/{id_[2:]}.debug" if id_ else ""
    system_debug = os.path.join(places.root, "usr/lib/debug")
    for folder in [*places.users, system_debug]:
        if by_id:
            yield os.path.join(folder, by_id)
    for folder in places.users:
        yield from index.below(folder, wanted.name)
    for folder in places.dumps:
        yield from _beside(folder, wanted.name)
    if places.release:
        for root in [*places.dumps, places.root]:
            for tree in _trees(root, places.release):
                yield from index.below(tree, wanted.name)


def _beside(folder: str, name: str) -> Iterator[str]:
    # The dump's own folder only: a dump may lie at the top of anything.
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return
    for entry in entries:
        match = _MODULE_FILE.match(entry)
        if match is not None and plain(match["name"]) == plain(name):
            yield os.path.join(folder, entry)


def _trees(root: str, release: str) -> Iterable[str]:
    yield os.path.join(root, "usr/lib/debug/lib/modules", release)
    yield os.path.join(root, "usr/lib/debug/usr/lib/modules", release)
    yield os.path.join(root, "lib/modules", release)


def find(
    wanted: Wanted,
    places: Places,
    index: Index,
    folder: str,
    look_at: LookAt,
    *,
    ask_server: bool = True,
) -> tuple[str, str]:
    """Path of the module's debug info, and of the same unpacked (made in ``folder``), or the same.

    Raises DebuginfoError, which lists what was looked at and why it was not taken.
    """
    refused: list[str] = []
    for path in candidates(wanted, places, index):
        try:
            return path, take(path, wanted, folder, look_at)
        except DebuginfoError as error:
            refused.append(str(error))
    server = _ask_server(wanted) if ask_server else ""
    if os.path.isabs(server):
        return server, take(server, wanted, folder, look_at)
    if server:
        refused.append(server)
    raise DebuginfoError(_not_found(wanted, places, refused))


def take(path: str, wanted: Wanted, folder: str, look_at: LookAt) -> str:
    """The file, unpacked if it has to be; raises DebuginfoError if it is not the module's."""
    made = unpack.unpacked(path, folder)
    try:
        check(path, wanted, look_at(made))
    except BaseException:
        if made != path:
            os.unlink(made)
        raise
    return made


def _ask_server(wanted: Wanted) -> str:
    # An absolute path, why there is none, or "" when no server is configured.
    urls = os.environ.get("DEBUGINFOD_URLS")
    if not urls or not wanted.build_id:
        return ""
    answer = debuginfo.ask_debuginfod(wanted.build_id)
    return answer if os.path.isabs(answer) else f"debuginfod at {urls}: {answer}"


def _not_found(wanted: Wanted, places: Places, refused: Sequence[str]) -> str:
    id_ = f" (build-id {wanted.build_id})" if wanted.build_id else ""
    text = f"no debug info of module {wanted.name}{id_} found; name its folder: pykdump module path"
    if refused:
        return f"{text}; not taken:\n  " + "\n  ".join(refused)
    folders = [*places.users, *places.dumps, os.path.join(places.root, "usr/lib/debug")]
    folders.append(os.path.join(places.root, "lib/modules", places.release))
    return f"{text}; looked in {', '.join(folders)}"
