# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices: character and block devices, disks, PCI, ports and memory.

Columns: CHRDEV or BLKDEV (the major number), NAME, CDEV or GENDISK, OPERATIONS; of -d MAJOR,
GENDISK, NAME, REQUEST_QUEUE and TOTAL, READ and WRITE requests that are not over; of -p ROOT BUS
(struct pci_bus) and BUSNAME, then PCI DEV (struct pci_dev), domain, bus, slot and function,
CLASS, PCI_ID, TYPE; of -i RESOURCE (struct resource), RANGE, NAME.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from crashcmd import values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import block_devices, block_requests, machine_devices
from pykdump import lowlevel
from pykdump.errors import PykdumpError


def collect(given: Given) -> Text:
    if "-d" in given or "-D" in given:
        return text(_disks("-D" in given))
    if "-p" in given:
        return text(_pci())
    if "-i" in given:
        return text(_resources())
    return text(_devices())


def _devices() -> Iterator[str]:
    yield "CHRDEV    NAME                 CDEV        OPERATIONS      "
    for device in machine_devices.char_devices():
        cdev = f"{device.cdev_addr:x}" if device.cdev_addr else "     (none)"
        ops = values.symbol(device.ops_addr) if device.ops_addr else ""
        yield f"{device.major:4}      {device.name:13}  {cdev:16}  {ops}".rstrip()
    yield ""
    yield "BLKDEV    NAME                GENDISK      OPERATIONS      "
    disks: dict[int, block_devices.Disk] = {}
    for disk in block_devices.disks():
        disks.setdefault(disk.major, disk)
    for driver in machine_devices.block_majors():
        found = disks.get(driver.major)
        addr = f"{found.addr:x}" if found is not None else "     (none)"
        ops = _operations(found.addr) if found is not None else ""
        yield f"{driver.major:4}      {driver.name:13}  {addr:16}  {ops}".rstrip()


def _operations(disk: int) -> str:
    try:
        at = lowlevel.member("struct gendisk", "fops").offset
        return values.symbol(lowlevel.read_pointer(disk + at))
    except PykdumpError:
        return ""


def _disks(only_busy: bool) -> Iterator[str]:
    disks = block_devices.disks()
    requests = block_requests.block_requests(disks)
    yield "MAJOR GENDISK            NAME       REQUEST_QUEUE      TOTAL  READ WRITE "
    for disk in disks:
        own = [request for request in requests if request.disk_addr == disk.addr]
        own = [request for request in own if request.state == "in flight"]
        reads = sum(request.operation == "READ" for request in own)
        if own or not only_busy:
            yield (
                f"{disk.major:5} {disk.addr:x}   {disk.name:10} {disk.queue_addr:x}   "
                f"{len(own):5} {reads:5} {len(own) - reads:5} "
            )


def _pci() -> Iterator[str]:
    devices = machine_devices.pci_devices()
    for bus, found in groupby(devices, key=lambda device: device.bus_addr):
        group = list(found)
        yield "    ROOT BUS     BUSNAME"
        yield f"{bus:x} {group[0].domain:04x}:{group[0].bus:02x}"
        yield "      PCI DEV      DO:B" "U:SL.FN  CLASS   PCI_ID      TYPE   "
        for d in group:
            yield (
                f"  {d.addr:x} {d.domain:04x}:{d.bus:02x}:{d.slot:02x}.{d.function}  "
                f"{d.device_class:04x}  {d.vendor:04x}:{d.device:04x}  {d.type} "
            )
        yield ""


def _resources() -> Iterator[str]:
    yield "    RESOURCE        RANGE    NAME"
    for r in machine_devices.resources("ioport_resource"):
        yield f"{r.addr:x}  {r.start:04x}-{r.end:04x}  {r.name}"
    yield ""
    yield "    RESOURCE        RANGE    NAME"
    for r in machine_devices.resources("iomem_resource"):
        yield f"{r.addr:x}  {r.start:08x}-{r.end:08x}  {r.name}"


COMMANDS = (
    Command(
        "dev",
        "",
        collect,
        options=(
            Option("-d", "disks and the requests that their drivers have"),
            Option("-D", "only disks that have some"),
            Option("-p", "PCI devices"),
            Option("-i", "ranges of ports and memory"),
        ),
        absent=(("-V -v", "device dumps that drivers add to a dump (VMCOREDD) are not read"),),
    ),
)
