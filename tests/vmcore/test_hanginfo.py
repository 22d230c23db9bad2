# SPDX-License-Identifier: GPL-2.0-or-later
"""hanginfo beside the facts: each planted hang is named, with its holder and the reason."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb, launch

from harness import Vmcore

_reports: dict[tuple[str, str], Any] = {}


def report(dump: Vmcore, form: str = "") -> Any:
    """The records of a dump, read once."""
    files = dump.forms[form] if form else next(iter(dump.forms.values()))
    if (dump.name, form) not in _reports:
        run = launch(dump.vmlinux, *files, "--batch", "-c", "pykdump hanginfo --json")
        _reports[dump.name, form] = run.json()
    return _reports[dump.name, form]


def text(dump: Vmcore, *options: str) -> Any:
    files = next(iter(dump.forms.values()))
    return launch(dump.vmlinux, *files, "-c", " ".join(("hanginfo", *options)))


def wait_of(found: Any, pid: int) -> Any:
    (wait,) = [wait for wait in found["waits"] if wait["pid"] == pid]
    return wait


def behind(found: Any, key: str) -> list[str]:
    """Texts of all that is behind a node of the graph."""
    nodes = {node["key"]: node for node in found["nodes"]}
    reached, to_do = {key: None}, [key]
    while to_do:
        at = to_do.pop()
        for link in found["links"]:
            if link["source"] == at and link["target"] not in reached:
                reached[link["target"]] = None
                to_do.append(link["target"])
    return [nodes[other]["text"] for other in reached if other in nodes]


def addr(text_: str) -> int:
    return int(text_, 16) if isinstance(text_, str) else text_


# --- the planted hangs of the module


def test_nothing_is_warned_of_but_the_hang(hang_dump: Vmcore) -> None:
    known = ("Possible hang", "Memory pressure: 1 thread waits")
    assert all(warning.startswith(known) for warning in report(hang_dump)["warnings"])


def threads(dump: Vmcore) -> list[dict[str, Any]]:
    facts = dump.facts
    found: list[dict[str, Any]] = facts["hangs"]["threads"] + facts["late"]["threads"]
    return found


def test_each_thread_waits_for_the_object_that_the_module_told(hang_dump: Vmcore) -> None:
    found, seen = report(hang_dump), 0
    for thread in threads(hang_dump):
        if "kind" not in thread:
            continue
        wait = wait_of(found, thread["pid"])
        assert (wait["comm"], wait["state"]) == (thread["comm"], thread["state"])
        if thread["kind"] == "block_request":
            continue  # behind a page, see below
        assert wait["kind"] == thread["kind"], thread["comm"]
        if thread["object"]:
            assert addr(wait["object_addr"]) == thread["object"], thread["comm"]
        if "wants" in thread:
            assert wait["wants"] == thread["wants"]
        seen += 1
    assert seen > 15


def test_each_thread_is_behind_the_holder_that_the_module_told(hang_dump: Vmcore) -> None:
    found, seen = report(hang_dump), 0
    worker = hang_dump.facts["hangs"]["worker"]["task"]
    tasks = {thread["comm"]: thread["task"] for thread in threads(hang_dump)}
    for thread in threads(hang_dump):
        if "holder" not in thread:
            continue
        holders = wait_of(found, thread["pid"])["holders"]
        wanted = {**tasks, "worker": worker}[thread["holder"]]
        assert wanted in [addr(holder["task_addr"]) for holder in holders], thread["comm"]
        for holder in holders:  # what the kernel does not note is a guess, and says so
            is_noted = thread["kind"] not in ("rwsem", "srcu", "rcu", "page", "completion")
            is_noted &= thread["comm"] != "hang_pc_writer"
            assert holder["inferred"] != is_noted and holder["evidence"]
        seen += 1
    assert seen > 12


def test_completions_that_nobody_completes_have_no_holder(hang_dump: Vmcore) -> None:
    for thread in threads(hang_dump):
        if thread.get("kind") in ("completion", "bit") and "holder" not in thread:
            assert wait_of(report(hang_dump), thread["pid"])["holders"] == []


def test_the_deadlock_is_the_only_cycle(hang_dump: Vmcore) -> None:
    pids = {thread["comm"]: thread["pid"] for thread in threads(hang_dump)}
    (cycle,) = report(hang_dump)["cycles"]
    assert cycle["behind"] == [pids["hang_behind_ab"]]
    assert cycle["pids"] == sorted((pids["hang_ab"], pids["hang_ba"]))
    assert not cycle["inferred"]
    locks = [addr(step["addr"]) for step in cycle["steps"] if step["kind"] == "mutex"]
    objects = [t["object"] for t in threads(hang_dump) if t["comm"] in ("hang_ab", "hang_ba")]
    assert sorted(locks) == sorted(objects)


def test_the_worker_is_named_with_its_work_and_what_it_waits_for(hang_dump: Vmcore) -> None:
    worker, found = hang_dump.facts["hangs"]["worker"], report(hang_dump)
    wait = wait_of(found, worker["pid"])
    assert (wait["kind"], addr(wait["object_addr"])) == (worker["kind"], worker["object"])
    texts = [node["text"] for node in found["nodes"] if node["pid"] == worker["pid"]]
    assert worker["function"].split()[0] in texts[0] and worker["name"] in texts[0]


def test_threads_behind_the_dead_disk_reach_its_request_and_it(hang_dump: Vmcore) -> None:
    disk, found = hang_dump.facts["hangs"]["disk"], report(hang_dump)
    stuck = [thread["pid"] for thread in threads(hang_dump) if thread["function"].startswith("io_")]
    reader = hang_dump.facts["planted"]["disk_reader"]
    assert len(stuck) == 4
    for pid in (*stuck, reader["pid"]):
        texts = behind(found, wait_of(found, pid)["node"])
        assert any(text_.startswith(f"disk {disk['name']} ") for text_ in texts)
        sector = reader["sector"] if pid == reader["pid"] else 0
        assert any(f"at sector {sector} of {disk['name']}" in text_ for text_ in texts)
    last = [(chain, chain["steps"][-1]["text"]) for chain in found["blockers"]]
    (chain,) = [chain for chain, text_ in last if text_.startswith(f"disk {disk['name']} ")]
    assert set(chain["pids"]) == {*stuck, reader["pid"]}


def test_processes_wait_for_what_was_planted(hang_dump: Vmcore) -> None:
    found = report(hang_dump)
    planted = hang_dump.facts["planted"]
    for name, process in planted.items():
        wait = wait_of(found, process["pid"])
        assert (wait["kind"], wait["state"]) == (process["kind"], process["state"]), name
        holders = [holder["pid"] for holder in wait["holders"]]
        assert holders == ([process["holder"]] if process["holder"] else []), name
        if "wants" in process:
            assert wait["wants"] == process["wants"], name
        if "user_addr" in process:
            assert addr(wait["object_addr"]) == process["user_addr"]
        if "cgroup" in process:
            assert process["cgroup"] in wait["text"]
        if "path" in process:
            assert f'inode {process["inode"]} "{process["path"]}"' in wait["text"]
        if "port" in process:
            ours = process.get("address", "127.0.0.1")
            peer = f"[{ours}]" if ":" in ours else ours
            assert f":{process['port']} <-> {peer}:{process['peer_port']}" in wait["text"]
        if "id" in process:
            assert f" {process['id']} (" in wait["text"]
    parent = next(c for c in found["blockers"] if planted["waiting_parent"]["pid"] in c["pids"])
    assert planted["stuck_child"]["pid"] in parent["pids"]
    assert parent["steps"][-1]["text"].startswith(f"pid {planted['stuck_child']['holder']} ")


def test_what_suspended_devices_keep_is_behind_file_systems_and_journals(hang_dump: Vmcore) -> None:
    found, planted = report(hang_dump), hang_dump.facts["planted"]
    for name in "volume_writer", "handle_holder", "ext4_log", "jbd2", "xfs_log":
        texts = behind(found, wait_of(found, planted[name]["pid"])["node"])
        device = planted[name]["device"]
        assert any(f" of {device} (bio " in text_ and "kept back" in text_ for text_ in texts), name
        (disk,) = [text_ for text_ in texts if text_.startswith(f"dm device {device} ")]
        assert "suspended" in disk and Path(planted[name]["mount"]).name in disk
    stuck = {
        planted[name]["pid"] for name in ("volume_writer", "handle_holder", "ext4_log", "jbd2")
    }
    (chain,) = [c for c in found["blockers"] if f"dm device {planted['jbd2']['device']} " in str(c)]
    assert set(chain["pids"]) == stuck


def test_a_multipath_without_paths_says_so(hang_dump: Vmcore) -> None:
    reader, found = hang_dump.facts["planted"]["no_path"], report(hang_dump)
    texts = behind(found, wait_of(found, reader["pid"])["node"])
    what = f"READ of {reader['bytes']} bytes at sector {reader['sector']} of {reader['device']} ("
    assert texts[0].startswith(what) and ", queued)" in texts[0]
    usable = f"{reader['usable_paths']} of {reader['paths']} paths usable"
    assert f"dm device {reader['device']} " in texts[1] and usable in texts[1]


def test_a_throttled_thread_names_the_limit_of_its_cgroup(hang_dump: Vmcore) -> None:
    process = hang_dump.facts["planted"]["throttled"]
    wait = wait_of(report(hang_dump), process["pid"])
    assert f"memory.high {process['high_bytes'] / (1 << 20):.1f} MiB" in wait["text"]


def test_ages_are_those_since_the_guest_wrote_its_facts(hang_dump: Vmcore) -> None:
    # A request was taken when the disk says so; its reader sleeps since then.
    reader = hang_dump.facts["planted"]["disk_reader"]
    (request,) = [
        r for r in hang_dump.facts["hangs"]["disk"]["requests"] if r["sector"] == reader["sector"]
    ]
    least = hang_dump.facts["monotonic"] * 1e9 - request["since_ns"]
    ran_ago = wait_of(report(hang_dump), reader["pid"])["ran_ago_ns"]
    assert least - 100_000_000 < ran_ago < least + 30_000_000_000


# --- the text, and options


def test_the_deadlock_comes_first_and_the_status_tells(hang_dump: Vmcore) -> None:
    run = text(hang_dump)
    assert run.status == 1
    lines = [line for line in run.out.splitlines() if line.strip().startswith("*** ")]
    assert [line.strip() for line in lines][:3] == [
        "*** DEADLOCK of 2 threads, 1 more stuck behind ***",
        "*** Who holds up the others ***",
        "*** Threads in interruptible sleep that wait for others ***",
    ]
    assert " *** UNINTERRUPTIBLE threads, classified ***" in run.out
    assert "\033" not in run.out


def test_classic_sections_hold_the_planted_threads(hang_dump: Vmcore) -> None:
    found = report(hang_dump)
    pids = {thread["comm"]: thread["pid"] for thread in threads(hang_dump)}
    in_class = {
        task["pid"]: found_class["title"]
        for found_class in found["classes"]
        for part in found_class["parts"]
        for task in part["tasks"]
    }
    assert in_class[pids["hang_io"]] == "Waiting in io_schedule"
    assert in_class[pids["hang_ab"]] == "Waiting on mutexes"
    assert in_class[hang_dump.facts["planted"]["folder_creator"]["pid"]] == (
        "Waiting on inode mutexes"
    )
    assert in_class[pids["hang_nostop"]] == "Waiting in schedule_timeout"
    blocked = {wait["pid"] for wait in found["waits"] if wait["state"] == "D"}
    rest = {task["pid"] for group in found["unclassified"] for task in group["tasks"]}
    assert blocked == set(in_class) | rest and not set(in_class) & rest
    owners = {owner["task"]["pid"]: owner for owner in found["owners"]}
    behind_io = [pids[f"hang_behind_{number}"] for number in (1, 2, 3)]
    assert owners[pids["hang_io"]]["waiters"] == behind_io


def test_lists_are_cut_sorted_and_made_tables(hang_dump: Vmcore) -> None:
    run = text(hang_dump, "--maxpids", "2", "--sortbypid")
    assert "sorted by pid" in run.out and "printing 2 out of 3" in run.out
    assert "<1 skipped>" in run.out
    run = text(hang_dump, "-v")
    assert "Ran ms ago STATE" in run.out and "Time of each section" in run.out
    assert "skipped" not in run.out


def test_tree_has_the_owner_beside_its_waiters(hang_dump: Vmcore) -> None:
    run = text(hang_dump, "--tree", "--saphana")
    pids = {thread["comm"]: thread["pid"] for thread in threads(hang_dump)}
    (line,) = [line for line in run.out.splitlines() if f"{pids['hang_io']} hang_io ┬" in line]
    assert f"{pids['hang_behind_1']} hang_behind_1" in line
    assert "SAP HANA" not in run.out


def test_graphs_are_drawn(hang_dump: Vmcore, tmp_path: Path) -> None:
    for suffix in "svg", "dot":
        assert text(hang_dump, "--graph", str(tmp_path / f"waits.{suffix}")).status == 1
    drawn = (tmp_path / "waits.svg").read_text()
    words = " ".join(e.text or "" for e in ElementTree.fromstring(drawn).iter())
    dot = (tmp_path / "waits.dot").read_text()
    for thread in threads(hang_dump):
        if "kind" in thread:
            assert f"pid {thread['pid']} " in words and f"pid {thread['pid']} " in dot


def test_colours_come_when_asked_for(hang_dump: Vmcore) -> None:
    assert "\033[1;31m" in text(hang_dump, "--color").out


@pytest.mark.parametrize(
    "options, says",
    [
        ("--maxpids 0", "at least 1"),
        ("--graph x.png", ".svg or .dot"),
        ("--graph /nowhere/x.svg", "cannot be written"),
    ],
)
def test_wrong_options_are_told(hang_dump: Vmcore, options: str, says: str) -> None:
    run = text(hang_dump, options)
    assert run.status == 2 and says in run.out + run.err


def test_version_and_syslogger(hang_dump: Vmcore) -> None:
    assert "HANGINFO version" in text(hang_dump, "--version").out
    assert "No thread waits for a UNIX socket" in text(hang_dump, "--syslogger").out


# --- what hangs in the full dumps


def check_full(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["planted"]
    for name in "suspended_volume_dd", "suspended_volume_touch":
        wait = wait_of(found, planted[name]["pid"])
        assert wait["kind"] == "percpu_rwsem" and wait["wants"] == "read"
        texts = " ".join(behind(found, wait["node"]))
        assert f"on {planted[name]['mount']} " in texts and planted[name]["device"] in texts
        assert "frozen by its device" in texts and "dm device dm-0" in texts
    frozen = planted["frozen_fs_writer"]
    texts = " ".join(behind(found, wait_of(found, frozen["pid"])["node"]))
    assert f"on {frozen['mount']} ({frozen['device']}) is frozen by ioctl" in texts

    for version in 3, 4:
        client = planted[f"nfs{version}_client"]
        wait = wait_of(found, client["pid"])
        assert wait["kind"] == "rpc" and f" v{version} " in wait["text"]
        texts = " ".join(behind(found, wait["node"]))
        assert "tcp transport" in texts and "server 127.0.0.1 (127.0.0.1 port 2049)" in texts

    command = planted["scsi_inflight"]
    wait = wait_of(found, command["pid"])
    assert wait["kind"] == "block_request"
    assert f"at sector {command['sector']} of {command['device'][5:]}" in wait["text"]

    vfork = wait_of(found, planted["vfork_parent"]["pid"])
    assert vfork["kind"] == "vfork" and vfork["holders"][0]["comm"] == "vfork-child"
    for name in "lock_flock", "lock_posix":
        wait = wait_of(found, planted[name]["waiter"])
        assert wait["kind"] == "file_lock" and planted[name]["path"] in wait["text"]
        assert [holder["pid"] for holder in wait["holders"]] == [planted[name]["holder"]]

    locks = vmcore.facts["module"]["locks"]
    kinds = {"mutex": "mutex", "rwsem_read": "rwsem", "rwsem_write": "rwsem"}
    for thread in vmcore.facts["module"]["threads"]:
        if thread["waits_for"] in kinds:
            wait = next(w for w in found["waits"] if addr(w["task_addr"]) == thread["task"])
            assert wait["kind"] == kinds[thread["waits_for"]]
            assert addr(wait["object_addr"]) == locks[thread["waits_for"]]
            assert [addr(h["task_addr"]) for h in wait["holders"]] == [locks["owner"]]
    assert found["cycles"] == []


def test_hangs_of_the_full_dumps_are_named(vmcore: Vmcore) -> None:
    check_full(vmcore, report(vmcore))


def test_a_filtered_dump_tells_the_same(vmcore: Vmcore) -> None:
    forms = [form for form in vmcore.forms if "d31" in form]
    if not forms:
        pytest.skip("not applicable: no filtered form of this dump")
    for form in forms:
        found = report(vmcore, form)
        if found["warnings"]:
            check_damaged(vmcore, found)
        else:
            check_full(vmcore, found)


def check_damaged(vmcore: Vmcore, found: Any) -> None:
    # makedumpfile 1.7 takes pages of 6.12's kernel for others: tasks, bios and lists are lost.
    locks = vmcore.facts["module"]["locks"]
    threads = [t for t in vmcore.facts["module"]["threads"] if t["waits_for"] == "mutex"]
    for thread in threads:
        wait = next(w for w in found["waits"] if addr(w["task_addr"]) == thread["task"])
        assert (wait["kind"], addr(wait["object_addr"])) == ("mutex", locks["mutex"])
        assert [addr(holder["task_addr"]) for holder in wait["holders"]] == [locks["owner"]]


def test_every_blocked_task_of_the_guest_is_there(vmcore: Vmcore) -> None:
    found = {wait["pid"]: wait for wait in report(vmcore)["waits"]}
    woken = ("kworker", "pykd_spinner")  # perhaps, before the dump
    for task in vmcore.facts["tasks"]:
        if task["state"] == "D" and not task["comm"].startswith(woken):
            wait = found[task["pid"]]
            assert wait["state"] == "D" and wait["kind"] != "unknown"


def test_a_scsi_disk_tells_its_state_and_that_of_its_host(vmcore: Vmcore) -> None:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    commands = (f"target kdump {files}", f"pykdump module path {vmcore.modules}")
    run = gdb(*commands, "pykdump hanginfo", args=[vmcore.vmlinux])
    disk = vmcore.facts["planted"]["scsi_inflight"]["device"][5:]
    (line,) = [line for line in run.out.splitlines() if f"<- disk {disk} with 1 request" in line]
    device, host, state = re.search(r"\(device (\w+), host(\d+) (\w+)\)$", line).groups()
    told = vmcore.facts["files"]
    assert told[f"/sys/class/scsi_device/{host}:0:0:0/device/state"].strip() == device
    assert told[f"/sys/class/scsi_host/host{host}/state"].strip() == state


def test_the_suspended_device_is_told_for_sure_with_debug_info(vmcore: Vmcore) -> None:
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    commands = (f"target kdump {files}", f"pykdump module path {vmcore.modules}")
    run = gdb(*commands, "pykdump hanginfo", args=[vmcore.vmlinux])
    (line,) = [line for line in run.out.splitlines() if "<- dm device dm-0" in line]
    assert "suspended" in line and "dmsetup suspend does" not in line
