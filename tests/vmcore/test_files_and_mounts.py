# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounts, open files and places of every process beside what its folder in /proc showed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_files.py"

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What the dump holds, read once for each."""
    if vmcore.name not in _found:
        out = tmp_path / "files.json"
        files = next(iter(vmcore.forms.values()))
        commands = [f"target kdump {' '.join(map(str, files))}", f"source {SCRIPT}"]
        run = gdb(*commands, args=[vmcore.vmlinux], env={"FILES_OUT": str(out)})
        assert out.exists(), run.out + run.err
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


def test_descriptors_lead_to_what_proc_showed(vmcore: Vmcore, found: Any) -> None:
    processes = vmcore.facts["processes"]
    compared = 0
    for pid, process in processes.items():
        if pid == str(vmcore.facts["collector"]):
            continue  # it went on to open what makes the kernel panic
        ours = {str(file["fd"]): file["path"] for file in found["processes"][pid]["fd"]}
        assert ours == process.get("fd", {}), pid
        compared += len(ours)
    assert compared > 100


def test_places_are_those_of_proc(vmcore: Vmcore, found: Any) -> None:
    compared = 0
    for pid, process in vmcore.facts["processes"].items():
        for place in "root", "cwd", "exe":
            if process.get(place):
                assert found["processes"][pid]["places"][place] == process[place], (pid, place)
                compared += 1
    assert compared > 100


def test_mounts_are_those_of_mountinfo_in_every_namespace(vmcore: Vmcore, found: Any) -> None:
    namespaces = set()
    for pid, process in vmcore.facts["processes"].items():
        namespace = str(found["processes"][pid]["namespace"])
        if not process.get("mountinfo") or namespace in namespaces:
            continue
        namespaces.add(namespace)
        told = [_of_mountinfo(line) for line in process["mountinfo"].splitlines()]
        mounts = found["mounts"][namespace]
        # The root of the namespace lies below / and is not shown in /proc.
        shown = [mount for mount in mounts if mount["fstype"] not in ("rootfs", "nullfs")]
        assert [_of_record(mount) for mount in shown] == told, pid
    assert namespaces


def _of_mountinfo(line: str) -> tuple[Any, ...]:
    words = line.encode().decode("unicode_escape").split(" ")
    dash = words.index("-")
    return (int(words[0]), int(words[1]), *words[2:6], words[dash + 1], words[dash + 2])


def _of_record(mount: dict[str, Any]) -> tuple[Any, ...]:
    device = f"{mount['major']}:{mount['minor']}"
    options = ",".join(mount["options"])
    ids = mount["id"], mount["parent_id"], device
    return (*ids, mount["root"], mount["mountpoint"], options, mount["fstype"], mount["device"])
