# SPDX-License-Identifier: GPL-2.0-or-later
"""The mini kernel as fixtures, built once per session; a conftest.py imports what it needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from build_mini_kernel import build_mini_kernel


@pytest.fixture(scope="session")
def mini_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mini kernel."""
    return _build(tmp_path_factory, "mini")


@pytest.fixture(scope="session")
def mini_elf_variant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mini kernel with task_struct as before v5.14 and per-CPU data in the image."""
    return _build(tmp_path_factory, "variant", "-DOLD_TASK", "-DPERCPU_IN_IMAGE")


def _build(tmp_path_factory: pytest.TempPathFactory, name: str, *defines: str) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("gcc is missing; packaging/install-deps test installs it")
    return build_mini_kernel(tmp_path_factory.mktemp("kernel") / name, defines)
