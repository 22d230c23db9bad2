# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a vmlinux is looked for, and which file is taken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pykdump.debuginfo import candidates, find_vmlinux
from pykdump.errors import VmlinuxMissingError

BUILD_ID = "71c20b" + "0" * 34
RELEASE = "6.1.0-18-amd64"


def build_id_of(path: str) -> str | None:
    text = Path(path).read_text()
    return text if re.fullmatch("[0-9a-f]{40}", text) else None


def test_users_folders_come_before_the_dumps_and_these_before_the_systems(tmp_path: Path) -> None:
    found = list(
        candidates([f"{tmp_path}/vmcore"], BUILD_ID, RELEASE, {"PYKDUMP_DEBUGINFO": "/a:/b"})
    )
    order = [
        "/a/vmlinux",
        "/b/vmlinux",
        f"{tmp_path}/vmlinux",
        f"/usr/lib/debug/.build-id/71/c20b{'0' * 34}.debug",
        f"/usr/lib/debug/boot/vmlinux-{RELEASE}",
        f"/usr/lib/debug/lib/modules/{RELEASE}/vmlinux",
        f"/lib/modules/{RELEASE}/build/vmlinux",
        f"/boot/vmlinux-{RELEASE}",
    ]
    assert [path for path in found if path in order] == order
    assert len(found) == len(set(found))


def test_a_file_with_another_build_id_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_text("3" * 40)
    (tmp_path / "vmlinux-mine").write_text(BUILD_ID)
    found = find_vmlinux([f"{tmp_path}/vmcore"], BUILD_ID, RELEASE, build_id_of, {})
    assert found == f"{tmp_path}/vmlinux-mine"


def test_without_a_build_id_the_release_decides(tmp_path: Path) -> None:
    (tmp_path / f"vmlinux-{RELEASE}").write_text(BUILD_ID)
    found = find_vmlinux([f"{tmp_path}/vmcore"], "", RELEASE, build_id_of, {})
    assert found == f"{tmp_path}/vmlinux-{RELEASE}"


def test_what_was_not_taken_is_listed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_text("3" * 40)
    (tmp_path / "vmlinux.debug").write_text("text")
    with pytest.raises(VmlinuxMissingError) as error:
        find_vmlinux([f"{tmp_path}/vmcore"], BUILD_ID, RELEASE, build_id_of, {})
    text = str(error.value)
    assert f"{tmp_path}/vmlinux (build-id {'3' * 40})" in text
    assert f"{tmp_path}/vmlinux.debug (not an ELF file)" in text
    assert f"no vmlinux with build-id {BUILD_ID} found" in text


def test_debuginfod_is_asked_when_the_user_configured_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "debuginfod-find"
    asked.write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\necho {tmp_path}/from-server\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    environ = {"DEBUGINFOD_URLS": "https://debuginfod.example"}
    found = find_vmlinux(["/nowhere/vmcore"], BUILD_ID, RELEASE, build_id_of, environ)
    assert found == f"{tmp_path}/from-server"
    assert (tmp_path / "asked").read_text() == f"debuginfo {BUILD_ID}\n"


def test_a_dump_that_names_nothing_cannot_be_searched_for() -> None:
    with pytest.raises(VmlinuxMissingError, match="--vmlinux"):
        find_vmlinux(["vmcore"], "", "", build_id_of, {})
