# SPDX-License-Identifier: GPL-2.0-or-later
"""Real vmcores for the tests: ``get(name)`` makes a scenario's dumps or finds them in the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .build import form_paths, make_scenario
from .cache import cache_root
from .large import LARGE, LARGE_FORMS, make_large
from .panics import PANICS, make_panics
from .scenario import HANGS, SCENARIOS
from .steps import HarnessError, NotToBeHadError, missing_packages

__all__ = [
    "HarnessError",
    "NotToBeHadError",
    "Vmcore",
    "get",
    "get_large",
    "get_panic",
    "get_panics",
    "hangs",
    "large",
    "missing_packages",
    "panics",
    "scenarios",
]


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
        """What the guest wrote down: see docs/internals/real-dumps.md."""
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
    scenario = (SCENARIOS | HANGS)[name]
    return _vmcore(name, scenario.kernel, make_scenario(name), scenario.forms)


def hangs() -> list[str]:
    """Names of the guests that only hang, which :func:`get` knows too."""
    return list(HANGS)


def large() -> list[str]:
    """Names of the guests for benchmarks, which :func:`get_large` knows."""
    return list(LARGE)


def get_large(name: str) -> Vmcore:
    """The dump of a large guest; its facts are those of harness/large.py."""
    return _vmcore(name, LARGE[name].kernel, make_large(name), LARGE_FORMS)


def panics() -> list[str]:
    """Names that :func:`get_panic` knows: see harness/panics.py."""
    return list(PANICS)


def get_panic(name: str) -> Vmcore:
    """The small dump of the panic ``name``; its facts are those of harness/panics.py."""
    return get_panics([name])[name]


def get_panics(names: Sequence[str]) -> dict[str, Vmcore]:
    """Several of them: what the cache lacks is made, two guests at a time."""
    return {
        name: _vmcore(name, PANICS[name].kernel, directory, (PANICS[name].form,))
        for name, directory in make_panics(names).items()
    }


def _vmcore(name: str, kernel_name: str, directory: Path, forms: Sequence[str]) -> Vmcore:
    kernel = cache_root() / "packages" / kernel_name
    return Vmcore(
        name=name,
        release=(directory / "release").read_text().strip(),
        directory=directory,
        vmlinux=kernel / "vmlinux",
        modules=kernel / "modules",
        forms={form: form_paths(directory, form) for form in forms},
    )
