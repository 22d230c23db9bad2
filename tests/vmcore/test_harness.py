# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness itself: pieces appear whole or not at all, and forms hold what they were made of."""

from __future__ import annotations

import ctypes
import struct
import zlib
from pathlib import Path

import pytest

import harness
from harness import cache, forms, recompress

PAGE = 4096
PAGES = [bytes(PAGE), b"text " * 819 + b"x", bytes(PAGE), bytes(range(256)) * 16]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYKDUMP_TEST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_interrupted_build_leaves_no_piece_and_the_next_run_makes_it() -> None:
    def fail(work: Path) -> None:
        (work / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.piece("thing", "stamp", fail)
    assert not (cache.cache_root() / "thing").exists()
    made = cache.piece("thing", "stamp", lambda work: None)
    assert sorted(path.name for path in made.iterdir()) == [".stamp"]


def test_a_piece_is_made_again_only_when_its_stamp_changes() -> None:
    built = []
    for stamp in ("one", "one", "two"):
        cache.piece("thing", stamp, lambda work: built.append(stamp))
    assert built == ["one", "two"]


def put(work: Path, text: str) -> None:
    (work / "file").write_text(text)


def test_the_old_piece_can_be_read_until_the_new_one_is_made() -> None:
    cache.piece("thing", "one", lambda work: put(work, "old"))
    seen = []

    def build(work: Path) -> None:
        seen.append((cache.cache_root() / "thing/file").read_text())
        put(work, "new")

    directory = cache.piece("thing", "two", build)
    assert (seen, (directory / "file").read_text()) == (["old"], "new")
    assert sorted(path.name for path in directory.parent.iterdir()) == ["thing"]


def test_digest_sees_the_content_of_a_directory(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("one")
    before = cache.digest(source)
    (source / "file").write_text("two")
    assert cache.digest(source) != before


def test_unknown_scenario_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        harness.get("no such scenario")


def test_missing_tools_are_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda tool, path: None)
    missing = harness.missing_packages()
    assert {"qemu-system-x86", "busybox-static", "kmod", "makedumpfile"} <= set(missing)


def test_missing_packages_are_all_in_the_list_of_packages() -> None:
    root = Path(__file__).parents[2]
    lines = (root / "packaging/packages-vmcore.txt").read_text().splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    assert set(harness.steps.NEEDED_TOOLS) - set(harness.steps._PACKAGE_OF) <= listed | {"tar"}
    assert set(harness.steps._PACKAGE_OF.values()) - {"apt"} <= listed


def qemu_elf(path: Path) -> bytes:
    """Write an ELF the way QEMU does: section headers first, then program headers, then data."""
    data = b"memory" * 100
    phdr_at, data_at = 64 + 64, 64 + 64 + 56
    fields = (b"\x7fELF\2\1\1", 4, 62, 1, 0, phdr_at, 64, 0, 64, 56, 1, 64, 1, 0)
    header = struct.pack("<16sHHIQQQIHHHHHH", *fields)
    segment = struct.pack("<IIQQQQQQ", 1, 0, data_at, 0, 0, len(data), len(data), 0)
    path.write_bytes(header + bytes(64) + segment + data)
    return data


def test_moved_program_headers_are_at_64_and_still_name_the_same_data(tmp_path: Path) -> None:
    data = qemu_elf(tmp_path / "elf")
    forms.move_program_headers(tmp_path / "elf", tmp_path / "moved")
    moved = (tmp_path / "moved").read_bytes()
    assert struct.unpack_from("<QQ", moved, 32) == (64, 0)
    _, _, offset, _, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", moved, 64)
    assert moved[offset : offset + size] == data


def kdump_zlib(path: Path) -> None:
    """Write a kdump file of PAGES, whose pages of zeros share their data."""
    head = bytearray(PAGE * 4)  # header, sub header, two bitmaps
    head[:8] = b"KDUMP   "
    struct.pack_into("<iiii", head, 424, recompress.FLAG_ZLIB, PAGE, 1, 2)
    head[PAGE * 3] = 0b1111
    at = len(head) + 24 * len(PAGES)
    places: dict[bytes, int] = {}
    descs, body = b"", b""
    for page in PAGES:
        packed = zlib.compress(page)
        if page not in places:
            places[page] = at + len(body)
            body += packed
        descs += struct.pack("<qIIQ", places[page], len(packed), recompress.FLAG_ZLIB, 0)
    path.write_bytes(bytes(head) + descs + body)


def test_recompressed_pages_unpack_to_what_they_were(tmp_path: Path) -> None:
    kdump_zlib(tmp_path / "zlib")
    recompress.recompress(tmp_path / "zlib", tmp_path / "zstd", recompress.FLAG_ZSTD)
    data = (tmp_path / "zstd").read_bytes()
    assert struct.unpack_from("<i", data, 424) == (recompress.FLAG_ZSTD,)
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
    offsets = []
    for number, page in enumerate(PAGES):
        offset, size, flags, _ = struct.unpack_from("<qIIQ", data, PAGE * 4 + 24 * number)
        room = ctypes.create_string_buffer(PAGE)
        assert flags == recompress.FLAG_ZSTD
        assert zstd.ZSTD_decompress(room, PAGE, data[offset : offset + size], size) == PAGE
        assert room.raw == page
        offsets.append(offset)
    assert offsets[0] == offsets[2]


def test_a_flattened_dump_ends_at_its_end_record_and_one_without_is_refused(tmp_path: Path) -> None:
    header = b"makedumpfile\0".ljust(4096, b"\0")
    stream = header + struct.pack(">qq", 0, 5) + b"bytes" + struct.pack(">qq", -1, -1)
    (tmp_path / "disk").write_bytes(stream + bytes(512))
    forms.trim_flattened(tmp_path / "disk", tmp_path / "flat")
    assert (tmp_path / "flat").read_bytes() == stream
    (tmp_path / "disk").write_bytes(stream[:-16])
    with pytest.raises(harness.HarnessError, match="has no end"):
        forms.trim_flattened(tmp_path / "disk", tmp_path / "flat")
