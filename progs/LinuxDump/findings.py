# SPDX-License-Identifier: GPL-2.0-or-later
"""What checks of a dump find, see LinuxDump.checks."""

from __future__ import annotations

from dataclasses import dataclass

#: Weights: how likely it is what the reader looks for.
ERROR, WARNING, NOTE = 80, 50, 20

OLD_S = 30  #: what waits for longer is told
SHOWN = 6  #: details of a finding


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be."""

    weight: int  #: 80 and more: an error; 50: a warning; 20: worth knowing
    title: str
    details: tuple[str, ...] = ()
    command: str = ""  #: shows more

    @property
    def severity(self) -> str:
        """ "error", "warning" or "note"."""
        return "error" if self.weight >= 65 else "warning" if self.weight >= 35 else "note"
