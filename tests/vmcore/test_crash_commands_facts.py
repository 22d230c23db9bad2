# SPDX-License-Identifier: GPL-2.0-or-later
"""crash commands beside what the guest's own /proc and commands said."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from crash_texts import texts
from harness import Vmcore

STATES = {"R": "RU", "S": "IN", "D": "UN", "T": "ST", "t": "TR", "Z": "ZO", "I": "ID"}


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def asked(vmcore: Vmcore) -> dict[str, Any]:
    daemons = " ".join(str(pid) for pid in sleepers(vmcore))
    pids = sleepers(vmcore)
    return texts(
        vmcore,
        [
            *("ps", "ps -S", "ps -k", "ps -G", f"ps -a {daemons}", f"ps -r {daemons}", "mount"),
            *("foreach bt", "foreach UN bt", "irq", "irq -s", "irq -a", "ipcs", "dev", "dev -d"),
            *("dev -i", "net", "net -a", "kmem -i", "kmem -z", "kmem -f", "kmem -V", "swap"),
            *("runq -d", "struct rq.nr_running runqueues:a", "bt -v", "sys -c write", "log -d"),
            *("sym -l", "sys -c", "log -m", "log -T", "mach -m", "bpf", "task -R pid,comm,tgid 1"),
            *(f"{command} {pid}" for command in ("files", "vm", "sig", "net -s") for pid in pids),
        ],
    )


def sleepers(vmcore: Vmcore) -> list[int]:
    """Some processes that slept from before the facts to the dump."""
    found = [
        task["pid"]
        for task in vmcore.facts["tasks"]
        if task["state"] in "SD"
        and not task["kernel_thread"]
        and task["pid"] == task["tgid"] > 1
        and task["pid"] != vmcore.facts["collector"]
        and (vmcore.facts["processes"].get(str(task["pid"])) or {}).get("maps")
    ]
    return found[:12]


def by_pid(vmcore: Vmcore) -> dict[int, list[str]]:
    table = (line[1:].split(None, 8) for line in asked(vmcore)["ps"].splitlines()[1:])
    return {int(row[0]): row for row in table if row[0] != "0"}


def test_ps_shows_the_tasks_of_proc(vmcore: Vmcore) -> None:
    ours, compared = by_pid(vmcore), 0
    for task in vmcore.facts["tasks"]:
        row = ours.get(task["pid"])
        if row is None or task["pid"] in (vmcore.facts["collector"], 1):
            continue
        comm = bytes.fromhex(task["comm_hex"]).decode("utf-8", "backslashreplace")
        if not comm.isprintable():
            continue
        assert int(row[1]) == task["ppid"], row
        # /proc has the whole name of a kernel thread.
        comm = comm[:15] if task["kernel_thread"] else comm
        shown = f"[{comm}]" if task["kernel_thread"] else comm
        assert row[8].strip() == shown.strip() or "kworker" in comm, row
        if task["state"] in "DTtZ" and not task["kernel_thread"]:
            assert row[4] == STATES[task["state"]], row
        compared += 1
    assert compared > 100
    kernel = {int(line[1:].split()[0]) for line in asked(vmcore)["ps -k"].splitlines()[1:]}
    theirs = {t["pid"] for t in vmcore.facts["tasks"] if t["kernel_thread"]}
    everyone = {t["pid"] for t in vmcore.facts["tasks"]}
    assert kernel & everyone <= theirs and len(kernel) > 50
    leaders = [line[1:].split()[0] for line in asked(vmcore)["ps -G"].splitlines()[1:]]
    tgids = {task["tgid"] for task in vmcore.facts["tasks"]}
    assert {int(pid) for pid in leaders if pid != "0"} & tgids == tgids & set(ours)


def test_ps_shows_the_memory_of_status(vmcore: Vmcore) -> None:
    ours = by_pid(vmcore)
    for pid in sleepers(vmcore):
        (task,) = (t for t in vmcore.facts["tasks"] if t["pid"] == pid)
        status = dict(line.split(":", 1) for line in task["status"].splitlines() if ":" in line)
        assert int(ours[pid][6]) == int(status["VmSize"].split()[0])
        assert int(ours[pid][7]) == int(status["VmRSS"].split()[0])


def test_ps_shows_limits_and_arguments(vmcore: Vmcore) -> None:
    limits = re.split(r"^PID: ", asked(vmcore)[next(_named(vmcore, "ps -r "))], flags=re.M)[1:]
    arguments = re.split(r"^PID: ", asked(vmcore)[next(_named(vmcore, "ps -a "))], flags=re.M)[1:]
    names = {"Max open files": "NOFILE", "Max processes": "NPROC", "Max stack size": "STACK"}
    compared = 0
    for part in limits:
        pid = int(part.split()[0])
        shown = vmcore.facts["processes"][str(pid)]["limits"]
        ours = {line.split()[0]: line.split()[1:] for line in part.splitlines()[2:] if line}
        for name, key in names.items():
            (line,) = (x for x in shown.splitlines() if x.startswith(name + " "))
            soft, hard = re.split(r"\s{2,}", line[len(name) :].strip())[:2]
            assert [w.strip("()") for w in ours[key]] == [soft, hard]
            compared += 1
    assert compared > 10
    for part in arguments:
        (task,) = (t for t in vmcore.facts["tasks"] if t["pid"] == int(part.split()[0]))
        words = task["cmdline"].rstrip("\0").replace("\0", " ")
        shown = re.search(r"^ARG: (.*)$", part, re.M)[1].strip()
        assert shown == words.strip() or "page excluded" in shown


def _named(vmcore: Vmcore, start: str) -> Any:
    return (name for name in asked(vmcore) if name.startswith(start))


def test_stacks_are_those_of_proc(vmcore: Vmcore) -> None:
    compared = 0
    for part in asked(vmcore)["foreach UN bt"].split("\n\n"):
        pid = int(re.match(r"PID: (\d+)", part)[1])
        found = [task for task in vmcore.facts["tasks"] if task["pid"] == pid]
        if not found or found[0]["state"] != "D" or not found[0]["stack"]:
            continue
        theirs = re.findall(r"\] ([\w.]+)\+0x", found[0]["stack"])
        ours = [m.split(".")[0] for m in re.findall(r"^ *#\d+ \[\w+\] (\S+) at", part, re.M)]
        names = [name.split(".")[0] for name in theirs]
        # /proc leaves out functions of the scheduler and of locks.
        left = iter(ours)
        assert all(name in left for name in names), part
        compared += 1
    assert compared > 0 or not any(t["state"] == "D" for t in vmcore.facts["tasks"])


def test_mounts_are_those_of_proc(vmcore: Vmcore) -> None:
    theirs = [line.split() for line in vmcore.facts["files"]["/proc/mounts"].splitlines()]
    ours = {(row[2], row[3], row[4]) for row in rows(asked(vmcore)["mount"])[1:]}
    # A folder that is mounted over is not in /proc/mounts of a task whose root is above it.
    assert {(row[2], row[0], row[1]) for row in theirs} <= ours


def test_files_are_those_of_proc(vmcore: Vmcore) -> None:
    compared = 0
    for pid in sleepers(vmcore):
        process = vmcore.facts["processes"][str(pid)]
        text = asked(vmcore)[f"files {pid}"]
        ours = {r[0]: " ".join(r[5:]) for r in rows(text) if len(r) > 5 and r[0].isdigit()}
        theirs = {fd: path for fd, path in process["fd"].items() if path}
        assert set(ours) == set(theirs)
        for fd, path in theirs.items():
            if path.startswith("/") and "(deleted)" not in path:
                assert ours[fd] == path, (pid, fd)
                compared += 1
        assert f"CWD: {process['cwd']}" in text
    assert compared > 10


def test_mappings_are_those_of_proc(vmcore: Vmcore) -> None:
    for pid in sleepers(vmcore):
        theirs = [
            line.split(None, 5) for line in vmcore.facts["processes"][str(pid)]["maps"].splitlines()
        ]
        ours = [r for r in rows(asked(vmcore)[f"vm {pid}"])[4:] if len(r) > 3]
        assert [f"{r[1]}-{r[2]}" for r in ours] == [
            "-".join(end.lstrip("0") for end in row[0].split("-"))
            for row in theirs
            if "[vsyscall]" not in row
        ]
        paths = [row[5] if len(row) > 5 and row[5].startswith("/") else "" for row in theirs]
        assert [" ".join(r[4:]) for r in ours] == paths[: len(ours)]


def test_signals_are_those_of_status(vmcore: Vmcore) -> None:
    for pid in sleepers(vmcore):
        (task,) = (t for t in vmcore.facts["tasks"] if t["pid"] == pid)
        status = dict(line.split(":", 1) for line in task["status"].splitlines() if ":" in line)
        text = asked(vmcore)[f"sig {pid}"]
        assert f"BLOCKED: {status['SigBlk'].strip()}" in text
        actions = re.findall(r"^ *\[(\d+)\] \w+ +(\w+) ", text, re.M)
        ignored = sum(1 << int(n) - 1 for n, handler in actions if handler == "SIG_IGN")
        caught = sum(1 << int(n) - 1 for n, handler in actions if not handler.startswith("SIG_"))
        assert f"{ignored:016x}" == status["SigIgn"].strip()
        assert f"{caught:016x}" == status["SigCgt"].strip()


def test_sockets_are_the_open_ones_of_proc(vmcore: Vmcore) -> None:
    for pid in sleepers(vmcore):
        theirs = {
            fd
            for fd, path in vmcore.facts["processes"][str(pid)]["fd"].items()
            if (path or "").startswith("socket:")
        }
        lines = rows(asked(vmcore)[f"net -s {pid}"])
        assert {r[0] for r in lines if r and r[0].isdigit()} == theirs


def test_interrupts_are_those_of_proc(vmcore: Vmcore) -> None:
    theirs = {}
    for line in vmcore.facts["files"]["/proc/interrupts"].splitlines()[1:]:
        found = re.match(r" *(\d+):((?: +\d+)+) +(.*)", line)
        if found:
            theirs[int(found[1])] = (list(map(int, found[2].split())), found[3].split()[-1])
    ours = {}
    for row in rows(asked(vmcore)["irq -s"])[1:]:
        ours[int(row[0].rstrip(":"))] = (row[1:], row[-1])
    assert set(ours) == set(theirs)
    for irq, (counts, name) in theirs.items():
        assert ours[irq][1] == name
        now = list(map(int, ours[irq][0][: len(counts)]))
        assert all(before <= after for before, after in zip(counts, now)), irq
    for row in rows(asked(vmcore)["irq -a"])[1:]:
        path = f"/proc/irq/{row[0]}/smp_affinity_list"
        if path in vmcore.facts["files"]:
            assert row[-1] == vmcore.facts["files"][path].strip(), row


def test_devices_are_those_of_proc(vmcore: Vmcore) -> None:
    text = vmcore.facts["files"]["/proc/devices"]
    theirs = [line.split(None, 1) for line in text.splitlines() if re.match(r" *\d", line)]
    ours = [row[:2] for row in rows(asked(vmcore)["dev"]) if row and row[0].isdigit()]
    assert sorted(map(tuple, theirs)) == sorted(map(tuple, ours))
    disks = {
        each["kname"] for each in json.loads(vmcore.facts["commands"]["lsblk"])["blockdevices"]
    }
    assert disks <= {row[2] for row in rows(asked(vmcore)["dev -d"])[1:]}
    memory = asked(vmcore)["dev -i"].split("\n\n")[1]
    ranges = {(row[1], " ".join(row[2:])) for row in rows(memory)[1:]}
    iomem = vmcore.facts["files"]["/proc/iomem"].splitlines()
    for line in iomem:
        place, _, name = line.strip().partition(" : ")
        assert (place, name) in ranges


def test_network_is_that_of_the_guest(vmcore: Vmcore) -> None:
    theirs = {}
    for device in json.loads(vmcore.facts["commands"]["ip_address"]):
        theirs[device["ifname"]] = {each["local"] for each in device["addr_info"]}
    ours = {
        row[1]: {word.rstrip(",") for word in row[2:]} for row in rows(asked(vmcore)["net"])[1:]
    }
    assert ours == theirs
    known = {(r[1], r[3], r[4]) for r in rows(asked(vmcore)["net -a"])[1:] if len(r) > 4}
    for row in rows(vmcore.facts["files"]["/proc/net/arp"])[1:]:
        assert (row[0], row[3], row[5]) in known


def test_ipcs_are_those_of_the_guest(vmcore: Vmcore) -> None:
    theirs = set()
    for line in vmcore.facts["commands"]["ipcs"].splitlines():
        if line.startswith("0x"):
            theirs.add(tuple(line.split()[:2]))
    ours = {(f"0x{row[1]}", row[2]) for row in rows(asked(vmcore)["ipcs"]) if len(row) > 4}
    ours = {pair for pair in ours if pair[1].isdigit()}
    assert ours == theirs and len(theirs) == 3


def test_memory_is_that_of_meminfo(vmcore: Vmcore) -> None:
    lines = vmcore.facts["files"]["/proc/meminfo"].splitlines()
    theirs = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    ours = {}
    for line in asked(vmcore)["kmem -i"].splitlines()[1:]:
        found = re.match(r" *([A-Z ]+?) +(\d+) ", line)
        if found:
            ours[found[1]] = 4 * int(found[2])
    for name, key in (("TOTAL MEM", "MemTotal"), ("COMMIT LIMIT", "CommitLimit")):
        assert abs(ours[name] - theirs[key]) < 4, name
    # These move on until the dump is taken.
    for name, key in (("FREE", "MemFree"), ("SLAB", "Slab"), ("COMMITTED", "Committed_AS")):
        assert abs(ours[name] - theirs[key]) < 0.4 * theirs[key], name
    assert abs(ours["BUFFERS"] - theirs["Buffers"]) < 4096
    assert ours["TOTAL SWAP"] == theirs["SwapTotal"]
    assert "(verified)" in asked(vmcore)["kmem -f"] or "(found" in asked(vmcore)["kmem -f"]


def test_symbols_are_those_of_kallsyms(vmcore: Vmcore) -> None:
    ours = set()
    for line in asked(vmcore)["sym -l"].splitlines():
        found = re.fullmatch(r"(\w+) \((.)\) (\S+)", line)
        if found:
            ours.add((int(found[1], 16), found[3]))
    lines = (vmcore.directory / "kallsyms.txt").read_text().splitlines()
    theirs = {
        (int(addr, 16), name)
        for addr, kind, name, *module in map(str.split, lines)
        if kind in "tT" and not module
    }
    assert len(theirs - ours) < 0.001 * len(theirs)
    assert len(theirs) > 30_000


def test_dates_and_levels_of_the_log(vmcore: Vmcore) -> None:
    plain = vmcore.facts["commands"]["dmesg"].splitlines()
    levels = asked(vmcore)["log -m"].splitlines()
    assert re.fullmatch(r"\[ *0\.000000\] <\d>Linux version .*", levels[0])
    assert len(levels) >= len(plain)
    assert re.match(r"\[\w{3} \w{3} .\d \d\d:\d\d:\d\d UTC 20\d\d\] ", asked(vmcore)["log -T"])


def test_run_queues_hold_as_many_tasks_as_the_kernel_counted(vmcore: Vmcore) -> None:
    counted = re.findall(r"nr_running = (\d+)", asked(vmcore)["struct rq.nr_running runqueues:a"])
    queues = asked(vmcore)["runq -d"].split("CPU ")[1:]
    listed = [
        sum("PID: " in line and "PID: 0 " not in line for line in queue.splitlines())
        for queue in queues
    ]
    assert listed == list(map(int, counted))


def test_no_stack_of_the_guests_overflowed(vmcore: Vmcore) -> None:
    assert asked(vmcore)["bt -v"] == "No stack overflows detected\n"


def test_devices_of_log_records_are_in_their_texts(vmcore: Vmcore) -> None:
    text = asked(vmcore)["log -d"]
    found = re.findall(r"\n\[ *[\d.]+\] (\S+) ([\w:.]+): .*\n +SUBSYSTEM=(\w+)\n", text)
    assert len(found) > 50
    assert re.search(r"^ +DEVICE=\+pci:0000:00:0\d\.\d$", text, re.MULTILINE)


def test_system_calls_by_name_and_number(vmcore: Vmcore) -> None:
    found = rows(asked(vmcore)["sys -c write"])[1:]
    assert ["1", "__x64_sys_write"] in [row[:2] for row in found]
    assert all("write" in row[1] for row in found)


def test_members_of_tasks(vmcore: Vmcore) -> None:
    text = asked(vmcore)["task -R pid,comm,tgid 1"]
    assert "\n  pid = 1\n" in text and '\n  comm = "init' in text and "\n  tgid = 1\n" in text


@pytest.mark.parametrize("command", ["kmem -z", "kmem -V", "mach -m", "sys -c", "swap", "bpf"])
def test_commands_without_facts_answer(vmcore: Vmcore, command: str) -> None:
    assert not asked(vmcore)[command].startswith("ERROR")
