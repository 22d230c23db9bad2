# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps of the harness: commands with a time limit, and one line of progress for each piece."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# Administration tools (debootstrap, mke2fs, depmod) live in sbin, which a user's PATH may miss.
_TOOL_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

# What a command of ours comes from, where the Debian package has another name.
_PACKAGE_OF = {
    "apt-cache": "apt",
    "apt-get": "apt",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "dpkg": "dpkg",
    "gcc-12": "gcc-12",
    "mke2fs": "e2fsprogs",
    "modprobe": "kmod",
    "qemu-system-x86_64": "qemu-system-x86",
    "strip": "binutils",
}
NEEDED_TOOLS = (*_PACKAGE_OF, "debootstrap", "make", "makedumpfile", "tar")


class HarnessError(Exception):
    """A dump could not be made; the text says which step failed and what it said."""


class NotToBeHadError(HarnessError):
    """The mirror has no such kernel (any more): a lack of another Debian release, not of ours."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print ``text`` with the seconds that the body took."""
    started = time.monotonic()
    yield
    print(f"  {time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], *, timeout_s: int = 120, cwd: Path | None = None) -> str:
    """Run ``command`` and return its standard output; a failure carries the tail of its output."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            timeout=timeout_s,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PATH": _TOOL_PATH, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(
            f"{words[0]} did not end within {timeout_s} s: {' '.join(words)}"
        ) from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise HarnessError(f"{' '.join(words)} failed with status {done.returncode}:\n{tail}")
    return done.stdout


def missing_packages() -> list[str]:
    """Debian packages whose commands the harness would miss here."""
    missing = {
        _PACKAGE_OF.get(tool, tool)
        for tool in NEEDED_TOOLS
        if shutil.which(tool, path=_TOOL_PATH) is None
    }
    return sorted(missing)


def require_tools() -> None:
    """Say precisely what to install, before minutes are spent on a build that cannot end."""
    missing = missing_packages()
    if missing:
        raise HarnessError(
            "cannot make dumps: Debian packages are missing; "
            f"apt-get install {' '.join(missing)} (all: packaging/packages-vmcore.txt)"
        )
    if os.geteuid() != 0:
        raise HarnessError(
            "cannot make dumps: debootstrap needs root; run tests/vmcore/make as root"
        )
