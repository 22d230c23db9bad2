# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache of made pieces: each is a directory that appears whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .steps import HarnessError, step

_STAMP = ".stamp"
_LOCK_TIMEOUT_S = 30 * 60


def cache_root() -> Path:
    """Where the pieces live: outside the tree, and never in it."""
    chosen = os.environ.get("PYKDUMP_TEST_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pykdump-tests"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def cache_lock() -> Iterator[None]:
    """Hold the cache against other runs; a second run waits for the first."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with open(root / ".lock", "w") as lock_file:
        started = time.monotonic()
        while not _try_lock(lock_file.fileno()):
            if time.monotonic() > started + _LOCK_TIMEOUT_S:
                raise HarnessError(f"another run holds {root}/.lock")
            time.sleep(1)
        yield


def digest(*parts: object) -> str:
    """Hash of a piece's inputs: files and directories by content, the rest by ``repr``."""
    sha = hashlib.sha256()
    for part in parts:
        if not isinstance(part, Path):
            sha.update(repr(part).encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file())
        for path in files:
            if "__pycache__" not in path.parts:
                sha.update(path.name.encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()


def is_fresh(directory: Path, stamp: str) -> bool:
    """Whether ``directory`` was made whole, from the inputs that ``stamp`` stands for."""
    try:
        return (directory / _STAMP).read_text() == stamp
    except FileNotFoundError:
        return False


def piece(name: str, stamp: str, build: Callable[[Path], None]) -> Path:
    """The directory ``name`` of the cache, built anew when its inputs are not those of ``stamp``.

    ``build`` fills a new directory beside, which then takes the name: an interrupted run leaves
    no half piece under it, and who reads the old one meanwhile can go on.  The caller holds
    :func:`cache_lock`.
    """
    directory = cache_root() / name
    if is_fresh(directory, stamp):
        return directory
    work = directory.with_name(directory.name + ".new")
    old = directory.with_name(directory.name + ".old")
    for stale in (work, old):
        if stale.exists():
            shutil.rmtree(stale)
    work.mkdir(parents=True)
    with step(f"{name}: made"):
        build(work)
    (work / _STAMP).write_text(stamp)
    if directory.exists():
        directory.rename(old)
    work.rename(directory)
    if old.exists():
        shutil.rmtree(old)
    return directory
