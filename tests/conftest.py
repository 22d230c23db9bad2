# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests share: the built extension, markers by folder, and PYKDUMP_REQUIRE."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("PYKDUMP_BUILD") or ROOT / "build")

#: Folder or file in tests/ -> the marker that all its tests get.
MARKERS = {"gdb": "gdb", "vmcore": "vmcore", "test_codebase.py": "lint"}

#: A skip with this prefix is right where it is (another GDB, another kernel), not a lack.
NOT_APPLICABLE = "not applicable:"


def pytest_configure() -> None:
    # In a checkout the extension is in the build folder, not beside the package's modules.
    import pykdump

    if BUILD.joinpath("accel").is_dir():
        pykdump.__path__.append(str(BUILD / "accel"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = _marker_of(item.path)
        if marker:
            item.add_marker(marker)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    _fail_if_required((yield).get_result(), item.path)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    _fail_if_required((yield).get_result(), getattr(collector, "path", ROOT))


def _marker_of(path: Path) -> str | None:
    parts = path.relative_to(ROOT / "tests").parts if path.is_relative_to(ROOT / "tests") else ()
    return MARKERS.get(parts[0]) if parts else None


def _fail_if_required(report: pytest.TestReport | pytest.CollectReport, path: Path) -> None:
    """Turn a skip into a failure where PYKDUMP_REQUIRE names the marker of its folder."""
    required = os.environ.get("PYKDUMP_REQUIRE", "").split(",")
    if not report.skipped or hasattr(report, "wasxfail") or _marker_of(path) not in required:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(NOT_APPLICABLE):
        report.outcome = "failed"
        report.longrepr = f"skipped, but PYKDUMP_REQUIRE asks for it: {reason}"
