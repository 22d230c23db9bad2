# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firmware says of the machine (drivers/firmware/dmi_scan.c)."""

from __future__ import annotations

from pykdump import lowlevel
from pykdump.errors import PykdumpError

_LONGEST = 256


def identification() -> dict[str, str]:
    """Strings by the names of ``enum dmi_field``, without those that the firmware leaves out."""
    table = lowlevel.symbol_address("dmi_ident")
    fields = lowlevel.enumerators("enum dmi_field")
    found = {}
    for name, number in sorted(fields.items(), key=lambda field: field[1]):
        if name in ("DMI_NONE", "DMI_STRING_MAX", "DMI_OEM_STRING"):
            continue
        try:
            pointer = lowlevel.read_pointer(table + 8 * number)
            if pointer:
                found[name] = lowlevel.read_string(pointer, _LONGEST).decode("ascii", "replace")
        except PykdumpError:
            found[name] = "(not in the dump)"
    return found
