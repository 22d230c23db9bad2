# SPDX-License-Identifier: GPL-2.0-or-later
"""In what state the drivers of disks have them: SCSI devices and hosts, NVMe controllers."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.block_devices import Disk
from LinuxDump.hangs.finder import Finder
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_QUEUE = Layout("struct request_queue", "queuedata")
_SCSI = Layout("struct scsi_device", "request_queue", "sdev_state", "host")
_HOST = Layout("struct Scsi_Host", "host_no", "shost_state", "host_failed")
_NVME_NS = Layout("struct nvme_ns", "queue", "ctrl")
_NVME = Layout("struct nvme_ctrl", "instance", "state")


def state_text(finder: Finder, disk: Disk) -> str:
    """``device blocked, host0 recovery``; "" when the driver is another or its types unknown."""
    try:
        if disk.name.startswith("sd"):
            return ", ".join(_scsi(finder, disk))
        if disk.name.startswith("nvme"):
            return ", ".join(_nvme(finder, disk))
    except PykdumpError:
        pass  # the state is an addition
    return ""


def _scsi(finder: Finder, disk: Disk) -> Iterator[str]:
    queue = _QUEUE.read(disk.queue_addr)
    if queue is None or not finder.has_type("struct scsi_device", "scsi_mod"):
        return
    device = _SCSI.read(queue.queuedata)
    if device is None or device.request_queue != disk.queue_addr:
        return
    yield f"device {_name('enum scsi_device_state', 'SDEV_', device.sdev_state)}"
    host = _HOST.read(device.host)
    if host is not None:
        state = _name("enum scsi_host_state", "SHOST_", host.shost_state)
        failed = f" with {host.host_failed} failed commands" if host.host_failed else ""
        yield f"host{host.host_no} {state}{failed}"


def _nvme(finder: Finder, disk: Disk) -> Iterator[str]:
    if not finder.has_type("struct nvme_ns", "nvme_core"):
        return
    namespace = _NVME_NS.read(disk.private_addr)
    if namespace is not None and namespace.queue == disk.queue_addr:
        row = _NVME.read(namespace.ctrl)
        if row is not None:
            yield f"nvme{row.instance} {_name('enum nvme_ctrl_state', 'NVME_CTRL_', row.state)}"


def _name(enum: str, prefix: str, value: int) -> str:
    for name, number in lowlevel.enumerators(enum).items():
        if number == value:
            return name.removeprefix(prefix).lower()
    return f"in state {value}"
