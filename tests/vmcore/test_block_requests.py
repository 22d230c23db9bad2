# SPDX-License-Identifier: GPL-2.0-or-later
"""Block devices, and requests that no disk answered, as the guest knows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gdb_run import gdb, launch

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_blocks.py"

_found: dict[str, Any] = {}


def blocks(dump: Vmcore, tmp_path: Path) -> Any:
    if dump.name not in _found:
        out = tmp_path / "blocks.json"
        files = next(iter(dump.forms.values()))
        command = f"target kdump {' '.join(map(str, files))}"
        run = gdb(command, f"source {SCRIPT}", args=[dump.vmlinux], env={"BLOCKS_OUT": str(out)})
        assert out.exists(), run.out + run.err
        assert "WARNING" not in run.out
        _found[dump.name] = json.loads(out.read_text())
    return _found[dump.name]


def test_disks_are_those_of_proc_partitions(vmcore: Vmcore, tmp_path: Path) -> None:
    rows = [line.split() for line in vmcore.facts["files"]["/proc/partitions"].splitlines()[2:]]
    known = {(int(major), int(minor), name) for major, minor, _, name in rows}
    found = blocks(vmcore, tmp_path)
    devices = {
        (device["device"] >> 20, device["device"] & 0xFFFFF, device["name"])
        for device in found["devices"]
    }
    disks = {(disk["major"], disk["first_minor"], disk["name"]) for disk in found["disks"]}
    assert known and known <= devices | disks
    if vmcore.name != "5.10-panic":  # where only what is open has a block_device
        assert known <= devices
    assert {(disk["major"], disk["first_minor"]) for disk in found["disks"]} >= {
        numbers[:2] for numbers in known
    }


def test_the_command_in_flight_is_the_planted_one(vmcore: Vmcore, tmp_path: Path) -> None:
    planted = vmcore.facts["planted"]["scsi_inflight"]
    (request,) = blocks(vmcore, tmp_path)["requests"]
    assert f"/dev/{request['disk']}" == planted["device"]
    assert (request["operation"], request["state"]) == ("READ", "in flight")
    assert (request["sector"], request["size_bytes"]) == (planted["sector"], planted["bytes"])


def test_only_the_suspended_volume_has_a_frozen_device(vmcore: Vmcore, tmp_path: Path) -> None:
    frozen = [device["name"] for device in blocks(vmcore, tmp_path)["devices"] if device["freezes"]]
    assert len(frozen) == 1 and frozen[0].startswith("dm-")


def test_requests_of_the_disk_that_answers_nothing(hang_dump: Vmcore, tmp_path: Path) -> None:
    disk = hang_dump.facts["hangs"]["disk"]
    found = blocks(hang_dump, tmp_path)
    requests = [r for r in found["requests"] if r["disk"] == disk["name"]]
    assert {r["disk_addr"] for r in requests} == {disk["gendisk"]}
    assert {r["queue_addr"] for r in requests} == {disk["queue"]}
    assert {(r["addr"], r["sector"], r["size_bytes"]) for r in requests} == {
        (planted["request"], planted["sector"], planted["bytes"]) for planted in disk["requests"]
    }
    since = {planted["request"]: planted["since_ns"] for planted in disk["requests"]}
    for request in requests:
        made = found["monotonic_ns"] - request["in_flight_ns"]
        assert abs(made - since[request["addr"]]) < 100_000_000


CLASSIC = """
from LinuxDump.Dev import *
print("DISKS", sorted(str(disk.disk_name) for disk in get_gendisks()))
for device in get_blkdevs():
    inode = int(device) - member_offset("struct bdev_inode", "bdev")
    inode += member_offset("struct bdev_inode", "vfs_inode")
    assert int(I_BDEV(inode)) == int(device)
    assert int(get_requestqueue(device, 0)) in map(int, get_request_queues())
busy = {int(queue): check_request_queue(queue) for queue in get_request_queues()}
print("BUSY", [counts for counts in busy.values() if any(counts)])
for request in get_blkreq_fromslab():
    decode_request(request, 1)
print("DEVICE", decode_devt(0x800010))
for show in print_blkdevs, print_gendisk, print_request_queues, print_blk_cpu_done:
    show(1)
print_dm_devices(0), print_request_slab(1)
"""


def test_classic_names_tell_the_same(vmcore: Vmcore, tmp_path: Path) -> None:
    script = tmp_path / "classic.py"
    script.write_text(CLASSIC)
    files = next(iter(vmcore.forms.values()))
    run = launch(vmcore.vmlinux, *files, "--batch", "-c", f"pyk-run {script}")
    lines = run.out.splitlines()
    disks = sorted(disk["name"] for disk in blocks(vmcore, tmp_path)["disks"])
    assert f"DISKS {disks}" in lines, run.out + run.err
    assert "BUSY [(0, 1, 1)]" in lines and "DEVICE (8, 16)" in lines
    planted = vmcore.facts["planted"]["scsi_inflight"]
    text = f"READ in flight sde sector={planted['sector']} bytes={planted['bytes']}"
    assert sum(text in line for line in lines) == 1
    assert "Traceback" not in run.out + run.err
