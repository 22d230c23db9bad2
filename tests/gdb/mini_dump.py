# SPDX-License-Identifier: GPL-2.0-or-later
"""A dump of the mini kernel as a file, with what is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from writer.elf import write_elf
from writer.mini import Facts, Mini


@dataclass(frozen=True)
class MiniDump:
    """A dump of the mini kernel and what is true of it."""

    vmlinux: Path
    vmcore: Path
    facts: Facts


def written(mini: Mini, vmlinux: Path, path: Path) -> MiniDump:
    """The machine as an ELF dump at this path."""
    return MiniDump(vmlinux, write_elf(mini.machine, path), mini.facts)
