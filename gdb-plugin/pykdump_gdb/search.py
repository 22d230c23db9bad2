# SPDX-License-Identifier: GPL-2.0-or-later
"""Where scripts and the modules that they import are looked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

#: Colon-separated folders with scripts and tools of the user's own.
VARIABLE = "PYKDUMPPATH"

_TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
#: The tools of the package.
PROGS = os.path.join(_TREE, "progs")


def own_folders() -> tuple[str, ...]:
    """Folders with what belongs to this package."""
    return (_TREE + "/",)


def user_folders() -> list[str]:
    """The folders of $PYKDUMPPATH."""
    named = os.environ.get(VARIABLE, "").split(":")
    return [os.path.expanduser(path) for path in named if path]


def find(name: str, tell: Callable[[str], object] = lambda path: None) -> str | None:
    """Path of the script that a user means, symbolic links as they are; None without one.

    A name with a folder is taken as it is. Others are looked for in the current folder, in those of
    $PYKDUMPPATH, and among the tools of the package, with and without ".py".

    :param tell: called with each path that is tried.
    """
    for path in _candidates(os.path.expanduser(name)):
        tell(path)
        if os.path.isfile(path):
            return path
    return None


def _candidates(name: str) -> Iterator[str]:
    if os.path.dirname(name):
        yield name
        return
    for folder in (".", *user_folders(), PROGS):
        yield os.path.join(folder, name)
        yield os.path.join(folder, f"{name}.py")


def python_path() -> list[str]:
    """sys.path at the start of a script.

    What lies beside a dump must not replace modules of Python: the current folder is the last.
    """
    users = user_folders()
    others = [path for path in sys.path if path not in ("", ".", *users, *_OWN)]
    return [*others, *users, *_OWN, "."]


_OWN = (PROGS, os.path.join(_TREE, "gdb-plugin"), _TREE)
