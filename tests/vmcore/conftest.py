# SPDX-License-Identifier: GPL-2.0-or-later
"""Real dumps as fixtures: one a scenario, and every form of each."""

from __future__ import annotations

import gdb_run
import pytest

import harness


@pytest.fixture(scope="session")
def plugin() -> None:
    """Skips where GDB or the extension is missing."""
    reason = gdb_run.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session", params=harness.scenarios())
def vmcore(request: pytest.FixtureRequest, plugin: None) -> harness.Vmcore:
    """The dumps of a guest, made when they are not in the cache."""
    _skip_without_packages()
    try:
        return harness.get(request.param)
    except harness.NotToBeHadError as error:
        pytest.skip(f"not applicable: {error}")


@pytest.fixture(scope="session", params=harness.hangs())
def hang_dump(request: pytest.FixtureRequest, plugin: None) -> harness.Vmcore:
    """The dump of a guest whose tasks wait for each other.  Facts: docs/internals/real-dumps.md."""
    _skip_without_packages()
    return harness.get(request.param)


@pytest.fixture(scope="session")
def panics(plugin: None) -> dict[str, harness.Vmcore]:
    """All small dumps of panics: they are made two at a time, and fail but once."""
    _skip_without_packages()
    return harness.get_panics(harness.panics())


@pytest.fixture(scope="session", params=harness.panics())
def panic_dump(request: pytest.FixtureRequest, panics: dict[str, harness.Vmcore]) -> harness.Vmcore:
    """The small dump of a panic: a guest that did nothing else.  Facts: harness/panics.py."""
    return panics[request.param]


def _skip_without_packages() -> None:
    missing = harness.missing_packages()
    if missing:
        pytest.skip(f"{' '.join(missing)} missing; packaging/install-deps vmcore installs them")
