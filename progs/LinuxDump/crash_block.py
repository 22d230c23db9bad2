# SPDX-License-Identifier: GPL-2.0-or-later
"""Views of crashinfo: block requests, devices by their majors, device-mapper, PCI."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import Slab, pci, timers
from LinuxDump.block_devices import BlockDevice, Disk, block_devices, disks
from LinuxDump.block_requests import BlockRequest, block_requests
from pykdump import compat, dlkmload, lowlevel, vmcorearch
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.symbols import addr2sym

_MAJOR_NAMES = Layout("struct blk_major_name", "next", "major", "name")
_DISK_FOPS = Layout("struct gendisk", "fops")
_CELL = Layout("struct mapped_device", "interface_ptr")
_HASH_CELL = Layout("struct hash_cell", "name", "uuid")
# v4.19 079076b3416e ("block: remove deadline __deadline manipulation helpers")
compat.member("struct request", "Deadline", "deadline", "__deadline")
_DEADLINE = Layout("struct request", "Deadline", "cmd_flags")
_COMMAND = Layout("struct scsi_cmnd", "device")
_SLAB_REQUEST = Layout("struct request", "q", "cmd_flags", "rq_flags")
_STARTED = 1 << 1  # RQF_STARTED, include/linux/blkdev.h
_HASH_SIZE = 255  # BLKDEV_MAJOR_HASH_SIZE


@dataclass(frozen=True)
class RequestDetail:
    """What only the view of requests tells of one."""

    addr: int  #: struct request *
    flags: int  #: request.cmd_flags
    timeout_in_s: float | None  #: below 0: it ran out; None where it has none
    command_addr: int  #: struct scsi_cmnd *, 0 where the disk is no SCSI disk
    device_addr: int  #: struct scsi_device *


@dataclass(frozen=True)
class SlabRequests:
    """Requests that kernels before 5.0 have in a slab cache of their own."""

    count: int
    started: int
    writes: int


@dataclass(frozen=True)
class Requests:
    """What ``--blkreq`` shows."""

    disks: tuple[DiskRequests, ...]
    details: tuple[RequestDetail, ...]
    from_slab: SlabRequests | None  #: None: this kernel has requests in the memory of its tags only


@dataclass(frozen=True)
class DiskRequests:
    """Requests of a disk."""

    disk: str
    major: int
    disk_addr: int  #: struct gendisk *
    queue_addr: int  #: struct request_queue *
    requests: tuple[BlockRequest, ...]

    @property
    def in_flight(self) -> int:
        return sum(1 for request in self.requests if request.state == "in flight")


def disk_requests() -> list[DiskRequests]:
    """The disks that have requests which are not over."""
    known = {disk.addr: disk for disk in disks()}
    by_disk: dict[int, list[BlockRequest]] = defaultdict(list)
    for request in block_requests(list(known.values())):
        by_disk[request.disk_addr].append(request)
    return [
        DiskRequests(disk.name, disk.major, addr, disk.queue_addr, tuple(by_disk[addr]))
        for addr, disk in known.items()
        if by_disk.get(addr)
    ]


def requests_view(_: object, detail: int) -> tuple[Any, list[str]]:
    """What ``--blkreq`` shows."""
    own = disk_requests()
    details = tuple(_details(own))
    found = Requests(tuple(own), details, _slab_requests())
    return found, list(request_lines(own, detail, details, found.from_slab))


def _details(found: Sequence[DiskRequests]) -> Iterator[RequestDetail]:
    now, hz = timers.jiffies(), int(vmcorearch.sys_info["HZ"])
    for disk in found:
        is_scsi = disk.disk.startswith(("sd", "sr")) and _has_scsi()
        for request in disk.requests:
            row = _DEADLINE.read(request.addr)
            # blk_mq_rq_to_pdu(): the driver's part is behind the request.
            command = request.addr + lowlevel.sizeof("struct request") if is_scsi else 0
            device = _COMMAND.read(command) if command else None
            left = None
            if row is not None and row.Deadline:
                left = ((row.Deadline - now + (1 << 63)) % (1 << 64) - (1 << 63)) / hz
            yield RequestDetail(
                request.addr,
                row.cmd_flags if row else 0,
                left,
                command,
                device.device if device is not None else 0,
            )


def _has_scsi() -> bool:
    if not compat.has("struct scsi_cmnd.device"):
        dlkmload.loadModule("scsi_mod")
    return compat.has("struct scsi_cmnd.device")


def _slab_requests() -> SlabRequests | None:
    # v5.0 a1ce35fa4985 ("block: remove dead elevator code") and others: all requests have tags.
    pointer = lowlevel.find_symbol("request_cachep")
    if pointer is None:
        return None
    cache = lowlevel.read_pointer(pointer)
    known = next((each for each in Slab.caches() if each.addr == cache), None)
    addrs = list(Slab.objects_of(known).allocated) if known is not None else []
    queues = {disk.queue_addr for disk in disks()}
    rows = [row for row in _SLAB_REQUEST.read_many(addrs) if row is not None and row.q in queues]
    started = sum(1 for row in rows if row.rq_flags & _STARTED)
    return SlabRequests(len(rows), started, sum(1 for row in rows if row.cmd_flags & 1))


def request_lines(
    found: Sequence[DiskRequests],
    detail: int,
    details: Sequence[RequestDetail] = (),
    from_slab: SlabRequests | None = None,
) -> Iterator[str]:
    """Requests as text: totals; with detail each disk and request."""
    more = {each.addr: each for each in details}
    everything = [request for disk in found for request in disk.requests]
    in_flight = sum(disk.in_flight for disk in found)
    yield f"-- Request Queues Analysis:     Count={len(everything)}, in_flight={in_flight}"
    done = sum(1 for request in everything if request.state == "complete")
    yield f"-- Requests on blk_cpu_done:    Count={done}"
    if from_slab is not None:
        yield (
            f"-- Requests from SLAB Analysis: Count={from_slab.count}, "
            f"STARTED={from_slab.started} WRITE={from_slab.writes}"
        )
    ages = [request.in_flight_ns for request in everything if request.in_flight_ns is not None]
    if ages:
        newest, oldest = min(ages) / 1e9, max(ages) / 1e9
        yield f"-- Since started: newest {newest:.2f}s,  oldest {oldest:.2f}s"
    if not detail:
        return
    for disk in found:
        yield f"{printable(disk.disk):<12} count={len(disk.requests)}  in_flight={disk.in_flight}"
        if detail > 1:
            yield f"    <struct gendisk {disk.disk_addr:#x}> <request_queue {disk.queue_addr:#x}>"
        for request in disk.requests:
            yield f"  <struct request {request.addr:#x}> {request.operation} {request.state}"
            yield f"    disk_name={printable(disk.disk)} major={disk.major}"
            place = f"sector {request.sector}, {request.size_bytes} bytes, tag {request.tag}"
            yield f"    {place}{_ages(request)}"
            yield from _detail_lines(more.get(request.addr), detail)
    counts = Counter(f"{request.operation} {request.state}" for request in everything)
    yield from (f"  {number:6d}  {kind}" for kind, number in counts.most_common())


def _detail_lines(found: RequestDetail | None, detail: int) -> Iterator[str]:
    if found is None:
        return
    if found.timeout_in_s is not None:
        ago = found.timeout_in_s < 0
        left = abs(found.timeout_in_s)
        yield f"    timed out {left:.2f} s ago" if ago else f"    times out in {left:.2f} s"
    if found.device_addr:
        yield (
            f"    <struct scsi_device {found.device_addr:#x}> "
            f"<struct scsi_cmnd {found.command_addr:#x}>"
        )
    if detail > 1:
        yield f"    cmd_flags={found.flags:#x}"


def _ages(request: BlockRequest) -> str:
    made = "" if request.age_ns is None else f", made {request.age_ns / 1e9:.2f} s ago"
    started = request.in_flight_ns
    return made + ("" if started is None else f", started {started / 1e9:.2f} s ago")


# --- devices by major


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
