# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: enums, flags, numbers that the user types, per-CPU data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LinuxDump import percpu
from pykdump import API, lowlevel
from pykdump.structs import StructResult

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = [
    "arg_value",
    "defines_to_string",
    "flags_to_string",
    "get_enum_bit_string",
    "get_enum_info",
    "get_enum_string",
    "get_enum_tag_value",
    "get_per_cpu",
    "indent_str",
    "print_enum_bit",
    "val_to_units_string",
    *API.__all__,
]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


_UNITS = ("", "K", "M", "G", "T", "P", "E")


def get_enum_info(enumname: str) -> dict[str, int]:
    """Values by name of ``enum enumname``; empty when it is unknown."""
    name = f"enum {enumname}"
    return lowlevel.enumerators(name) if lowlevel.has_type(name) else {}


def get_enum_tag_value(tag: str, enumname: str) -> int | None:
    """Value of an enumerator; None when it is unknown."""
    return get_enum_info(enumname).get(tag)


def get_enum_string(value: int, enumname: str) -> str:
    """Name of the enumerator with a value; "" without one."""
    return next((name for name, n in get_enum_info(enumname).items() if n == value), "")


def get_enum_bit_string(value: int, enumname: str) -> str:
    """Names of the enumerators that are numbers of bits set in a value, joined by ``|``."""
    return flags_to_string(value, get_enum_info(enumname))


def print_enum_bit(value: int, enumname: str) -> None:
    """Print the same."""
    print(get_enum_bit_string(value, enumname))


def flags_to_string(flags: int, names: Mapping[str, int]) -> str:
    """Names of the bits that are set, joined by ``|``, given the number of each bit."""
    return "|".join(name for name, bit in names.items() if bit >= 0 and flags >> bit & 1)


def defines_to_string(val: int, names: Mapping[str, int]) -> str:
    """Names of the values whose bits are all set, joined by ``|``."""
    return "|".join(name for name, bits in names.items() if bits and val & bits == bits)


def arg_value(text: str) -> int:
    """The number that a text stands for: C, decimal, hexadecimal, a symbol; else 0."""
    for base in (0, 8 if text.strip().startswith("0") else 10, 16):
        try:
            return int(text, base)
        except ValueError:
            pass
    return lowlevel.find_symbol(text.strip()) or 0


def val_to_units_string(val: int, base: int) -> str:
    """A number with a unit prefix: ``1.50K``.

    :param base: 1000 or 1024.
    """
    scaled, unit = float(val), 0
    while abs(scaled) >= base and unit < len(_UNITS) - 1:
        scaled, unit = scaled / base, unit + 1
    return f"{scaled:.2f}{_UNITS[unit]}" if unit else str(val)


def indent_str(level: int) -> str:
    """Blanks for a level of indentation."""
    return "  " * level


class PerCpu:
    """Per-CPU data by the offsets that ``__percpu`` pointers are."""

    def per_cpu_ptr(self, cpu: int, off: int) -> int:
        """Address of a CPU's copy."""
        return percpu.per_cpu_ptr(int(off), cpu)

    def per_cpu_struct(self, cpu: int, off: int, type: str) -> Any:
        """A CPU's copy as a struct; ``type`` is ``struct rq``, or ``rq``."""
        return StructResult(type if " " in type else f"struct {type}", self.per_cpu_ptr(cpu, off))


def get_per_cpu() -> PerCpu:
    """What finds per-CPU data."""
    return PerCpu()
