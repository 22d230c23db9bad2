# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers kept between sessions: used only where they are true, and damage costs a sentence."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from pykdump import kept
from pykdump.kept import Source

OWN, MODULES = "1234", "5678"


class Session:
    """Stands for GDB: what it was asked, and what the user was told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = Source(str(path), "key", OWN, is_alone=True)
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, question: str, says: Any, origin: str = OWN) -> Any:
        def from_gdb() -> Any:
            self.asked.append(question)
            if says is not None:
                kept.comes_from(origin)
            return says

        return kept.answer(question, from_gdb, lambda found: type(found) is int)

    def load_modules(self) -> None:
        self.source = Source(str(self.path), "key", OWN, is_alone=False)
        kept.changed()

    def again(self, key: str = "key") -> None:
        kept.close()
        self.source = Source(str(self.path), key, OWN, is_alone=True)
        self.asked.clear()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = Session(tmp_path / "types" / OWN)
    monkeypatch.setattr(kept, "look", lambda: made.source)
    monkeypatch.setattr(kept, "tell", made.told.append)
    kept.changed()
    yield made
    monkeypatch.setattr(kept, "look", lambda: None)
    kept.close()


def rewritten(path: Path, body: bytes) -> None:
    """A file whose title fits, whoever made it."""
    title = path.read_bytes().split(b" ")[:4]
    path.write_bytes(b" ".join([*title, b"%d %08x\n" % (len(body), crc32(body))]) + body)


def test_a_later_session_asks_nothing_again(session: Session) -> None:
    assert session.ask("size struct page", 64) == 64
    assert session.ask("size struct nosuch", None) is None
    session.again()
    assert session.ask("size struct page", 65) == 64
    assert session.ask("size struct nosuch", 8) is None
    assert not session.asked and not session.told
    assert session.path.stat().st_mode & 0o777 == 0o600
    assert session.path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_written_when_nothing_was_learnt(session: Session) -> None:
    session.ask("size struct page", 64)
    session.again()
    before = kept._stamp(str(session.path))
    session.ask("size struct page", 64)
    session.again()
    assert kept._stamp(str(session.path)) == before


def test_what_a_module_defines_is_not_taken_for_the_kernels(session: Session) -> None:
    assert session.ask("size struct both", None) is None  # not in vmlinux
    session.load_modules()
    assert session.ask("size struct both", 24, MODULES) == 24
    assert session.ask("size struct driver", 16, MODULES) == 16
    session.again()
    assert session.ask("size struct both", None) is None
    assert session.ask("size struct driver", None) is None
    assert session.asked == ["size struct driver"]
    session.load_modules()
    assert session.ask("size struct both", 24, MODULES) == 24


def test_with_modules_loaded_the_kernels_types_are_learnt(session: Session) -> None:
    session.ask("size struct page", 64)
    session.load_modules()
    session.ask("size struct inode", 600)
    session.ask("size struct nosuch", None)  # not even in a module
    session.again()
    assert session.ask("size struct inode", 1) == 600
    assert session.ask("size struct nosuch", 1) is None
    session.load_modules()
    assert session.ask("size struct inode", 1) == 600
    assert session.ask("size struct nosuch", 8, MODULES) == 8


def test_a_question_that_failed_is_asked_again(session: Session) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.answer("size struct page", fail)
    assert session.ask("size struct page", 64) == 64


@pytest.mark.parametrize("key", ["", "other", "key2"])
def test_what_another_version_wrote_is_made_anew(session: Session, key: str) -> None:
    session.ask("size struct page", 64)
    session.again(key)
    assert session.ask("size struct page", 72) == 72
    session.again(key)
    assert session.ask("size struct page", 0) == 72
    assert not session.told


def test_no_flipped_byte_and_no_cut_makes_an_answer_wrong(session: Session) -> None:
    questions = {f"size struct s{number}": number for number in range(100)}
    for question, size in questions.items():
        session.ask(question, size)
    kept.save()
    whole = session.path.read_bytes()
    rng = random.Random(1)
    for round_ in range(300):
        damaged = bytearray(whole)
        at = rng.randrange(len(whole))
        damaged[at] ^= 1 << rng.randrange(8)
        session.again()
        session.path.write_bytes(damaged if round_ % 2 else whole[:at])
        session.told.clear()
        for question, size in questions.items():
            assert session.ask(question, size) == size
        assert len(session.told) <= 1
    session.again()
    assert session.ask("size struct s7", 0) == 7  # made anew


@pytest.mark.parametrize(
    "text", ['"a"', "[", "{}", "true", "[" * 100_000, "1" * 10_000, "", "\xff"]
)
def test_answers_that_make_no_sense_are_asked_again(session: Session, text: str) -> None:
    session.ask("size struct page", 64)
    session.ask("size struct inode", 600)
    session.again()
    session.ask("size struct inode", 600)
    kept.close()
    rewritten(session.path, f"size struct page\t{text}\nno tab\n\t\n".encode("latin-1"))
    session.again()
    assert session.ask("size struct page", 64) == 64
    session.again()
    assert session.ask("size struct page", 0) == 64
    assert len(session.told) <= 1


def test_a_file_of_another_user_is_not_read(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.ask("size struct page", 64)
    session.again()
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert session.ask("size struct page", 72) == 72
    assert len(session.told) == 1 and "no file of yours" in session.told[0]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_not_read(session: Session, tmp_path: Path, kind: str) -> None:
    session.path.parent.mkdir()
    if kind == "link":
        session.path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(session.path)
    else:
        session.path.mkdir()
    assert session.ask("size struct page", 64) == 64
    session.again()
    assert session.ask("size struct page", 64) == 64
    assert len(session.told) <= 2


def test_a_folder_that_cannot_be_made_costs_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "types").write_text("a file is in the way")
    assert session.ask("size struct page", 64) == 64
    session.again()
    assert session.ask("size struct page", 64) == 64
    assert (tmp_path / "types").read_text() == "a file is in the way"


def test_a_full_disk_leaves_no_rest(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    session.ask("size struct page", 64)
    monkeypatch.setattr(os, "replace", full)
    session.again()
    assert list(session.path.parent.iterdir()) == [] and not session.told


def test_two_sessions_at_once_keep_what_both_learnt(session: Session) -> None:
    one, other = (kept._File(str(session.path), "key") for _ in range(2))
    one.add("size struct page", 64)
    other.add("size struct inode", 600)
    one.save()
    other.save()
    assert session.ask("size struct page", 0) == 64
    assert session.ask("size struct inode", 0) == 600


def test_a_child_of_a_script_writes_nothing(session: Session, monkeypatch: Any) -> None:
    session.ask("size struct page", 64)
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    kept.close()
    assert not session.path.exists()


def test_files_and_folder_are_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_BYTES", 4096)
    monkeypatch.setattr(kept, "MOST_FILES", 3)
    session.path.parent.mkdir()
    for number in range(6):
        (session.path.parent / f"old{number}").write_text("")
        os.utime(session.path.parent / f"old{number}", (number, number))
    for number in range(1000):
        session.ask(f"size struct s{number}", number)
    session.again()
    assert session.path.stat().st_size < 4096
    assert session.ask("size struct s1", 0) == 1
    names = {file.name for file in session.path.parent.iterdir()}
    assert names == {OWN, "old4", "old5"}


def test_names_that_would_break_a_line_are_not_kept(session: Session) -> None:
    for name in "a\tb", "a\nb", "a\x00b":
        assert session.ask(f"size {name}", 1) == 1
    session.ask("size \u00e9", 2)
    session.again()
    assert session.ask("size a\tb", 3) == 3
    assert session.ask("size \u00e9", 3) == 2
