# SPDX-License-Identifier: GPL-2.0-or-later
"""LinuxDump.modules: symbols of which pages are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "progs"))

from LinuxDump import modules  # noqa: E402
from pykdump import lowlevel  # noqa: E402
from pykdump.errors import ReadError  # noqa: E402

PAGE = 4096
START = 0xFFFF_FFFF_C000_0F00  # 256 bytes before a page


class Memory:
    """A dump of some text, of which pages may be missing."""

    def __init__(self, text: bytes, missing: set[int]) -> None:
        self.text, self.missing = text, missing

    def read(self, addr: int, size: int) -> bytes:
        if any(page in self.missing for page in range(addr // PAGE, (addr + size - 1) // PAGE + 1)):
            raise ReadError(f"{addr:#x} is excluded")
        return self.text[addr - START : addr - START + size]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch):
    def pages(text: bytes, *missing: int) -> tuple[bytes, int]:
        memory = Memory(text, {START // PAGE + page for page in missing})
        monkeypatch.setattr(lowlevel, "dump", lambda: memory)
        return modules._read_pages(START, len(text))

    return pages


def test_text_on_pages_that_are_there_is_read_as_it_is(read) -> None:
    text = b"\0name\0" * 2000
    assert read(text) == (text, 0)


def test_a_name_that_runs_into_a_missing_page_is_not_cut_but_gone(read) -> None:
    text = b"\0first".ljust(200, b"\0") + b"\0" + b"n" * 100 + b"\0"
    text = text.ljust(256 + PAGE, b"x") + b"tail\0last\0"
    found, lost = read(text, 1)
    assert lost == 1
    assert found[:201] == text[:201]
    assert found[201 : 256 + PAGE] == bytes(55 + PAGE)
    assert found[256 + PAGE :] == b"tail\0last\0"


def test_nothing_readable_is_nothing(read) -> None:
    assert read(b"x" * 1000, 0, 1) == (bytes(1000), 2)
