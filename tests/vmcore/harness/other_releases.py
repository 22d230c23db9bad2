# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of other Debian releases: lists of their own, which leave the system's apt alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from .cache import cache_root
from .steps import run, step

DEBIAN_MIRROR = "http://deb.debian.org/debian"
_SUITES = ("bullseye", "trixie", "trixie-backports")
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def options(suite: str) -> tuple[str, ...]:
    """Options of apt that choose ``suite``."""
    return ("-o", f"APT::Default-Release={suite}")


def configuration(chosen: tuple[str, ...]) -> tuple[str, ...]:
    """``chosen`` and what makes apt read the lists of :func:`update`; nothing for this release."""
    if not chosen:
        return ()
    settings = [f"Dir={_directory()}", "Dir::State::status=/dev/null", "APT::Sandbox::User=root"]
    return (*chosen, *(word for setting in settings for word in ("-o", setting)))


def update() -> None:
    """Fetch the lists of packages."""
    directory = _directory()
    shutil.rmtree(directory, ignore_errors=True)
    for folder in ("etc/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (directory / folder).mkdir(parents=True)
    sources = [f"deb [signed-by={_KEYS}] {DEBIAN_MIRROR} {suite} main\n" for suite in _SUITES]
    (directory / "etc/apt/sources.list").write_text("".join(sources))
    with step(f"lists of {', '.join(_SUITES)} fetched"):
        run(["apt-get", "-qq", *configuration(options(_SUITES[0])), "update"])


def _directory() -> Path:
    return cache_root() / "apt"
