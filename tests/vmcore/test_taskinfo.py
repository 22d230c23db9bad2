# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump taskinfo`, `pstree` and `tslog` beside what the guests' own /proc said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gdb_run import Run, launch

from harness import Vmcore

_reports: dict[tuple[str, str], Any] = {}
_TICKS = 100

CODES = {"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR", "Z": "ZO", "I": "ID"}


def run(vmcore: Vmcore, *commands: str) -> Run:
    files = next(iter(vmcore.forms.values()))
    words = [word for command in commands for word in ("-c", command)]
    return launch(vmcore.vmlinux, *files, "--batch", *words)


def report(vmcore: Vmcore, command: str) -> Any:
    if (vmcore.name, command) not in _reports:
        _reports[vmcore.name, command] = run(vmcore, f"{command} --json").json()
    return _reports[vmcore.name, command]


def planted(vmcore: Vmcore, what: str) -> Any:
    return vmcore.facts["planted"][what]


def steady(vmcore: Vmcore) -> list[dict[str, Any]]:
    # What neither ended nor ran on between the facts and the dump.
    return [task for task in vmcore.facts["tasks"] if not task["kernel_thread"]]


def test_the_list_has_the_tasks_of_proc(vmcore: Vmcore) -> None:
    rows = {task["row"]["pid"]: task["row"] for task in report(vmcore, "taskinfo")["tasks"]}
    for task in steady(vmcore):
        row = rows[task["pid"]]
        assert row["tgid"] == task["tgid"]
        if task["state"] in "TtZ":
            assert row["state"] == CODES[task["state"]]
        uid = re.search(r"^Uid:\t(\d+)", task["status"], re.M)
        assert uid is None or row["uid"] == int(uid.group(1))
    leaders = [pid for pid, row in rows.items() if pid == row["tgid"]]
    assert leaders == sorted(leaders)


def test_ages_are_those_of_the_clocks(vmcore: Vmcore) -> None:
    tasks = report(vmcore, "taskinfo -r")["tasks"]
    ages = [task["row"]["ran_ago_ms"] for task in tasks]
    assert ages == sorted(ages)
    by_pid = {task["row"]["pid"]: task["row"] for task in tasks}
    # A thread that hangs since before the facts has been waiting for longer than the facts are old.
    writer = by_pid[planted(vmcore, "frozen_fs_writer")["pid"]]
    assert writer["state"] == "UN" and writer["ran_ago_ms"] > 3000
    assert by_pid[planted(vmcore, "busy_loop")["pid"]]["ran_ago_ms"] < 20000


def test_hang_lists_the_blocked_newest_and_oldest(vmcore: Vmcore) -> None:
    found = report(vmcore, "taskinfo --hang --maxpids 2")
    rows = [task["row"] for task in found["tasks"]]
    assert len(rows) == 4 and {row["state"] for row in rows} == {"UN"}
    blocked = report(vmcore, "taskinfo --taskfilter=UN")["tasks"]
    assert found["skipped"] == len(blocked) - 4
    pids = {task["row"]["pid"] for task in blocked}
    assert {
        planted(vmcore, "frozen_fs_writer")["pid"],
        planted(vmcore, "nfs3_client")["pid"],
    } <= pids


def test_parents_children_and_threads(vmcore: Vmcore) -> None:
    threads = planted(vmcore, "threads")
    (info,) = [report(vmcore, f"taskinfo --pidinfo {threads['pid']}")["info"]]
    assert {each["comm"]: each["pid"] for each in info["threads"]}.items() >= (
        threads["threads"].items()
    )
    zombie = planted(vmcore, "zombie")
    info = report(vmcore, f"taskinfo --pidinfo {zombie['pid']}")["info"]
    assert info["real_parent"]["pid"] == zombie["parent"] and info["row"]["state"] == "ZO"
    traced = planted(vmcore, "traced")
    info = report(vmcore, f"taskinfo --pidinfo {traced['pid']}")["info"]
    assert info["parent"]["pid"] == traced["tracer"] and info["row"]["state"] == "TR"


