# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that stand for the beginnings of command lines."""

from __future__ import annotations

_BUILT_IN = {
    "man": "help",
    "?": "help",
    "quit": "q",
    "sf": "set scroll off",
    "sn": "set scroll on",
    "hex": "set radix 16",
    "dec": "set radix 10",
    "g": "gdb",
    "px": "p -x",
    "pd": "p -d",
    "for": "foreach",
    "size": "*",
    "dmesg": "log",
    "lsmod": "mod",
    "last": "ps -l",
}

_users: dict[str, str] = {}


def known() -> dict[str, tuple[str, str]]:
    """By name: "builtin" or "cmdline", and what it stands for."""
    found = {name: ("builtin", value) for name, value in _BUILT_IN.items()}
    return {**found, **{name: ("cmdline", value) for name, value in _users.items()}}


def add(name: str, value: str) -> None:
    """Let a name stand for this; for nothing again when it is empty."""
    if value:
        _users[name] = value
    else:
        _users.pop(name, None)


def expand(line: str) -> str:
    """A command line with the alias at its beginning replaced, once."""
    name, _, rest = line.partition(" ")
    value = known().get(name)
    return line if value is None else f"{value[1]} {rest}".rstrip()
