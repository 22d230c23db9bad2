# SPDX-License-Identifier: GPL-2.0-or-later
"""crashinfo's view of block requests that are not over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import Slab, timers
from LinuxDump.block_devices import disks
from LinuxDump.block_requests import BlockRequest, block_requests
from pykdump import compat, dlkmload, lowlevel, vmcorearch
from pykdump.layout import Layout
from pykdump.printing import printable

# v4.19 079076b3416e ("block: remove deadline __deadline manipulation helpers")
compat.member("struct request", "Deadline", "deadline", "__deadline")
_DEADLINE = Layout("struct request", "Deadline", "cmd_flags")
_COMMAND = Layout("struct scsi_cmnd", "device")
_SLAB_REQUEST = Layout("struct request", "q", "cmd_flags", "rq_flags")
_STARTED = 1 << 1  # RQF_STARTED, include/linux/blkdev.h


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