def test_limits_credentials_and_namespaces_of_a_task(vmcore: Vmcore) -> None:
    for pid in ("1", str(planted(vmcore, "realtime")["pid"])):
        info = report(vmcore, f"taskinfo --pidinfo {pid}")["info"]
        told = vmcore.facts["processes"][pid]
        assert [(each["current"], each["maximum"]) for each in info["limits"]] == list(
            limits(told["limits"])
        )
        for kind, link in told["ns"].items():
            space = info["details"]["namespaces"][kind]
            assert link.endswith(f"[{space['number']}]")
        status = next(task["status"] for task in steady(vmcore) if task["pid"] == int(pid))
        uids = re.search(r"^Uid:\t(.*)", status, re.M)
        cred = info["cred"]
        assert uids and uids.group(1).split() == [
            str(cred[name]) for name in ("uid", "euid", "suid", "fsuid")
        ]
        groups = re.search(r"^Groups:\t(.*)", status, re.M)
        assert groups and groups.group(1).split() == [str(group) for group in cred["groups"]]


def limits(text: str) -> Iterator[tuple[Any, Any]]:
    for line in text.splitlines()[1:]:
        values = [None if word == "unlimited" else int(word) for word in line[26:].split()[:2]]
        yield values[0], values[1]


def test_memory_is_that_of_proc(vmcore: Vmcore) -> None:
    found = report(vmcore, "taskinfo --memory")["memory"]
    users = {user["pid"]: user for user in found["users"]}
    for task in steady(vmcore):
        rss = re.search(r"^VmRSS:\t *(\d+)", task["status"], re.M)
        if rss and task["pid"] == task["tgid"] and task["pid"] != vmcore.facts["collector"]:
            assert abs(users[task["pid"]]["rss_kb"] - int(rss.group(1))) < 1024, task["comm"]
    assert found["total_shm_kb"] == planted(vmcore, "sysv_shm")["bytes"] // 1024
    assert found["total_rss_kb"] == sum(user["rss_kb"] for user in found["users"])


def test_start_times(vmcore: Vmcore) -> None:
    boot = vmcore.facts["realtime"] - vmcore.facts["boottime"]
    starts = {
        task["row"]["pid"]: task["start_s"] for task in report(vmcore, "taskinfo --times")["tasks"]
    }
    for task in steady(vmcore):
        assert abs(starts[task["pid"]] - boot - task["start_ticks"] / _TICKS) < 3, task["comm"]


def test_namespaces_are_those_that_were_planted(vmcore: Vmcore) -> None:
    found = report(vmcore, "taskinfo --ns")["namespaces"]
    kinds = {
        member["pid"]: set(group["differing"])
        for group in found["proxies"]
        for member in group["members"]
    }
    assert "net" in kinds[planted(vmcore, "net_namespace")["pid"]]
    assert "uts" in kinds[planted(vmcore, "uts_namespace")["pid"]]
    assert "mnt" in kinds[planted(vmcore, "mount_namespace")["pid"]]
    (space,) = found["pid_spaces"]
    (member,) = space["members"]
    assert member["numbers"][1:] == [1] and space["level"] == 1


def walk(node: dict[str, Any], parent: int = 0) -> Iterator[tuple[int, int, dict[str, Any]]]:
    yield node["pid"], parent, node
    for child in node["children"]:
        yield from walk(child, node["pid"])


def test_the_tree_has_the_parents_of_proc(vmcore: Vmcore) -> None:
    found = report(vmcore, "pstree")
    parents = {pid: parent for pid, parent, _ in walk(found["tree"])}
    for task in steady(vmcore):
        if task["pid"] == task["tgid"]:
            assert parents[task["pid"]] == task["ppid"], task["comm"]
    threads = planted(vmcore, "threads")
    node = next(node for pid, _, node in walk(found["tree"]) if pid == threads["pid"])
    assert node["threads"] == len(threads["threads"])


