# SPDX-License-Identifier: GPL-2.0-or-later
"""Views of crashinfo: devices by their majors, device-mapper, PCI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from LinuxDump import pci
from LinuxDump.block_devices import BlockDevice, Disk, block_devices, disks
from pykdump import dlkmload, lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.symbols import addr2sym

_MAJOR_NAMES = Layout("struct blk_major_name", "next", "major", "name")
_DISK_FOPS = Layout("struct gendisk", "fops")
_CELL = Layout("struct mapped_device", "interface_ptr")
_HASH_CELL = Layout("struct hash_cell", "name", "uuid")
_HASH_SIZE = 255  # BLKDEV_MAJOR_HASH_SIZE


@dataclass(frozen=True)
class Major:
    """A major number with the disks that have it."""

    major: int
    name: str
    fops: str  #: of its first disk
    disks: tuple[Disk, ...]
    devices: tuple[BlockDevice, ...]


def majors() -> list[Major]:
    """The majors of block devices."""
    devices = block_devices()
    known = disks(devices)
    names = dict(_major_names())
    numbers = sorted({*names, *(disk.major for disk in known)})
    found = []
    for number in numbers:
        own = [disk for disk in known if disk.major == number]
        addrs = {disk.addr for disk in own}
        found.append(
            Major(
                number,
                names.get(number, "?"),
                _fops(own[0].addr) if own else "",
                tuple(own),
                tuple(each for each in devices if each.disk_addr in addrs),
            )
        )
    return found


def _major_names() -> Iterator[tuple[int, str]]:
    table = lowlevel.find_symbol("major_names")
    if table is None or not lowlevel.has_type("struct blk_major_name"):
        return
    for slot in range(_HASH_SIZE):
        addr, seen = lowlevel.read_pointer(table + 8 * slot), set()
        while addr and addr not in seen:
            seen.add(addr)
            row = _MAJOR_NAMES.read(addr)
            if row is None:
                pylog.warning(f"struct blk_major_name {addr:#x} cannot be read, others may follow")
                break
            yield row.major, row.name.decode("utf-8", "backslashreplace")
            addr = row.next


def _fops(disk: int) -> str:
    row = _DISK_FOPS.read(disk)
    return "?" if row is None else str(addr2sym(row.fops) or f"{row.fops:#x}")


def devices_view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--blkdevs`` shows."""
    found = majors()
    lines = []
    for major in found:
        first = f"<struct gendisk {major.disks[0].addr:#x}>" if major.disks else "(no disks)"
        lines.append(f"{major.major:3d}  {printable(major.name):<16} {first} fops={major.fops}")
        for device in major.devices if detail else ():
            minor = device.device & ((1 << 20) - 1)
            lines.append(
                f"     {minor:5d} {printable(device.name):<12} <block_device {device.addr:#x}> "
                f"<gendisk {device.disk_addr:#x}>"
            )
    return found, lines


# --- device-mapper


@dataclass(frozen=True)
class MappedDevice:
    """A device of device-mapper."""

    name: str  #: as dmsetup shows it
    uuid: str
    minor: int
    disk: str
    addr: int  #: struct mapped_device *


def mapped_devices() -> list[MappedDevice] | None:
    """Devices of device-mapper by minor; None without debug info of dm_mod."""
    own = [disk for disk in disks() if disk.name.startswith("dm-")]
    if not own:
        return []
    if not lowlevel.has_type("struct hash_cell"):
        dlkmload.loadModule("dm_mod")
    if not lowlevel.has_type("struct hash_cell") or not lowlevel.has_type("struct mapped_device"):
        return None
    found = []
    for disk in own:
        device = _CELL.read(disk.private_addr)
        cell = _HASH_CELL.read(device.interface_ptr) if device and device.interface_ptr else None
        found.append(
            MappedDevice(
                name=_text(cell.name) if cell else "?",
                uuid=_text(cell.uuid) if cell else "",
                minor=disk.first_minor,
                disk=disk.name,
                addr=disk.private_addr,
            )
        )
    return sorted(found, key=lambda each: each.minor)


def _text(addr: int) -> str:
    return lowlevel.read_string(addr).decode("utf-8", "backslashreplace") if addr else ""


def mapper_view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--devmapper`` shows."""
    found = mapped_devices()
    lines = [" ========== Devicemapper devices ============"]
    if found is None:
        return [], [*lines, "names are not known: there is no debug info of dm_mod"]
    for each in found:
        lines.append(f"{printable(each.name):<40}  minor={each.minor}")
        if detail:
            lines.append(f"    <struct mapped_device {each.addr:#x}> {each.disk} uuid={each.uuid}")
    return found, lines if found else [*lines, "there are none"]


# --- PCI


def pci_view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--pci`` shows."""
    devices, ranges = pci.pci_devices(), pci.resources()
    lines = [
        f"{each.bus:02x}:{each.slot:02x}.{each.function} {each.pci_class >> 8:04x}: "
        f"{each.vendor:04x}:{each.device:04x} (rev {each.revision:02x})"
        for each in devices
    ]
    lines += ["", "Resources"]
    lines += [
        f"{'  ' * each.depth}{each.start:08x}-{each.end:08x} : {printable(each.name)}"
        for each in ranges
    ]
    return {"devices": devices, "resources": ranges}, lines
