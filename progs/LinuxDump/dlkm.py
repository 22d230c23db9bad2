# SPDX-License-Identifier: GPL-2.0-or-later
"""Loaded modules for scripts."""

from __future__ import annotations

from LinuxDump import modules
from pykdump.highlevel import readSU
from pykdump.star import with_api
from pykdump.structs import StructResult


def lsmod() -> dict[str, StructResult]:
    """``struct module`` of the loaded modules by name."""
    return {module.name: readSU("struct module", module.addr) for module in modules.modules()}


__getattr__ = with_api(globals())
