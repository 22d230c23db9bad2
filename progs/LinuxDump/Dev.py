# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: block devices, disks and their requests, as structs and printed.

Records are in LinuxDump.block_devices and LinuxDump.block_requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LinuxDump import block_devices, block_requests, crash_block, crash_requests
from LinuxDump.block_devices import decode_devt
from pykdump import API, lowlevel
from pykdump.printing import printable
from pykdump.structs import StructResult

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = [
    "BDEV_I",
    "I_BDEV",
    "check_request_queue",
    "decode_devt",
    "decode_request",
    "get_blkdevs",
    "get_blkreq_fromslab",
    "get_gendisks",
    "get_request_queues",
    "get_requestqueue",
    "print_blk_cpu_done",
    "print_blkdevs",
    "print_dm_devices",
    "print_gendisk",
    "print_request_queues",
    "print_request_slab",
    *API.__all__,
]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


def BDEV_I(inode: int) -> StructResult:
    """``struct bdev_inode`` around a ``struct inode`` of a block device."""
    at = lowlevel.member("struct bdev_inode", "vfs_inode").offset
    return StructResult("struct bdev_inode", int(inode) - at)


def I_BDEV(inode: int) -> StructResult:
    """``struct block_device`` beside a ``struct inode`` of a block device."""
    at = lowlevel.member("struct bdev_inode", "bdev").offset
    return StructResult("struct block_device", int(BDEV_I(inode)) + at)


# --- devices and disks


def get_blkdevs() -> list[StructResult]:
    """``struct block_device`` of each block device, by number."""
    found = block_devices.block_devices()
    return [StructResult("struct block_device", device.addr) for device in found]


def print_blkdevs(v: int = 0) -> None:
    """Print major numbers with their drivers; with v their devices, too."""
    _print(crash_block.devices_view(None, v)[1])


def get_gendisks() -> list[StructResult]:
    """``struct gendisk`` of each disk, by number."""
    return [StructResult("struct gendisk", disk.addr) for disk in block_devices.disks()]


def print_gendisk(v: int = 1) -> None:
    """Print the disks; with v their queues, too."""
    for disk in block_devices.disks():
        queue = f"  <struct request_queue {disk.queue_addr:#x}>" if v else ""
        print(
            f"{printable(disk.name):<14} {disk.major}:{disk.first_minor:<6} "
            f"<struct gendisk {disk.addr:#x}>{queue}"
        )


def print_dm_devices(verbose: int = 0) -> None:
    """Print the devices of device-mapper."""
    _print(crash_block.mapper_view(None, verbose)[1])


# --- requests


def get_requestqueue(bd: Any, gd: Any) -> StructResult:
    """``struct request_queue`` of a disk.

    :param bd: its ``struct block_device``, or 0.
    :param gd: its ``struct gendisk``, or 0 to take the device's.
    """
    disk = int(gd or StructResult("struct block_device", int(bd)).bd_disk)
    at = lowlevel.member("struct gendisk", "queue").offset
    return StructResult("struct request_queue", lowlevel.read_pointer(disk + at))


def get_request_queues() -> list[StructResult]:
    """``struct request_queue`` of each disk."""
    queues = dict.fromkeys(disk.queue_addr for disk in block_devices.disks() if disk.queue_addr)
    return [StructResult("struct request_queue", addr) for addr in queues]


def check_request_queue(q: Any) -> tuple[int, int, int]:
    """Requests of a ``struct request_queue``: queued ones, those in flight, all."""
    disks = [disk for disk in block_devices.disks() if disk.queue_addr == int(q)]
    found = block_requests.block_requests(disks)
    in_flight = sum(request.state == "in flight" for request in found)
    queued = sum(request.state == "queued" for request in found)
    return queued, in_flight, len(found)


def decode_request(rq: Any, v: int = 0, map: Mapping[int, str] = {}) -> None:
    """Print a ``struct request`` that is not over.

    :param v: with its bios.
    :param map: names of disks by ``struct gendisk *``, where others than the kernel's are wanted.
    """
    for request in block_requests.block_requests():
        if request.addr == int(rq):
            name = printable(map.get(request.disk_addr, request.disk))
            print(
                f"  <struct request {request.addr:#x}> {request.operation} {request.state} "
                f"{name} sector={request.sector} bytes={request.size_bytes}"
            )
            for bio in request.bios if v else ():
                print(f"      <struct bio {bio.addr:#x}> {len(bio.page_addrs)} pages")
            return
    print(f"  <struct request {int(rq):#x}> is over, or of no disk")


def print_request_queues(v: int = 0) -> None:
    """Print how many requests there are; with v each disk and request."""
    _print(crash_requests.requests_view(None, v)[1])


def get_blkreq_fromslab() -> list[StructResult]:
    """``struct request`` of each request that is not over.

    Kernels since 5.0 have no slab of requests: these come from the tags of the queues.
    """
    found = block_requests.block_requests()
    return [StructResult("struct request", request.addr) for request in found]


def print_request_slab(v: int = 0) -> None:
    """The same as print_request_queues()."""
    print_request_queues(v)


def print_blk_cpu_done(v: int = 0) -> None:
    """Print the requests that their drivers completed and whose end is still to be told."""
    done = [r for r in block_requests.block_requests() if r.state == "complete"]
    print(f"-- Requests on blk_cpu_done:    Count={len(done)}")
    for request in done if v else ():
        print(f"  <struct request {request.addr:#x}> {printable(request.disk)}")


def _print(lines: list[str]) -> None:
    print("\n".join(lines))
