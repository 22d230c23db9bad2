# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters of memory management by name: of the machine, its zones, and events (mm/vmstat.c)."""

from __future__ import annotations

from LinuxDump import percpu
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError


def zone_counters() -> dict[str, int]:
    """``enum zone_stat_item`` of the whole machine."""
    return _array("vm_zone_stat", "enum zone_stat_item")


def node_counters() -> dict[str, int]:
    """``enum node_stat_item`` of the whole machine."""
    return _array("vm_node_stat", "enum node_stat_item")


def numa_counters() -> dict[str, int]:
    """``enum numa_stat_item`` of the whole machine; none from 5.14 on, where nodes have them."""
    if lowlevel.find_symbol("vm_numa_stat") is None or not lowlevel.has_type("enum numa_stat_item"):
        return {}
    return _array("vm_numa_stat", "enum numa_stat_item")


def counters_of_zone(zone: int) -> dict[str, int]:
    """``enum zone_stat_item`` of a ``struct zone``."""
    at = zone + lowlevel.member("struct zone", "vm_stat").offset
    return _read(at, "enum zone_stat_item")


def event_counters() -> dict[str, int]:
    """``enum vm_event_item``, the sums of all CPUs; none where the kernel does not count."""
    if not compat.has("struct vm_event_state"):
        return {}
    names = _names("enum vm_event_item")
    places = [percpu.per_cpu("vm_event_states", cpu) for cpu in percpu_cpus()]
    totals = dict.fromkeys(names, 0)
    for place in places:
        for name, value in _read(place, "enum vm_event_item").items():
            totals[name] += value
    return totals


def percpu_cpus() -> list[int]:
    """CPUs that have per-CPU variables."""
    return list(range(len(percpu.per_cpu_offsets())))


def _array(symbol: str, enum: str) -> dict[str, int]:
    return _read(lowlevel.symbol_address(symbol), enum)


def _names(enum: str) -> dict[str, int]:
    found: dict[int, str] = {}
    ends = ("_BASE", "NR_LRU_LISTS")
    for name, number in lowlevel.enumerators(enum).items():
        # Other names of a number are places between the counters: NR_LRU_BASE.
        if not name.startswith("NR_VM_") and not name.endswith(ends):
            found.setdefault(number, name)
    return {name: number for number, name in sorted(found.items())}


def _read(addr: int, enum: str) -> dict[str, int]:
    names = _names(enum)
    if not names:
        raise PykdumpError(f"{enum} has no names here")
    raw = memoryview(lowlevel.dump().read(addr, 8 * (max(names.values()) + 1))).cast("q")
    return {name: raw[number] for name, number in names.items()}
