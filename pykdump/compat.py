# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences between kernels, found by asking the debug info and never the version.

``member("struct task_struct", "State", "__state", "state")`` declares the capitalised
pseudo-member ``State``: the first spelling, newest first, that this kernel has. Nothing is looked
up before it is used.
"""

from __future__ import annotations

from pykdump import lowlevel
from pykdump.errors import TypeMissingError

_spellings: dict[tuple[str, str], tuple[str, ...]] = {}


def member(struct: str, name: str, newest: str, *older: str) -> None:
    """Declare a pseudo-member with its spellings, newest first; dotted ones descend."""
    if not name.lstrip("_")[:1].isupper():
        raise ValueError(f"pseudo-member {struct}.{name} must be capitalised")
    _spellings[struct, name] = (newest, *older)


def has(path: str) -> bool:
    """Whether this kernel has ``struct x`` or ``struct x.y``, pseudo-members included."""
    struct, dot, name = path.partition(".")
    if not dot:
        return lowlevel.has_type(struct)
    return _first_spelling(struct, name) is not None


def spelling(struct: str, name: str) -> str:
    """The path in this kernel of a member or pseudo-member; raises TypeMissingError."""
    found = _first_spelling(struct, name)
    if found is None:
        tried = " nor ".join(_spellings.get((struct, name), (name,)))
        raise TypeMissingError(f"{struct} has no {tried}: this kernel is laid out otherwise")
    return found


def find_declared(struct: str, name: str) -> str | None:
    """The path in this kernel of a pseudo-member; None where none is declared, or there is none."""
    return _first_spelling(struct, name) if (struct, name) in _spellings else None


def _first_spelling(struct: str, name: str) -> str | None:
    for path in _spellings.get((struct, name), (name,)):
        if lowlevel.find_member(struct, path) is not None:
            return path
    return None
