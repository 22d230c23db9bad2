# SPDX-License-Identifier: GPL-2.0-or-later
"""Real vmcores for the tests: ``get(name)`` makes a scenario's dumps or finds them in the cache."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .build import form_paths, make_scenario
from .cache import cache_root
from .scenario import SCENARIOS
from .steps import HarnessError, missing_packages

__all__ = ["HarnessError", "Vmcore", "get", "missing_packages", "scenarios"]


@dataclass(frozen=True)
class Vmcore:
    """The dumps of one guest, and what the guest knew about itself just before."""

    name: str
    release: str  #: uname -r
    directory: Path
    vmlinux: Path
    modules: Path  #: tree of the modules (lib/modules) and their debug info (usr/lib/debug)
    forms: dict[str, list[Path]]  #: files of the same instant by format, one unless split

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the guest wrote down: see tests/vmcore/guest/facts.py."""
        facts: dict[str, Any] = json.loads((self.directory / "facts.json").read_text())
        return facts

    @cached_property
    def console(self) -> str:
        """The serial console's text."""
        return (self.directory / "console.log").read_bytes().decode("utf-8", "replace")


def scenarios() -> list[str]:
    """Names that :func:`get` knows."""
    return list(SCENARIOS)


def get(name: str) -> Vmcore:
    """The dumps of scenario ``name``; raises :class:`HarnessError` when they cannot be made."""
    directory = make_scenario(name)
    scenario = SCENARIOS[name]
    kernel = cache_root() / "packages" / scenario.kernel
    return Vmcore(
        name=name,
        release=(directory / "release").read_text().strip(),
        directory=directory,
        vmlinux=kernel / "vmlinux",
        modules=kernel / "modules",
        forms={form: form_paths(directory, form) for form in scenario.forms},
    )
