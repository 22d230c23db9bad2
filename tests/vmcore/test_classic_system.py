# SPDX-License-Identifier: GPL-2.0-or-later
"""The classic modules about tasks, files and tables beside what the guest's /proc showed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_classic_system.py"

# Of /proc/PID/stat: the letters that classic code takes from the 6th letter of the state on.
CODES = {"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR", "Z": "ZO", "I": "ID"}

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What a script saw, run once for each dump."""
    if vmcore.name not in _found:
        out, facts = tmp_path / "classic.json", vmcore.directory / "facts.json"
        files = next(iter(vmcore.forms.values()))
        commands = [f"target kdump {' '.join(map(str, files))}", f"source {SCRIPT}"]
        run = gdb(
            *commands,
            args=[vmcore.vmlinux],
            env={"CLASSIC_OUT": str(out), "CLASSIC_FACTS": str(facts)},
        )
        assert out.exists(), run.out + run.err
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


def leaders(vmcore: Vmcore) -> dict[str, Any]:
    """Processes of the facts that sleep: what runs may have changed since."""
    collector = vmcore.facts["collector"]
    return {
        str(task["pid"]): task
        for task in vmcore.facts["tasks"]
        if task["pid"] == task["tgid"] != collector and task["state"] in "SDTtZI"
    }


def test_tasks_have_the_states_and_relatives_of_proc(vmcore: Vmcore, found: Any) -> None:
    compared = 0
    for pid, task in leaders(vmcore).items():
        if task["comm"].startswith(("kworker", "pykd_spinner")):
            continue  # they come and go, or are what locks a CPU up
        ours = found["tasks"][pid]
        assert ours["state"][5:7] == CODES[task["state"]], pid
        assert task["state"] == "Z" or ours["two_letters"] == CODES[task["state"]], pid
        threads = {t["pid"] for t in vmcore.facts["tasks"] if t["tgid"] == task["pid"]}
        assert set(ours["threads"]) == threads - {task["pid"]}
        children = {t for t, other in leaders(vmcore).items() if other["ppid"] == task["pid"]}
        if task["pid"] > 2:
            assert children <= set(map(str, ours["children"]))
        assert ours["has_children"] == bool(ours["children"])
        assert ours["parent"] == task["ppid"]
        assert ours["last_ran"]
        compared += 1
    assert compared > 60
    assert found["same"] and found["first"] == "swapper/0"
    assert found["none"] == [None, None, []]
    assert found["threads"] == sorted(found["threads"])


def test_files_of_tasks_are_those_of_proc(vmcore: Vmcore, found: Any) -> None:
    for pid, task in leaders(vmcore).items():
        shown = vmcore.facts["processes"].get(pid, {}).get("fd", {})
        if task["state"] != "Z" and pid in found["tasks"]:
            assert sorted(str(fd) for fd, _ in found["tasks"][pid]["fds"]) == sorted(shown)
            sockets = [path for path in shown.values() if path.startswith("socket:")]
            assert found["tasks"][pid]["socks"] == len(sockets)
    init = vmcore.facts["processes"]["1"]["fd"]
    assert found["files"] == init
    users = {
        int(pid)
        for pid, process in vmcore.facts["processes"].items()
        if "/dev/null" in process.get("fd", {}).values()
    }
    late = {task["pid"] for task in vmcore.facts["late"].values()} | {vmcore.facts["collector"]}
    assert set(found["filesR"]) - late == users - late


def test_shared_memory_is_that_of_ipcs(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["planted"]["sysv_shm"]
    ((key, shmid, uid, perms, size, attached),) = found["ipcs"]
    assert (shmid, size) == (planted["id"], planted["bytes"])
    assert (uid, perms, attached) == (0, 0o644, 0)
    assert f"{key:#010x} {shmid} " in vmcore.facts["commands"]["ipcs"]


def test_mounts_and_names_are_those_of_the_guest(vmcore: Vmcore, found: Any) -> None:
    shown = [line.split()[:3] for line in vmcore.facts["files"]["/proc/mounts"].splitlines()]
    # /proc hides the root of the namespace.
    ours = [mount for mount in found["mounts"] if mount[0] not in ("rootfs", "nullfs")]
    assert sorted(ours) == sorted([kind, dev, where] for dev, where, kind in shown)
    assert found["root"][:2] == ["/", True] and found["root"][2] == found["root"][3] != 0
    assert found["frozen"] == ["/mnt/data", "/mnt/frozen"]  # a suspended volume freezes too
    assert found["null"][1] and re.search(
        r" 1, 3 \d{4}-\d\d-\d\d \d\d:\d\d null$", found["null"][0], re.M
    )
    assert found["ls"].startswith("/dev:\n") and " null\n" in found["ls"]
    assert all(found["reports"])


def test_tables_and_modules_are_those_of_proc(vmcore: Vmcore, found: Any) -> None:
    files = vmcore.facts["files"]
    assert str(found["tables"]["kernel.pid_max"]) == files["/proc/sys/kernel/pid_max"].strip()
    assert found["tables"]["net.ipv4.tcp_rmem"] == [
        int(word) for word in files["/proc/sys/net/ipv4/tcp_rmem"].split()
    ]
    assert found["tables"]["kernel.core_pattern"] == files["/proc/sys/kernel/core_pattern"].strip()
    names = {line.split()[0] for line in files["/proc/modules"].splitlines()}
    assert set(found["modules"]) == names
    assert found["syscalls"] == ["sys_read", "sys_write", "sys_open"]
    assert found["call"] == "sys_read(fd=3, buf=0x7ffe00, count=512)"
    assert found["flags"] == [2, 1, 0x40] and found["tflags"] == "SIGPENDING|NEED_RESCHED"


def test_wild_addresses_cost_only_themselves(found: Any) -> None:
    *results, warnings = found["damaged"]
    assert results == [[], [], [], [], None, None, "", "<unreadable>", True]
    assert warnings >= 4


def test_the_api_comes_with_every_module(found: Any) -> None:
    assert found["api"] == ["swapper/0", "/", 250]


def test_what_the_guest_planted_is_found(vmcore: Vmcore, found: Any) -> None:
    module, planted = vmcore.facts["module"], found["planted"]
    places = {n - i for n, i in zip(planted["klist"], module["klist"]["items"])}
    assert len(planted["klist"]) == len(module["klist"]["items"]) and len(places) == 1
    sleepers = [t["task"] for t in module["threads"] if t["waits_for"] == "wait_queue"]
    assert sleepers and sorted(planted["waiting"]) == sorted(sleepers * len(sleepers))
    allocated, free = planted["slab"]
    assert sorted(allocated) == sorted(module["slab"]["allocated"].values())
    assert set(module["slab"]["freed"]) <= set(free)
    reader = vmcore.facts["planted"]["pipe_reader"]
    assert planted["call"].startswith(f"PID={reader['pid']} CMD={reader['comm']}  sys_read(fd=")
    disk, path = planted["disk"]
    assert f"/dev/{disk}" == vmcore.facts["planted"]["frozen_fs_writer"]["device"]
    assert path.startswith("/devices/") and path.endswith(f"/block/{disk}")
    assert (planted["node"], planted["shell"]) == ("init_task", "from the shell\n")


def test_module_debuginfo_is_found_below_the_folder_of_vmlinux(found: Any) -> None:
    assert found["planted"]["dm_mod"] == [True, True]
