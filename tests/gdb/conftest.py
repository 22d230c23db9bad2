# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of the mini kernel, for GDB to open."""

from __future__ import annotations

from pathlib import Path

import gdb_run
import pytest
from mini_dump import MiniDump, written
from mini_fixtures import mini_elf, mini_elf_variant  # noqa: F401
from writer.mini import mini_machine


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither use nor fill the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def plugin() -> None:
    """Skips where GDB or the extension is missing."""
    reason = gdb_run.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def panicked(
    plugin: None, mini_elf: Path, tmp_path_factory: pytest.TempPathFactory  # noqa: F811
) -> MiniDump:
    """Three CPUs, a panic on CPU 1, KASLR."""
    mini = mini_machine(mini_elf, tasks=20, cpus=3, panic_cpu=1)
    return written(mini, mini_elf, tmp_path_factory.mktemp("panicked") / "vmcore")
