# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines to be dumped."""

from __future__ import annotations

import pytest
from kdumpfile import load_library
from mini_fixtures import mini_elf, mini_elf_variant  # noqa: F401
from writer.machine import PAGE, Machine
from writer.sample import EXCLUDED_PFNS, full_machine


@pytest.fixture
def machine() -> Machine:
    """A machine with some pages excluded."""
    filtered = full_machine()
    filtered.exclude(*(pfn * PAGE for pfn in EXCLUDED_PFNS))
    return filtered


@pytest.fixture(scope="session")
def libkdumpfile() -> None:
    """Skips where libkdumpfile, the independent reader, is missing."""
    if load_library() is None:
        pytest.skip("libkdumpfile.so is missing; install libkdumpfile10")
