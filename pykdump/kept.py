# SPDX-License-Identifier: GPL-2.0-or-later
"""What GDB said of the types of a vmlinux, kept between sessions: a file for each.

A file is a line that says for what it holds, then a line for each question: the question, a tab and
the answer as JSON, null for what vmlinux does not have. Nothing of a file is used when a byte of it
differs, or when it was made for another vmlinux, GDB or pykdump; what is in it is checked when it
is used. It holds no memory of a dump.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

#: A file is never larger: it is read as a whole.
MOST_BYTES = 8 << 20

#: Of so many vmlinux files answers are kept.
MOST_FILES = 32

_TITLE = "pykdump types 1"
_TITLE_BYTES = 256  # and never more


@dataclass(frozen=True)
class Source:
    """The debug info that GDB has."""

    path: str  #: where answers about its vmlinux are kept
    key: str  #: what they depend on besides the file's name
    build_id: str
    is_alone: bool  #: GDB has no other debug info than vmlinux's, that of modules for example


#: Says what debug info GDB has; None when nothing shall be kept, or that is unknown.
look: Callable[[], Source | None] = lambda: None

#: Tells the user that a file was damaged.
tell: Callable[[str], object] = lambda sentence: None

_source: Source | None = None
_file: _File | None = None
_is_known = False  # whether `_source` is what GDB has now
_is_of_vmlinux = True  # whether what GDB is being asked comes from vmlinux alone


def answer(
    question: str, ask: Callable[[], Any], is_sound: Callable[[Any], bool] = lambda value: True
) -> Any:
    """What is kept, else what `ask` says, which is then kept.

    :param ask: asks GDB; gives None, or what JSON can hold. What it raises is not kept.
    :param is_sound: whether something other than None can be kept as an answer.
    """
    global _is_of_vmlinux
    file = _opened()
    if file is None or not question.isprintable():
        return ask()
    assert _source is not None
    kept = file.find(question, is_sound)
    # What vmlinux does not have may be in other debug info.
    if kept is not None or (_source.is_alone and question in file):
        return kept
    _is_of_vmlinux = True
    told = ask()
    # What is in no debug info at all is not in vmlinux either.
    if file is _file and (told is None or (_is_of_vmlinux and is_sound(told))):
        file.add(question, told)
    return told


def comes_from(build_id: str | None) -> None:
    """GDB takes a part of its answer from a file of debug info with this build-id."""
    global _is_of_vmlinux
    if _source is not None and build_id != _source.build_id:
        _is_of_vmlinux = False


def changed() -> None:
    """GDB has loaded or dropped debug info."""
    global _is_known
    _is_known = False


def save() -> None:
    """Write what was learnt, if anything was; a folder that cannot be written is none's loss."""
    if _file is not None:
        with suppress(OSError):
            _file.save()


def close() -> None:
    """The same, at the end of a session."""
    global _file, _source
    save()
    _file = _source = None
    changed()


def _opened() -> _File | None:
    global _source, _file, _is_known
    if not _is_known:
        found = look()
        _is_known = True
        if found is None or _file is None or (found.path, found.key) != (_file.path, _file.key):
            save()
            _file = None if found is None else _File(found.path, found.key)
        _source = found
    return _file


class _File:
    def __init__(self, path: str, key: str) -> None:
        self.path = path
        self.key = key
        self._pid = os.getpid()
        self._lines: dict[str, str] = {}  # question -> answer, as in the file
        self._new: dict[str, str] = {}
        self._read_as: tuple[int, int] | None = None
        self._size = 0
        self._load()

    def __contains__(self, question: str) -> bool:
        return question in self._lines or question in self._new

    def find(self, question: str, is_sound: Callable[[Any], bool]) -> Any:
        text = self._lines.get(question, self._new.get(question))
        if text is None:
            return None
        try:
            found = json.loads(text)
            if found is None or is_sound(found):
                return found
        except (ValueError, TypeError, RecursionError):
            pass
        self._give_up(f"the answer to {question!r} makes no sense")
        return None

    def add(self, question: str, told: Any) -> None:
        text = json.dumps(told, separators=(",", ":"))
        size = len(question.encode()) + len(text) + 2
        if self._size + size < MOST_BYTES - _TITLE_BYTES:
            self._size += size
            self._new[question] = text

    def save(self) -> None:
        """Raises OSError."""
        if not self._new or os.getpid() != self._pid:
            return
        if _stamp(self.path) != self._read_as:  # another GDB wrote it meanwhile
            self._load()
        self._lines.update(self._new)
        self._new = {}
        body = "".join(f"{question}\t{text}\n" for question, text in self._lines.items()).encode()
        if len(body) > MOST_BYTES - _TITLE_BYTES:
            return
        folder = os.path.dirname(self.path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _replace(self.path, self._title(body).encode() + body)
        self._read_as = _stamp(self.path)
        _remove_oldest(folder)

    def _load(self) -> None:
        try:
            self._read_as = _stamp(self.path)
            content = _read(self.path)
        except OSError:
            return  # there is none
        except _Refused as reason:
            self._give_up(str(reason))
            return
        title, _, body = content.partition(b"\n")
        if not title.startswith(f"{_TITLE} {self.key} ".encode()):
            return  # made by another version
        if title + b"\n" != self._title(body).encode():
            self._give_up("it is damaged")
            return
        lines = dict(_split(body.decode("utf-8", "replace")))
        self._size = len(body)
        self._lines = {**lines, **self._lines}

    def _title(self, body: bytes) -> str:
        return f"{_TITLE} {self.key} {len(body)} {zlib.crc32(body):08x}\n"

    def _give_up(self, why: str) -> None:
        self._lines, self._size = {}, 0
        tell(f"{self.path} is not used, and made anew: {why}")


class _Refused(Exception):
    """The text says why a file is not read."""


def _split(body: str) -> Iterator[tuple[str, str]]:
    for line in body.split("\n"):
        question, tab, text = line.partition("\t")
        if tab:
            yield question, text


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _read(path: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise _Refused("it is no file of yours")
        if found.st_size > MOST_BYTES:
            raise _Refused("it is too large")
        return file.read(MOST_BYTES)


def _replace(path: str, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=".", dir=os.path.dirname(path))
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _remove_oldest(folder: str) -> None:
    with os.scandir(folder) as entries:
        found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries]
    for _, path in sorted(found, reverse=True)[MOST_FILES:]:
        os.unlink(path)
