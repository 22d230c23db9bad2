# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes block devices and requests of a dump to $BLOCKS_OUT."""

import json
import os
from dataclasses import asdict

from LinuxDump import block_devices, block_requests, timekeeping

found = {
    "devices": [asdict(device) for device in block_devices.block_devices()],
    "disks": [asdict(disk) for disk in block_devices.disks()],
    "requests": [asdict(request) for request in block_requests.block_requests()],
    "monotonic_ns": timekeeping.monotonic_ns(),
}
with open(os.environ["BLOCKS_OUT"], "w") as out:
    json.dump(found, out)