def test_text_of_all_options(vmcore: Vmcore) -> None:
    task = vmcore.facts["module"]["threads"][0]
    found = run(
        vmcore,
        *("taskinfo", "taskinfo -r -v", "taskinfo --summary", "taskinfo --memory --maxpids 3"),
        *(f"taskinfo --pidinfo {task['task']:#x} -v", "taskinfo --ns -v", "taskinfo --pstree"),
        *("taskinfo --pstree --pidinfo 1", "taskinfo --cmd sym --taskfilter ST"),
        *("taskinfo --version", "taskinfo --hang --color", "taskinfo --times -r"),
        *("pstree -p -s -g", "pstree -t 1 --color", "pstree --version", "tslog"),
        *("epython taskinfo.py --summary", "taskinfo --pidinfo 1"),
    )
    assert "Traceback" not in found.out + found.err and not found.status, found.err
    for text in (
        "Total Numbers of Threads per State",
        "Non-standard Namespaces",
        "RLIMIT_NOFILE",
        "swapper/0(0)[RU] -+- ".replace(" -", "-", 1),
        "Total Memory in RSS",
        "crash> sym",
        "tasks printed",
        "\033[31m",
        "TASK_UNINTERRUPTIBLE",
        "in system call",
    ):
        assert text in found.out, text
    assert "\033[1m" not in found.out.replace("\033[1mm", "")  # of a task that has it in its name
    assert "tab\\there\\x1b[1m" in found.out


def test_what_is_not_there_gets_a_sentence(vmcore: Vmcore) -> None:
    found = run(
        vmcore,
        *("taskinfo --pidinfo 4000000", "taskinfo --pidinfo x", "taskinfo --taskfilter QQ"),
        *("pstree -t 4000000", "tslog --nosuch"),
    )
    for sentence in (
        "there is no task 4000000",
        "x is neither a pid nor",
        "there is no state QQ",
        "there is no process with pid 4000000",
        "--nosuch",
    ):
        assert sentence in found.err, sentence
    assert found.status == 2 and "Traceback" not in found.err


def test_wall_clock_times_of_the_log(vmcore: Vmcore) -> None:
    found = report(vmcore, "tslog")
    boot = vmcore.facts["realtime"] - vmcore.facts["monotonic"]
    assert abs(found["boot_s"] - boot) < 3
    for line in found["lines"]:
        assert abs(line["wall_s"] - boot - line["ts_ns"] / 1e9) < 4


def test_descriptors_and_limits_of_cmd_files_are_those_of_proc(vmcore: Vmcore) -> None:
    traced = planted(vmcore, "traced")
    (task,) = report(vmcore, "taskinfo --cmd files --taskfilter TR")["tasks"]
    told = vmcore.facts["processes"][str(traced["pid"])]["fd"]
    shown = dict(re.findall(r"^ *(\d+) +[0-9a-f]{16} .*? (\S+)$", task["output"], re.M))
    assert {fd: path for fd, path in told.items() if path.startswith("/")} == {
        fd: path for fd, path in shown.items() if path.startswith("/")
    }


def test_threads_are_counted_by_state_as_proc_did(vmcore: Vmcore) -> None:
    counts = report(vmcore, "taskinfo --summary")["counts"]["by_state"]
    names = {"T": "TASK_STOPPED", "t": "TASK_TRACED", "Z": "EXIT_ZOMBIE"}
    for letter, name in names.items():
        told = [task for task in vmcore.facts["tasks"] if task["state"] == letter]
        assert counts.get(name, 0) == len(told), name
    # The others sleep and wake between the facts and the dump, a few at a time.
    for letter, name in (("S", "TASK_INTERRUPTIBLE"), ("D", "TASK_UNINTERRUPTIBLE")):
        told = [task for task in vmcore.facts["tasks"] if task["state"] == letter]
        assert abs(counts[name] - len(told)) <= 4, name
