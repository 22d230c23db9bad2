# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks of packaging/lint.py, as tests: what fails names file and line."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("PYKDUMP_BUILD") or ROOT / "build")

_spec = importlib.util.spec_from_file_location("lint", ROOT / "packaging" / "lint.py")
assert _spec and _spec.loader
lint = importlib.util.module_from_spec(_spec)
sys.modules["lint"] = lint
_spec.loader.exec_module(lint)


@pytest.mark.parametrize("check", lint.CHECKS, ids=lambda check: check.name)
def test_source_tree_passes(check: lint.Check) -> None:
    if check.command and not shutil.which(check.command):
        pytest.skip(f"{check.command} is missing; packaging/install-deps test installs it")
    findings = list(check.run(BUILD))
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)
