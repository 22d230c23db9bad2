# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the debug info of a module is looked for, and which file is taken."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

import pytest

from pykdump import modulefiles
from pykdump.errors import DebuginfoError
from pykdump.modulefiles import Index, Look, Places, Wanted

RELEASE = "6.1.0-18-amd64"
WANTED = Wanted("dm_mod", "71c20b" + "0" * 34, "x86_64")
GOOD = f"{WANTED.build_id} x86_64 debug"


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def look_at(path: str) -> Look:
    words = Path(path).read_text().split()
    if len(words) < 2:
        raise DebuginfoError(f"{path} is no ELF file")
    return Look(words[0], words[1], "debug" in words)


def places(tmp_path: Path, *users: Path) -> Places:
    root = tmp_path / "root"
    return Places(list(map(str, users)), [str(tmp_path / "dumps")], RELEASE, str(root))


def find(places: Places, tmp_path: Path, index: Index | None = None) -> str:
    folder = tmp_path / "private"
    folder.mkdir(exist_ok=True)
    source, path = modulefiles.find(WANTED, places, index or Index(), str(folder), look_at)
    assert path == source or path.startswith(str(folder))
    return source


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUGINFOD_URLS", raising=False)


def test_folders_are_asked_in_order_and_each_file_once(tmp_path: Path) -> None:
    tree = f"lib/modules/{RELEASE}/kernel/drivers/md/dm-mod.ko"
    by_id = f".build-id/71/c20b{'0' * 34}.debug"
    order = [
        write(tmp_path / "user" / by_id, GOOD),
        write(tmp_path / "root/usr/lib/debug" / by_id, GOOD),
        write(tmp_path / "user/deep/below/dm_mod.ko.debug", GOOD),
        write(tmp_path / "user/deep/dm-mod.ko", GOOD),
        write(tmp_path / "dumps/dm-mod.ko.debug", GOOD),
        write(tmp_path / "dumps/usr/lib/debug" / tree, GOOD),
        write(tmp_path / "dumps" / tree, GOOD),
        write(tmp_path / "root/usr/lib/debug" / tree, GOOD),
        write(tmp_path / "root" / tree, GOOD),
    ]
    write(tmp_path / "dumps/elsewhere/dm-mod.ko", GOOD)
    where = places(tmp_path, tmp_path / "user", tmp_path / "user")
    assert list(modulefiles.candidates(WANTED, where, Index())) == order


@pytest.mark.parametrize(
    "name",
    "dm-mod.ko dm_mod.ko dm-mod.ko.debug dm_mod.o.debug dm-mod.ko.xz dm-mod.ko.zst".split(),
)
def test_every_kind_of_file_is_known_by_name(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, GOOD)
    assert Index().below(str(tmp_path), "dm_mod") == [path]


@pytest.mark.parametrize("name", ["dm-mod.ko.bak", "dm-mod-extra.ko", "xdm-mod.ko", "dm-mod.c"])
def test_other_files_are_not_taken_for_the_module(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, GOOD)
    assert Index().below(str(tmp_path), "dm_mod") == []


def test_a_folder_is_read_once_until_told_to_forget(tmp_path: Path) -> None:
    index = Index()
    assert index.below(str(tmp_path), "dm_mod") == []
    path = write(tmp_path / "dm-mod.ko", GOOD)
    assert index.below(str(tmp_path), "dm_mod") == []
    index.forget()
    assert index.below(str(tmp_path), "dm_mod") == [path]


def test_a_stripped_or_foreign_file_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "user/a/dm-mod.ko", f"{WANTED.build_id} x86_64")
    write(tmp_path / "user/b/dm-mod.ko", f"{'3' * 40} x86_64 debug")
    write(tmp_path / "user/c/dm-mod.ko", "text")
    good = write(tmp_path / "user/d/dm-mod.ko", GOOD)
    assert find(places(tmp_path, tmp_path / "user"), tmp_path) == good


def test_an_unpacked_file_that_is_refused_does_not_stay(tmp_path: Path) -> None:
    packed = tmp_path / "user" / "dm-mod.ko.xz"
    packed.parent.mkdir()
    packed.write_bytes(lzma.compress(f"{'3' * 40} x86_64 debug".encode()))
    with pytest.raises(DebuginfoError):
        find(places(tmp_path, tmp_path / "user"), tmp_path)
    assert os.listdir(tmp_path / "private") == []


def test_what_was_not_taken_is_listed_with_the_reason(tmp_path: Path) -> None:
    other = write(tmp_path / "user/dm-mod.ko", f"{'3' * 40} x86_64 debug")
    foreign = write(tmp_path / "user/deep/dm-mod.ko", f"{WANTED.build_id} machine-183 debug")
    with pytest.raises(DebuginfoError) as error:
        find(places(tmp_path, tmp_path / "user"), tmp_path)
    text = str(error.value)
    assert f"{other} is not the module dm_mod of the dump: build-id {'3' * 40} here" in text
    assert f"{foreign} is for machine-183, the dump is of x86_64" in text


def test_nothing_found_names_the_folders(tmp_path: Path) -> None:
    with pytest.raises(DebuginfoError, match=f"looked in {tmp_path}/user, {tmp_path}/dumps, "):
        find(places(tmp_path, tmp_path / "user"), tmp_path)


def test_debuginfod_is_asked_last_and_only_if_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = write(tmp_path / "served/debuginfo", GOOD)
    script = Path(write(tmp_path / "bin/debuginfod-find", f"#!/bin/sh\necho {served}\n"))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("DEBUGINFOD_URLS", "https://debuginfod.example")
    assert find(places(tmp_path), tmp_path) == served
    with pytest.raises(DebuginfoError):
        modulefiles.find(
            WANTED, places(tmp_path), Index(), str(tmp_path), look_at, ask_server=False
        )


def test_a_module_without_build_id_in_the_dump_is_known_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "dm-mod.ko", f"{'3' * 40} x86_64 debug")
    unknown = WANTED._replace(build_id="")
    assert modulefiles.take(path, unknown, str(tmp_path), look_at) == path
