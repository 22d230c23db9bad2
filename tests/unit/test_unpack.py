# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed module files, and those whose sections have addresses."""

from __future__ import annotations

import gzip
import lzma
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from pykdump import files, unpack
from pykdump.errors import DebuginfoError

CONTENT = b"\x7fELF" + bytes(range(256)) * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


def pack_zstd(path: Path) -> None:
    if not shutil.which("zstd"):
        pytest.skip("zstd is missing; install zstd")
    subprocess.run(["zstd", "-q", "-o", path], input=CONTENT, check=True)


def test_a_plain_file_stays_where_it_is(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "dm-mod.ko").write_bytes(CONTENT)
    assert unpack.unpacked(f"{tmp_path}/dm-mod.ko", str(folder)) == f"{tmp_path}/dm-mod.ko"
    assert not list(folder.iterdir())


@pytest.mark.parametrize("extension", [".xz", ".gz", ".zst"])
def test_a_packed_file_is_unpacked_into_the_folder(
    extension: str, tmp_path: Path, folder: Path
) -> None:
    packed = tmp_path / f"dm-mod.ko{extension}"
    if extension == ".zst":
        pack_zstd(packed)
    else:
        packed.write_bytes({".xz": lzma, ".gz": gzip}[extension].compress(CONTENT))
    made = unpack.unpacked(str(packed), str(folder))
    assert made == f"{folder}/dm-mod.ko"
    assert Path(made).read_bytes() == CONTENT


@pytest.mark.parametrize("extension", [".xz", ".gz", ".zst"])
def test_a_packed_file_that_is_cut_short_is_refused_and_leaves_nothing(
    extension: str, tmp_path: Path, folder: Path
) -> None:
    packed = tmp_path / f"dm-mod.ko{extension}"
    if extension == ".zst":
        pack_zstd(packed)
    else:
        packed.write_bytes({".xz": lzma, ".gz": gzip}[extension].compress(CONTENT))
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    with pytest.raises(DebuginfoError, match=rf"{packed} cannot be unpacked: "):
        unpack.unpacked(str(packed), str(folder))
    assert not list(folder.iterdir())


def test_what_is_missing_to_unpack_is_named(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dm-mod.ko.zst").write_bytes(b"\x28\xb5\x2f\xfd rest")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(DebuginfoError, match="install zstd"):
        unpack.unpacked(f"{tmp_path}/dm-mod.ko.zst", str(folder))
    assert not list(folder.iterdir())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DebuginfoError, match=f"cannot read {tmp_path}/none.ko: No such file"):
        unpack.unpacked(f"{tmp_path}/none.ko", str(folder))


def elf(path: Path, addr: int) -> None:
    """A relocatable file with the sections .text at 0 and .data at addr."""
    names = b"\0.text\0.data\0.shstrtab\0"
    fields = (b"\x7fELF\2\1\1", 1, 62, 1, 0, 0, 64 + len(names), 0, 64, 0, 0, 64, 4, 3)
    head = struct.pack("<16sHHIQQQIHHHHHH", *fields)
    rows = [(0, 0, 0, 0), (1, 6, 0, 16), (7, 3, addr, 8), (13, 0, 0, len(names))]
    table = b"".join(
        struct.pack("<IIQQQQIIQQ", name, 1, flags, at, 64, size, 0, 0, 1, 0)
        for name, flags, at, size in rows
    )
    path.write_bytes(head + names + table)


def test_a_file_whose_sections_begin_at_zero_is_not_copied(tmp_path: Path, folder: Path) -> None:
    elf(tmp_path / "dm.ko", 0)
    assert unpack.at_zero(f"{tmp_path}/dm.ko", str(folder)) == f"{tmp_path}/dm.ko"


def test_addresses_of_sections_are_cleared_in_a_copy(tmp_path: Path, folder: Path) -> None:
    elf(tmp_path / "dm.ko", 0x160)
    made = unpack.at_zero(f"{tmp_path}/dm.ko", str(folder))
    assert made == f"{folder}/dm.ko"
    loaded = {each.name: each.addr for each in files.sections(made) if each.is_loaded}
    assert loaded == {".text": 0, ".data": 0}
    assert [each.addr for each in files.sections(f"{tmp_path}/dm.ko")] == [0, 0, 0x160, 0]
    before, after = (tmp_path / "dm.ko").read_bytes(), Path(made).read_bytes()
    assert len(before) == len(after)


def test_a_file_in_the_folder_is_changed_in_place(folder: Path) -> None:
    elf(folder / "dm.ko", 0x160)
    assert unpack.at_zero(f"{folder}/dm.ko", str(folder)) == f"{folder}/dm.ko"
    assert {each.addr for each in files.sections(f"{folder}/dm.ko")} == {0}
