# SPDX-License-Identifier: GPL-2.0-or-later
"""Where answers about types are kept between sessions (`pykdump.kept`), and when they may be."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import gdb

from pykdump import debugtypes, files, kept, lowlevel, members
from pykdump_gdb import cfi, index


class TypeCache(gdb.Parameter):
    """Whether answers about types are kept."""

    set_doc = "Set whether what GDB says of the kernel's types is kept for later sessions."
    show_doc = "Show whether what GDB says of the kernel's types is kept for later sessions."
    __doc__ = """On by default. It is kept by the build-id of vmlinux, in the folder "pykdump/types"
    of $XDG_CACHE_HOME (or ~/.cache), and makes the first answers of a session faster."""

    def __init__(self) -> None:
        super().__init__("pykdump type-cache", gdb.COMMAND_FILES, gdb.PARAM_BOOLEAN)
        self.value = True

    def get_set_string(self) -> str:
        kept.changed()
        return ""

    def get_show_string(self, value: str) -> str:
        return f"What GDB says of the kernel's types is kept for later sessions: {value}."


_parameter: TypeCache
_keys: dict[tuple[tuple[str, int], ...], str] = {}


def _look() -> kept.Source | None:
    if not _parameter.value or not lowlevel.is_open():
        return None
    build_id = lowlevel.kernel().elf.build_id
    own, is_alone = [], True
    for objfile in gdb.objfiles():
        if build_id and objfile.build_id == build_id and is_alone:
            own.append(objfile.filename or "")
        elif not cfi.is_ours(objfile.filename or ""):
            is_alone = False
    # Of several types of a name GDB takes the one in the file that it loaded first.
    if not own:
        return None
    try:
        key = _key(build_id, own)
    except OSError:
        return None
    return kept.Source(
        os.path.join(index.cache_folder(), "types", build_id), key, build_id, is_alone
    )


def _key(build_id: str, paths: list[str]) -> str:
    # A vmlinux and what was stripped from it have the same build-id.
    asked = tuple((path, os.stat(path).st_mtime_ns) for path in paths)
    if asked not in _keys:
        # Checksums do: hashlib would bring 2 MB of libcrypto.
        seen = _code(), [gdb.VERSION.encode(), *_debug_sections(paths)]
        sums = (zlib.crc32(b"\0".join(parts)) for parts in seen)
        _keys[asked] = "-".join([build_id, *(f"{each:08x}" for each in sums)])
    return _keys[asked]


def _debug_sections(paths: list[str]) -> Iterator[bytes]:
    for path in paths:
        for section in files.sections(path):
            if section.name.startswith((".debug_", ".zdebug_", ".gnu_debugalt")):
                yield f"{section.name} {section.size_bytes}".encode()


def _code() -> Iterator[bytes]:
    # What decides how GDB is asked, and what an answer means.
    for module in (lowlevel, members, debugtypes, kept):
        with open(module.__file__ or "", "rb") as file:
            yield file.read()


def register() -> None:
    """Add the setting, and keep answers."""
    global _parameter
    _parameter = TypeCache()
    kept.look = _look
    kept.tell = lambda sentence: gdb.write(f"note: {sentence}\n", gdb.STDERR)
