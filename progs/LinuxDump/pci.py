# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI devices and the ranges of addresses that devices have (include/linux/pci.h, ioport.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

__all__ = ["print_PCI_devices", "print_PCI_resources"]

# A field of a row cannot be named as a keyword of Python.
compat.member("struct pci_dev", "PciClass", "class")

_BUS = Layout("struct pci_bus", "number")
_DEVICE = Layout("struct pci_dev", "devfn", "vendor", "device", "PciClass", "revision", "bus")
_RESOURCE = Layout("struct resource", "start", "end", "name", "child", "sibling", "flags")
_MAX_RESOURCES = 100_000
_DEEPEST = 32
_MAX_BUSES = 4096


@dataclass(frozen=True)
class PciDevice:
    """A PCI device."""

    addr: int  #: struct pci_dev *
    bus: int
    slot: int
    function: int
    pci_class: int  #: 24 bits
    vendor: int
    device: int
    revision: int


@dataclass(frozen=True)
class Resource:
    """A range of addresses, of memory or ports."""

    addr: int  #: struct resource *
    start: int
    end: int
    name: str
    depth: int


def pci_devices() -> list[PciDevice]:
    """The devices of all buses, by place; none on a machine without PCI."""
    head = lowlevel.find_symbol("pci_root_buses")
    if head is None or not lowlevel.has_type("struct pci_bus"):
        return []
    found = [device for bus in _buses(head, _MAX_BUSES) for device in _devices(bus)]
    return sorted(found, key=lambda device: (device.bus, device.slot, device.function))


def _buses(head: int, limit: int) -> Iterator[int]:
    node_at = lowlevel.member("struct pci_bus", "node").offset
    children_at = lowlevel.member("struct pci_bus", "children").offset
    todo, seen = [head], {head}
    while todo and len(seen) < limit:
        walk = walk_list(todo.pop(), limit=limit)
        if walk.end != "complete":
            pylog.warning(f"a list of PCI buses is broken at {walk.stopped_at:#x} ({walk.end})")
        for node in walk.nodes:
            bus = node - node_at
            if bus not in seen:
                seen.add(bus)
                todo.append(bus + children_at)
                yield bus


def _devices(bus: int) -> Iterator[PciDevice]:
    row = _BUS.read(bus)
    head = bus + lowlevel.member("struct pci_bus", "devices").offset
    node_at = lowlevel.member("struct pci_dev", "bus_list").offset
    addrs = [node - node_at for node in walk_list(head, limit=_MAX_BUSES).nodes]
    for addr, each in zip(addrs, _DEVICE.read_many(addrs)):
        if each is not None and row is not None:
            yield PciDevice(
                addr=addr,
                bus=row.number,
                slot=each.devfn >> 3 & 0x1F,
                function=each.devfn & 7,
                pci_class=each.PciClass,
                vendor=each.vendor,
                device=each.device,
                revision=each.revision,
            )


def resources(symbol: str = "iomem_resource") -> list[Resource]:
    """A tree of ranges, each before those within it.

    :param symbol: ``iomem_resource`` or ``ioport_resource``.
    """
    root = lowlevel.find_symbol(symbol)
    row = _RESOURCE.read(root) if root else None
    if row is None:
        return []
    found: list[Resource] = []
    todo, seen = [(row.child, 0)], set()
    while todo and len(found) < _MAX_RESOURCES:
        addr, depth = todo.pop()
        if not addr or addr in seen or depth > _DEEPEST:
            continue
        seen.add(addr)
        each = _RESOURCE.read(addr)
        if each is None:
            pylog.warning(f"struct resource {addr:#x} cannot be read, what follows it is missing")
            continue
        found.append(Resource(addr, each.start, each.end, _name(each.name), depth))
        todo += [(each.sibling, depth), (each.child, depth + 1)]
    return found


def _name(addr: int) -> str:
    try:
        return lowlevel.read_string(addr).decode("utf-8", "backslashreplace") if addr else ""
    except PykdumpError:
        return "?"


# --- classic names


def print_PCI_devices(v: int = 0) -> None:
    """Print the PCI devices, one a line; with v, the ``struct pci_dev`` of each first."""
    for found in pci_devices():
        place = f"{found.bus:02x}:{found.slot:02x}.{found.function}"
        addr = f"{found.addr:x} " if v else ""
        print(
            f"{addr}{place} class {found.pci_class >> 8:04x}: "
            f"{found.vendor:04x}:{found.device:04x} (rev {found.revision:02x})"
        )


def print_PCI_resources(v: int = 0) -> None:
    """Print the ranges of ports and of memory; with v, the ``struct resource`` of each first."""
    for title, symbol, width in (
        ("I/O ports", "ioport_resource", 4),
        ("I/O memory", "iomem_resource", 8),
    ):
        print(f"-- {title} --")
        for found in resources(symbol):
            addr = f"{found.addr:x} " if v else ""
            place = f"{found.start:0{width}x}-{found.end:0{width}x}"
            print(f"{addr}{'  ' * found.depth}{place} : {found.name}")
