# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes of a module's file one that GDB reads right: unpacked, with its sections at 0."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from pykdump import files
from pykdump.errors import DebuginfoError


class _Packing(NamedTuple):
    magic: bytes
    extension: str
    unpack: Callable[[str, BinaryIO], None]


def _xz(path: str, out: BinaryIO) -> None:
    with lzma.open(path) as packed:
        shutil.copyfileobj(packed, out)


def _gzip(path: str, out: BinaryIO) -> None:
    with gzip.open(path) as packed:
        shutil.copyfileobj(packed, out)


def _zstd(path: str, out: BinaryIO) -> None:
    try:
        # The kernel's modules are packed with windows that zstd thinks large.
        done = subprocess.run(
            ["zstd", "--decompress", "--stdout", "--quiet", "--long=31", "--", path],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise DebuginfoError(f"{path} cannot be unpacked: install zstd") from None
    if done.returncode:
        raise ValueError(done.stderr.decode(errors="replace").strip() or "damaged")


_PACKINGS = (
    _Packing(b"\xfd7zXZ\0", ".xz", _xz),
    _Packing(b"\x28\xb5\x2f\xfd", ".zst", _zstd),
    _Packing(b"\x1f\x8b", ".gz", _gzip),
)

#: What names of packed files end in.
EXTENSIONS = tuple(packing.extension for packing in _PACKINGS)


def unpacked(path: str, folder: str) -> str:
    """The file itself if it is not packed, by its content, else an unpacked one made in ``folder``.

    Raises DebuginfoError: the file is damaged, or what unpacks it is missing; nothing is left then.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
    except OSError as error:
        raise DebuginfoError(f"cannot read {path}: {error.strerror}") from None
    packing = next((each for each in _PACKINGS if head.startswith(each.magic)), None)
    if packing is None:
        return path
    made = os.path.join(folder, os.path.basename(path).removesuffix(packing.extension))
    with _made(made, path) as out:
        packing.unpack(path, out)
    return made


def at_zero(path: str, folder: str) -> str:
    """The file itself if its sections begin at 0, else a copy in ``folder`` where they do.

    Modules of some kernels have a few sections with addresses, which mean nothing. GDB then moves
    debug info as a whole instead of section by section: all outside .text has wrong addresses.
    Raises DebuginfoError: there is no room for the copy.
    """
    if not any(section.addr for section in files.sections(path)):
        return path
    if os.path.dirname(path) != folder:
        made = os.path.join(folder, os.path.basename(path))
        with _made(made, path) as out, open(path, "rb") as original:
            shutil.copyfileobj(original, out, 1 << 20)
        path = made
    files.clear_section_addresses(path)
    return path


@contextmanager
def _made(path: str, source: str) -> Iterator[BinaryIO]:
    # A new file, which does not stay when it cannot be filled.
    try:
        # Not over another: GDB may have that one loaded.
        with open(path, "xb") as out:
            yield out
    except FileExistsError:
        raise DebuginfoError(f"{source} cannot be unpacked: {path} is there already") from None
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(path)
        if isinstance(error, (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)):
            raise DebuginfoError(f"{source} cannot be unpacked: {error}") from None
        raise
