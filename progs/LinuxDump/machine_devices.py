# SPDX-License-Identifier: GPL-2.0-or-later
"""Character devices, drivers of block devices, PCI devices, and ranges of resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

compat.member("struct pci_dev", "Class", "class")  # no name for Python

_CHAR = Layout("struct char_device_struct", "next", "major", "baseminor", "name", "cdev")
_CDEV = Layout("struct cdev", "ops")
_MAJOR = Layout("struct blk_major_name", "next", "major", "name")
_RESOURCE = Layout("struct resource", "start", "end", CString("name"), "flags", "sibling", "child")
_DEVICE = Layout("struct pci_dev", "devfn", "vendor", "device", "Class", "hdr_type")
_BUCKETS = 255
_MOST = 1 << 16


@dataclass(frozen=True)
class CharDevice:
    """A registered range of character devices."""

    major: int
    minor: int  #: the first
    name: str
    cdev_addr: int  #: struct cdev *, 0 for none
    ops_addr: int  #: struct file_operations *


@dataclass(frozen=True)
class BlockMajor:
    """A registered driver of block devices."""

    major: int
    name: str


@dataclass(frozen=True)
class Resource:
    """A range of ports or memory."""

    addr: int  #: struct resource *
    depth: int
    start: int
    end: int  #: the last
    name: str


@dataclass(frozen=True)
class PciDevice:
    """A PCI device."""

    addr: int  #: struct pci_dev *
    bus_addr: int  #: struct pci_bus *
    domain: int
    bus: int
    slot: int
    function: int
    device_class: int
    vendor: int
    device: int
    type: str  #: ENDPOINT, BRIDGE ...


def char_devices() -> list[CharDevice]:
    """Registered character devices by number."""
    found = []
    places = list(_probes())
    for row in _chains(lowlevel.symbol_address("chrdevs"), _CHAR):
        first = row.major << 20 | row.baseminor
        addr = row.cdev or next((cdev for start, cdev in places if start == first), 0)
        cdev = _CDEV.read(addr) if addr else None
        name = row.name.decode("utf-8", "backslashreplace")
        ops = 0 if cdev is None else cdev.ops
        found.append(CharDevice(row.major, row.baseminor, name, addr, ops))
    return sorted(found, key=lambda device: (device.major, device.minor))


def _probes() -> Iterator[tuple[int, int]]:
    # First number and struct cdev * of what cdev_add() put in the map (drivers/base/map.c). What
    # has no cdev there is a request to load a module.
    where = lowlevel.find_symbol("cdev_map")
    base = lowlevel.find_symbol("base_probe")
    if where is None or not compat.has("struct probe.data"):
        return
    probe = Layout("struct probe", "next", "dev", "get", "data")
    exact = lowlevel.find_symbol("exact_match")
    for row in _chains(lowlevel.read_pointer(where), probe):
        if row.data and row.get != base and exact in (None, row.get):
            yield row.dev, row.data


def block_majors() -> list[BlockMajor]:
    """Drivers of block devices by number."""
    rows = _chains(lowlevel.symbol_address("major_names"), _MAJOR)
    return sorted(
        (BlockMajor(row.major, row.name.decode("utf-8", "backslashreplace")) for row in rows),
        key=lambda driver: driver.major,
    )


def _chains(table: int, layout: Layout) -> Iterator[Any]:
    for number in range(_BUCKETS):
        addr = lowlevel.read_pointer(table + 8 * number)
        seen: set[int] = set()
        while addr and addr not in seen and len(seen) < _MOST:
            seen.add(addr)
            row = layout.read(addr)
            if row is None:
                pylog.warning(f"{layout.struct} {addr:#x} cannot be read")
                break
            yield row
            addr = row.next


def resources(root: str) -> list[Resource]:
    """Ranges by address.

    :param root: symbol: ``ioport_resource`` or ``iomem_resource``.
    """
    found: list[Resource] = []
    left = [(lowlevel.symbol_address(root), 0)]
    seen: set[int] = set()
    while left and len(seen) < _MOST:
        addr, depth = left.pop()
        if addr in seen:
            pylog.warning(f"resource {addr:#x} is met twice: the tree is damaged")
            continue
        seen.add(addr)
        row = _RESOURCE.read(addr)
        if row is None:
            pylog.warning(f"resource {addr:#x} cannot be read")
            continue
        name = (row.name or b"").decode("utf-8", "backslashreplace")
        found.append(Resource(addr, depth, row.start, row.end, name))
        if row.sibling:
            left.append((row.sibling, depth))
        if row.child:
            left.append((row.child, depth + 1))
    return found


def pci_devices() -> list[PciDevice]:
    """PCI devices, bus by bus."""
    roots = lowlevel.find_symbol("pci_root_buses")
    if roots is None:
        return []
    found: list[PciDevice] = []
    left = _listed(roots, "struct pci_bus", "node")
    seen: set[int] = set()
    while left:
        bus = left.pop(0)
        if bus in seen or len(seen) > _MOST:
            continue
        seen.add(bus)
        found += _on_bus(bus)
        at = lowlevel.member("struct pci_bus", "children").offset
        left += _listed(bus + at, "struct pci_bus", "node")
    return found


def _listed(head: int, struct: str, node: str) -> list[int]:
    walk = walk_list(head)
    if walk.end != "complete":
        pylog.warning(f"the list of {struct} at {head:#x} is broken at {walk.stopped_at:#x}")
    at = lowlevel.member(struct, node).offset
    return [entry - at for entry in walk.nodes]


def _on_bus(bus: int) -> Iterator[PciDevice]:
    at = lowlevel.member("struct pci_bus", "devices").offset
    number = lowlevel.read_uint(bus + lowlevel.member("struct pci_bus", "number").offset, 1)
    domain = _domain(bus)
    addrs = _listed(bus + at, "struct pci_dev", "bus_list")
    for addr, row in zip(addrs, _DEVICE.read_many(addrs)):
        if row is None:
            pylog.warning(f"pci_dev {addr:#x} cannot be read")
            continue
        devfn, vendor, device, device_class, header = row
        kind = {0: "ENDPOINT", 1: "BRIDGE", 2: "CARDBUS"}.get(header & 0x7F, "?")
        yield PciDevice(
            *(addr, bus, domain, number, devfn >> 3, devfn & 7),
            *(device_class >> 8, vendor, device, kind),
        )


def _domain(bus: int) -> int:
    # x86: struct pci_sysdata.domain
    if not compat.has("struct pci_sysdata.domain"):
        return 0
    try:
        data = lowlevel.read_pointer(bus + lowlevel.member("struct pci_bus", "sysdata").offset)
        return lowlevel.read_int(data + lowlevel.member("struct pci_sysdata", "domain").offset, 4)
    except PykdumpError:
        return 0
