# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/sys, /sys and what /proc/PID tells beside what the guest's own kernel showed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_system.py"

# The kernel changes these while it panics: console_verbose(), kernel_kexec().
CHANGED = ("kernel.printk", "kernel.ftrace_enabled")

_found: dict[str, Any] = {}


def sysfs_paths(vmcore: Vmcore) -> list[str]:
    """Files of sysfs that the guest read, from its root."""
    paths = (path for path in vmcore.facts["files"] if path.startswith("/sys/"))
    return sorted(path[4:] for path in paths if not path.startswith("/sys/kernel/debug/"))


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What the dump holds, read once for each."""
    if vmcore.name not in _found:
        out, paths = tmp_path / "system.json", tmp_path / "paths.json"
        paths.write_text(json.dumps(sysfs_paths(vmcore)))
        files = next(iter(vmcore.forms.values()))
        commands = [f"target kdump {' '.join(map(str, files))}", f"source {SCRIPT}"]
        environ = {"SYSTEM_OUT": str(out), "SYSTEM_PATHS": str(paths)}
        run = gdb(*commands, args=[vmcore.vmlinux], env=environ)
        assert out.exists(), run.out + run.err
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


# --- sysctl


def sysctl_facts(vmcore: Vmcore) -> dict[str, str]:
    """By name as sysctl(8) writes it: a dot for a slash and the other way round."""
    swap = str.maketrans("./", "/.")
    files = vmcore.facts["files"]
    names = {path[len("/proc/sys/") :]: path for path in files if path.startswith("/proc/sys/")}
    return {name.translate(swap): files[path] for name, path in names.items()}


def test_plain_sysctls_have_the_values_of_proc_sys(vmcore: Vmcore, found: Any) -> None:
    first: dict[str, Any] = {}
    for tables in found["sysctl"]:
        for path, entry in tables["entries"].items():
            first.setdefault(path, entry)  # sets of the first namespaces come first
    facts = sysctl_facts(vmcore)
    assert not facts.keys() - first.keys()
    wrong = {
        path: (text, first[path])
        for path, text in facts.items()
        if first[path]["is_plain"]
        and path not in CHANGED
        and first[path]["text"] != text.rstrip("\n").replace("\n", "\\n")
    }
    assert not wrong
    computed = [path for path in facts if not first[path]["is_plain"]]
    assert len(computed) < 60 < len(facts) - len(computed)
    assert all(re.fullmatch(r"\w+", first[path]["handler"]) for path in computed)


def test_every_network_namespace_has_its_own_sysctls(vmcore: Vmcore, found: Any) -> None:
    nets = [tables for tables in found["sysctl"] if tables["kind"] == "net"]
    numbers = {
        process["ns"]["net"] for process in vmcore.facts["processes"].values() if process.get("ns")
    }
    assert len(nets) >= len(numbers) > 1
    assert all("net.ipv4.ip_forward" in tables["entries"] for tables in nets)
    assert len({tables["namespace"] for tables in nets}) == len(nets)


# --- sysfs


def test_files_of_sysfs_are_found_by_the_paths_the_guest_read(vmcore: Vmcore, found: Any) -> None:
    missing = [path for path, node in found["sysfs"].items() if node is None]
    assert not missing
    assert len(found["sysfs"]) > 1000
    for path, node in found["sysfs"].items():
        assert node["type"] == "file" and node["mode"] & 0o400, path
        assert Path(node["path"]).name == Path(path).name
    assert found["nodes"] > len(found["sysfs"])


# --- system calls


def test_tasks_are_in_the_system_calls_their_stacks_showed(vmcore: Vmcore, found: Any) -> None:
    compared = 0
    for task in vmcore.facts["tasks"]:
        shown = re.search(r"__x64_sys_(\w+)\+", task["stack"] or "")
        if shown and task["state"] in "SD":
            call = found["in_syscalls"][str(task["pid"])]
            assert call["name"] == shown[1], task["pid"]
            compared += 1
    assert compared > 15


def test_arguments_are_those_of_the_planted_system_calls(vmcore: Vmcore, found: Any) -> None:
    pid = vmcore.facts["planted"]["pipe_reader"]["pid"]
    call = found["in_syscalls"][str(pid)]
    assert [(kind, name) for kind, name, _ in call["values"]] == [
        ("unsigned int", "fd"),
        ("char *", "buf"),
        ("size_t", "count"),
    ]
    fd = call["values"][0][2]
    assert vmcore.facts["processes"][str(pid)]["fd"][str(fd)].startswith("pipe:")


def test_numbers_of_system_calls_are_those_of_the_architecture(found: Any) -> None:
    names = {int(number): call["name"] for number, call in found["syscalls"].items()}
    # arch/x86/entry/syscalls/syscall_64.tbl
    expected = {0: "read", 1: "write", 59: "execve", 202: "futex", 257: "openat", 435: "clone3"}
    assert {number: names[number] for number in expected} == expected
    assert len(names) > 300


# --- tasks


def status(task: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in (task["status"] or "").splitlines())
    return {name: value.strip() for name, _, value in lines}


def test_details_of_tasks_are_those_of_status(vmcore: Vmcore, found: Any) -> None:
    names = {
        "pending": "SigPnd",
        "shared_pending": "ShdPnd",
        "blocked": "SigBlk",
        "ignored": "SigIgn",
        "caught": "SigCgt",
    }
    compared = 0
    for task in vmcore.facts["tasks"]:
        ours, shown = found["details"].get(str(task["pid"])), status(task)
        if ours is None or not shown or task["pid"] == vmcore.facts["collector"]:
            continue
        assert ours["ppid"] == int(shown["PPid"]), task["pid"]
        assert ours["tracer_pid"] == int(shown["TracerPid"]), task["pid"]
        assert [ours["uid"], ours["euid"]] == list(map(int, shown["Uid"].split()[:2]))
        assert [ours["gid"], ours["egid"]] == list(map(int, shown["Gid"].split()[:2]))
        assert ours["nice"] == task["nice"] and ours["policy"] == task["policy"]
        assert abs(ours["start_time_ns"] // 10**7 - task["start_ticks"]) < 100
        if task["state"] not in "ZX":
            assert ours["threads"] == int(shown["Threads"])
            got = {name: f"{ours['signals'][name]:016x}" for name in names}
            assert got == {name: shown[key] for name, key in names.items()}, task["pid"]
        compared += 1
    assert compared > 100


def test_namespaces_are_those_of_proc(vmcore: Vmcore, found: Any) -> None:
    compared = set()
    for pid, process in vmcore.facts["processes"].items():
        if process.get("ns") and found["details"].get(pid):
            spaces = found["details"][pid]["namespaces"]
            ours = {
                name: f"{name.partition('_')[0]}:[{space['number']}]"
                for name, space in spaces.items()
            }
            assert ours == process["ns"], pid
            compared.update(process["ns"].values())
    assert len(compared) > 12


def test_memory_is_that_of_status(vmcore: Vmcore, found: Any) -> None:
    compared = 0
    for task in vmcore.facts["tasks"]:
        ours, shown = found["memory"].get(str(task["pid"])), status(task)
        is_asleep = task["state"] in "SDTt" and task["pid"] != 1
        if "VmSize" not in shown or not is_asleep or task["pid"] == vmcore.facts["collector"]:
            continue
        assert ours is not None, task["pid"]
        members = {"vsz_kb": "VmSize", "anon_kb": "RssAnon", "file_kb": "RssFile"}
        members |= {"shmem_kb": "RssShmem", "swap_kb": "VmSwap"}
        expected = {name: int(shown[key].split()[0]) for name, key in members.items()}
        assert {name: ours[name] for name in members} == expected, task["pid"]
        compared += 1
    assert compared > 30
