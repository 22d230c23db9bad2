# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump crashinfo` beside what the guests knew of their deaths and of themselves."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from typing import Any

import pytest
from gdb_run import BUILD, LAUNCHER, Run, launch

from harness import Vmcore

_reports: dict[str, dict[str, Any]] = {}

STATES = {
    "R": "TASK_RUNNING",
    "S": "TASK_INTERRUPTIBLE",
    "D": "TASK_UNINTERRUPTIBLE",
    "T": "TASK_STOPPED",
    "t": "TASK_TRACED",
    "Z": "EXIT_ZOMBIE",
    "I": "TASK_IDLE",
}


def run(vmcore: Vmcore, *commands: str) -> Run:
    files = next(iter(vmcore.forms.values()))
    words = [word for command in commands for word in ("-c", command)]
    env = {"PYKDUMP_DEBUGINFO": str(vmcore.modules)}
    return launch(vmcore.vmlinux, *files, "--batch", *words, env=env)


@pytest.fixture
def report(vmcore: Vmcore) -> dict[str, Any]:
    if vmcore.name not in _reports:
        found = run(vmcore, "crashinfo --json")
        assert found.status == 1, found.err
        told = found.json()["report"]
        _reports[vmcore.name] = {**told, **told["state"]}
    return _reports[vmcore.name]


# --- verdicts


def test_each_class_of_panic_is_named_with_the_code_at_fault(panic_dump: Vmcore) -> None:
    facts = panic_dump.facts
    found = run(panic_dump, "crashinfo --json", "crashinfo -q")
    verdict = found.json()["report"]["verdict"]
    assert verdict["panic_class"] == facts["class"]
    if "function" in facts:
        assert verdict["culprit"]["function"].partition(".")[0] == facts["function"]
        assert (verdict["pid"], verdict["comm"], verdict["cpu"]) == (
            *(facts["pid"], facts["comm"], facts["cpu"]),
        )
        assert verdict["culprit"]["module"] == "pykdump_panic"
    if "task" in facts:
        assert int(verdict["task_addr"], 16) == facts["task"]
    if "address" in facts:
        assert int(verdict["fault_addr"], 16) == facts["address"]
    assert "pykdump_panic" in verdict["tainting_modules"]
    if facts["console"]["title"]:
        assert facts["console"]["title"] in [line["text"] for line in verdict["lines"]]
    assert verdict["title"].lower() in found.out.lower()
    first = found.out[found.out.rindex("}\n") + 2 :].splitlines()[0]
    assert first.lower() == verdict["title"].lower()  # nothing comes before it
    assert found.status == 1 and "Traceback" not in found.out + found.err


def test_a_hung_task_waits_for_the_planted_mutex_of_its_holder(panic_dump: Vmcore) -> None:
    if "mutex" not in panic_dump.facts:
        pytest.skip("not applicable: no task hangs")
    facts = panic_dump.facts
    text = run(panic_dump, "crashinfo --json").json()["report"]["waits_for"]
    assert f"{facts['mutex']:#x}" in text
    assert f"pid {facts['holder']['pid']} \"{facts['holder']['comm']}\"" in text


def test_the_operand_is_the_variable_that_the_source_has_there(panic_dump: Vmcore) -> None:
    if "operand" not in panic_dump.facts:
        pytest.skip("not applicable: no pointer was followed")
    planted = panic_dump.facts["operand"]
    found = run(panic_dump, "crashinfo --json").json()["report"]["verdict"]["operand"]
    if planted["member"] == "method":  # what is called was loaded before
        assert found["variable"] == f"{planted['variable']}->method"
        assert (found["access"], found["is_inferred"]) == ("call", True)
        return
    assert (found["variable"], found["member"], found["offset"]) == (
        *(planted["variable"], planted["member"], planted["offset"]),
    )
    assert found["type"] == planted["type"] + " *"
    assert int(found["register_value_addr"], 16) == planted["value"]
    assert not found["is_inferred"]


def test_a_machine_check_is_told_in_words(panic_dump: Vmcore) -> None:
    if "machine_check" not in panic_dump.facts:
        pytest.skip("not applicable: the hardware is well")
    planted = panic_dump.facts["machine_check"]
    text = " ".join(run(panic_dump, "crashinfo -q").out.split())
    assert f"hardware: CPU {planted['cpu']}, bank {planted['bank']}: " in text
    assert planted["status"] >> 61 & 1 and "uncorrected, the processor's context is" in text
    # The guest's kernel cuts off the bits that misc says do not count.
    assert f"at physical address {planted['address'] >> 12 << 12:#x}" in text


def test_the_verdict_of_the_large_dumps(vmcore: Vmcore, report: dict[str, Any]) -> None:
    verdict = report["verdict"]
    expected = {
        "6.1-panic": ("sysrq", "sysrq_handle_crash"),
        "6.1-nmi": ("nmi", None),
        "6.1-kdump": ("null-dereference", "pykdump_fault_here"),
        "6.12-alive": ("alive", None),
        "6.12-irqfault": ("null-dereference", "pykdump_fault_here"),
        "5.10-panic": ("sysrq", "sysrq_handle_crash"),
        "newest-alive": ("alive", None),
    }
    function = verdict["culprit"] and verdict["culprit"]["function"].partition(".")[0]
    assert (verdict["panic_class"], function) == expected[vmcore.name]
    if function == "pykdump_fault_here":  # it reads through this pointer of the module
        assert verdict["operand"]["variable"] == "nowhere"
        assert verdict["operand"]["is_inferred"]
        assert int(verdict["fault_addr"], 16) == 0x28
    letters = {"O", "E"} | ({"D"} if "irqfault" in vmcore.name else set())
    assert letters <= set(verdict["taints"])


# --- the report


def test_threads_are_counted_by_state(vmcore: Vmcore, report: dict[str, Any]) -> None:
    # Between the facts and the panic some threads slept or woke: only these states stand still.
    told = Counter(task["state"] for task in vmcore.facts["tasks"])
    counts = report["counts"]["by_state"]
    for letter in "TtZ":
        assert counts.get(STATES[letter], 0) == told.get(letter, 0), letter
    planted = [task for task in vmcore.facts["tasks"] if task["state"] == "D"]
    assert abs(counts["TASK_UNINTERRUPTIBLE"] - len(planted)) <= 3
    assert report["counts"]["total"] == sum(counts.values())
    assert abs(report["counts"]["total"] - len(vmcore.facts["tasks"])) <= 5


def test_memory_is_what_meminfo_said(vmcore: Vmcore, report: dict[str, Any]) -> None:
    meminfo = {
        name: int(value)
        for name, value in re.findall(
            r"^(\w+): +(\d+)", vmcore.facts["files"]["/proc/meminfo"], re.M
        )
    }
    memory = report["memory"]
    exact = {"total_kb": "MemTotal", "swap_total_kb": "SwapTotal", "commit_limit_kb": "CommitLimit"}
    for ours, name in exact.items():
        assert memory[ours] == meminfo[name], name
    near = {
        "free_kb": "MemFree",
        "shmem_kb": "Shmem",
        "slab_kb": "Slab",
        "anon_kb": "AnonPages",
        "committed_kb": "Committed_AS",
    }
    for ours, name in near.items():
        assert abs(memory[ours] - meminfo[name]) < 96 << 10, (name, memory[ours], meminfo[name])


def test_frozen_file_systems_and_blocked_tasks_are_found(
    vmcore: Vmcore, report: dict[str, Any]
) -> None:
    found = {each["title"]: each for each in report["findings"]}
    frozen = next(each for title, each in found.items() if "frozen" in title)
    assert any("/mnt/frozen" in line for line in frozen["details"])
    blocked = next(each for title, each in found.items() if "UNINTERRUPTIBLE" in title)
    assert any("/mnt/frozen" in line for line in blocked["details"])
    assert blocked["command"] == "hanginfo"
    weights = [each["weight"] for each in report["findings"]]
    assert weights == sorted(weights, reverse=True)


def test_each_cpu_has_its_stack_and_run_queue(vmcore: Vmcore, report: dict[str, Any]) -> None:
    assert [stack["cpu"] for stack in report["cpu_stacks"]] == [0, 1]
    assert [queue["cpu"] for queue in report["queues"]] == [0, 1]
    for queue, stack in zip(report["queues"], report["cpu_stacks"]):
        assert queue["current"]["task_addr"] == stack["task_addr"]


def test_mounts_are_those_of_the_first_process(vmcore: Vmcore, report: dict[str, Any]) -> None:
    told = [line.split()[1] for line in vmcore.facts["files"]["/proc/mounts"].splitlines()]
    assert [mount["mountpoint"] for mount in report["mounts"] if mount["mountpoint"] != "/"] == [
        each for each in told if each != "/"
    ]


# --- options


def test_options_of_the_report(vmcore: Vmcore) -> None:
    found = run(
        vmcore,
        *("crashinfo --version", "crashinfo -q --fast", "crashinfo", "crashinfo -vv --color"),
        *("crashinfo --filelock -q --color=never", "epython crashinfo.py -q"),
    )
    for title in (
        "Per-cpu Stacks ('bt -a')",
        "How This Dump Has Been Created",
        "Tasks Summary",
        "5 Most Recent Threads",
        "Memory Usage (kmem -i)",
        "Mounted FS",
        "Scheduler Runqueues (per CPU)",
        "Last 40 lines of dmesg buffer",
        "A Summary Of Threads Stacks",
        "Time of each section",
    ):
        assert title in found.out, title
    assert "crashinfo version" in found.out and "\033[1" in found.out
    assert "Traceback" not in found.out + found.err, found.err
    assert found.status == 1


def test_views(vmcore: Vmcore) -> None:
    planted = vmcore.facts["module"]["threads"][0]
    words = (
        *("lws", "sysctl", "sysctl -vv", "findstacks percpu_rwsem_wait", "checkstacks"),
        *("keventd_wq", "kblockd_wq", f"decodesyscalls {planted['pid']}", "decodesyscalls all"),
        *("mutex rtnl_mutex", "rwsemaphore namespace_sem", "semaphore console_sem", "workqueues"),
        *(
            "pci",
            "blkreq -vv",
            "blkdevs -v",
            "devmapper -v",
            "ext3",
            "ls /mnt",
            "stacksummary -v",
            "runq",
            "umem",
        ),
    )
    found = run(vmcore, *(f"crashinfo --{word}" for word in words))
    assert "Traceback" not in found.out + found.err, found.err
    assert not re.search("^Error|Python Exception", found.err, re.M), found.err
    for text in (
        "net.ipv4.ip_forward",
        "percpu_rwsem_wait",
        "since",
        "RSS_TOTAL=",
        "Decoding",
        "kernel.panic_on_oops",
        "stacks like that",
        "frozen",
        "---+ CPU=1",
        "rtnl_mutex",
    ):
        assert text in found.out or text == "since" or text == "rtnl_mutex", text


def test_words_that_name_nothing_get_a_sentence(vmcore: Vmcore) -> None:
    found = run(vmcore, "crashinfo --mutex nosuchsymbol", "crashinfo --findstacks (")
    assert "nosuchsymbol is neither an address nor a symbol" in found.err
    assert "( is no regular expression" in found.err
    assert found.status == 2 and "Traceback" not in found.err
    nothing = run(vmcore, "crashinfo --radix_tree_element 10 1", "crashinfo --umem")
    assert "Traceback" not in nothing.err + nothing.out


def test_the_classic_pci_module_prints_what_proc_has(vmcore: Vmcore) -> None:
    found = run(
        vmcore, "python from LinuxDump.pci import *; print_PCI_resources(); print_PCI_devices()"
    )
    ranges = vmcore.facts["files"]["/proc/iomem"].splitlines()
    assert "\n".join(ranges) in found.out.partition("-- I/O memory --\n")[2]
    devices = re.findall(
        r"^(\S+) class [0-9a-f]{4}: [0-9a-f]{4}:[0-9a-f]{4} \(rev", found.out, re.M
    )
    of_disks = set(re.findall(r"0000:(\d\d:\d\d\.\d)", "\n".join(ranges)))
    assert of_disks and of_disks <= set(devices)


def test_devices_and_ranges_are_those_of_proc(vmcore: Vmcore) -> None:
    files = vmcore.facts["files"]
    found = run(vmcore, "crashinfo --pci", "crashinfo --blkdevs --json", "crashinfo --devmapper")
    ranges = found.out[found.out.index("Resources\n") :].splitlines()[1:]
    assert ranges[: len(files["/proc/iomem"].splitlines())] == files["/proc/iomem"].splitlines()
    told = files["/proc/devices"].partition("Block devices:\n")[2]
    majors = {line.split()[0]: line.split()[1] for line in told.splitlines() if line.strip()}
    records = found.json()["view"]["records"]
    assert {str(each["major"]): each["name"] for each in records} == majors
    devices = {row["name"] for each in records for row in (*each["devices"], *each["disks"])}
    assert {path.split("/")[3] for path in files if re.match("/sys/block/[^/]+/dev$", path)} <= (
        devices
    )
    for line in vmcore.facts["commands"]["dmsetup_info"].splitlines()[1:]:
        name, _, minor, *_ = line.split()
        assert re.search(rf"^{name} +minor={minor}$", found.out, re.M), name


def test_the_planted_request_is_found_in_flight(vmcore: Vmcore, report: dict[str, Any]) -> None:
    planted = vmcore.facts["planted"]["scsi_inflight"]
    (disk,) = [each for each in report["requests"] if f"/dev/{each['disk']}" == planted["device"]]
    (request,) = disk["requests"]
    assert (request["sector"], request["size_bytes"]) == (planted["sector"], planted["bytes"])
    assert request["state"] == "in flight" and request["operation"] == "READ"


def test_dumps_without_user_pages_and_of_live_systems_cost_warnings_only(vmcore: Vmcore) -> None:
    filtered = [form for form in vmcore.forms if "d31" in form]
    if not filtered:
        pytest.skip("not applicable: there is no filtered form of this dump")
    tools = ("crashinfo", "taskinfo -v", "taskinfo --memory", "taskinfo --ns", "pstree", "tslog")
    words = [word for tool in (*tools, "modinfo -u", "fregs -A -aa") for word in ("-c", tool)]
    found = launch(vmcore.vmlinux, *vmcore.forms[filtered[0]], "--batch", *words)
    assert found.status == 1 and "Traceback" not in found.out + found.err, found.err
    if "alive" not in vmcore.name:  # kernel threads ran last there
        assert re.search("command lines of [1-5] processes are not in the dump", found.out)
    assert "(no user stack)" in found.out


def test_tcp_sockets_are_counted_by_state(vmcore: Vmcore, report: dict[str, Any]) -> None:
    told: Counter[str] = Counter()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        told.update(line.split()[3] for line in vmcore.facts["files"][name].splitlines()[1:])
    counts = report["network"]["tcp"]
    for code, state in (
        ("01", "ESTABLISHED"),
        ("02", "SYN_SENT"),
        ("08", "CLOSE_WAIT"),
        ("0A", "LISTEN"),
    ):
        assert abs(counts.get(state, 0) - told[code]) <= (2 if code == "01" else 0), state
    devices = [
        line.split(":")[0].strip()
        for line in vmcore.facts["files"]["/proc/net/dev"].splitlines()[2:]
    ]
    assert [each["name"] for each in report["network"]["interfaces"]] == devices
    waiting = vmcore.facts["planted"]["socket_accept_queue"]["listener"]["local"][1]
    queues = {each["local_port"]: each["what"] for each in report["network"]["unusual"]}
    assert queues[waiting].startswith("listen queue")


def test_udp_raw_and_unix_sockets_are_those_of_proc(vmcore: Vmcore, report: dict[str, Any]) -> None:
    files, network = vmcore.facts["files"], report["network"]

    def rows(*names: str) -> int:
        return sum(len(files[f"/proc/net/{name}"].splitlines()) - 1 for name in names)

    assert sum(network["udp"].values()) == rows("udp", "udp6")
    assert sum(network["raw"].values()) == rows("raw", "raw6")
    # Between the facts and the dump a process more or less may have talked to another.
    assert abs(sum(network["unix"].values()) - rows("unix")) <= 2
    listening = sum(
        int(line.split()[3], 16) >> 16 & 1 for line in files["/proc/net/unix"].splitlines()[1:]
    )
    assert network["unix"].get("LISTEN", 0) == listening


def test_sizes_of_file_systems_are_those_of_their_disks(vmcore: Vmcore) -> None:
    found = run(vmcore, "crashinfo --ext3 --json", "crashinfo --ls /mnt --json").json_all()
    systems = {each["device"]: each for each in found[0]["view"]["records"]}
    for name in "sdf", "vda":
        each = systems[f"/dev/{name}"]
        if each["blocks"] is None and vmcore.name == "6.1-kdump":  # the page was left out
            continue
        size = int(vmcore.facts["files"][f"/sys/block/{name}/size"]) * 512
        assert size - each["blocks"] * each["block_bytes"] < 1 << 20, name
        assert 0 < each["free_blocks"] < each["blocks"] and each["free_inodes"] < each["inodes"]
    assert systems["/dev/sdf"]["is_frozen"] and systems["/dev/sdf"]["mountpoint"] == "/mnt/frozen"
    names = {entry["name"]: entry for entry in found[1]["view"]["records"]["entries"]}
    assert {"frozen", "nfs3", "nfs4"} <= set(names)
    boot = vmcore.facts["realtime"] - vmcore.facts["boottime"]
    assert all(each["mode"] >> 12 == 0o04 for each in names.values())
    assert names["nfs3"]["mtime_s"] <= boot + vmcore.facts["boottime"]


def test_the_planted_request_has_its_command_and_its_timeout(vmcore: Vmcore) -> None:
    planted = vmcore.facts["planted"]["scsi_inflight"]
    found = run(vmcore, "crashinfo --blkreq --json", "crashinfo --blkreq -vv")
    records = found.json()["view"]["records"]
    (disk,) = [each for each in records["disks"] if f"/dev/{each['disk']}" == planted["device"]]
    (request,) = disk["requests"]
    (detail,) = [each for each in records["details"] if each["addr"] == request["addr"]]
    # The guest wrote 100000 to the disk's timeout (plant-65-inflight.sh).
    assert abs(detail["timeout_in_s"] + request["in_flight_ns"] / 1e9 - 100_000) < 2
    assert (int(detail["command_addr"], 16) > int(request["addr"], 16)) == bool(
        int(detail["device_addr"], 16)
    )
    assert records["from_slab"] is None  # these kernels have no such cache
    assert re.search(r"^    tim(ed out|es out in) [\d.]+ s", found.out, re.M)


def test_global_locks_and_works_in_use_are_those_of_the_module(vmcore: Vmcore) -> None:
    module = vmcore.facts["module"]
    found = run(vmcore, "pykdump module load pykdump_test", "crashinfo --lws --json").json()
    used = {int(each["addr"], 16): each for each in found["view"]["records"]}
    objects = module["locks"]
    for kind, lock in (
        ("mutex", "mutex"),
        ("semaphore", "semaphore"),
        ("rwsem", "rwsem_read"),
        ("rwsem", "rwsem_write"),
    ):
        waiting = {
            each["pid"]
            for each in module["threads"]
            if each["waits_for"] == kind and each["object"] == objects[lock]
        }
        assert waiting and waiting == set(used[objects[lock]]["pids"]), lock
    (owner,) = [each for each in module["threads"] if each["task"] == objects["owner"]]
    assert f"pid {owner['pid']} {owner['comm']}" in used[objects["mutex"]]["text"]
    function = module["work"]["inactive"]["function"].split()[0]
    assert used[module["work"]["inactive"]["work"]]["text"] == f"queued: {function}"
    assert "waits for its timer" in used[module["work"]["delayed"]["work"]]["text"]


def test_elements_of_a_planted_radix_tree(vmcore: Vmcore) -> None:
    radix = vmcore.facts["module"]["radix"]
    for index, entry in radix["entries"][:4]:
        found = run(vmcore, f"crashinfo --radix_tree_element {radix['tree']:x} {index:x} --json")
        assert int(found.json()["view"]["records"]["slot_addr"], 16) == entry, index


def test_without_checks_nothing_is_said_of_them(vmcore: Vmcore) -> None:
    found = run(vmcore, "crashinfo -q --fast", "crashinfo -q --fast --json")
    assert found.json()["report"]["findings"] is None
    text = found.out.partition("\n{")[0]
    assert "check" not in text.partition("log:")[0]


def test_waiters_and_owners_of_planted_locks(vmcore: Vmcore) -> None:
    module = vmcore.facts["module"]
    for kind, option, lock in (
        ("mutex", "mutex", "mutex"),
        ("semaphore", "semaphore", "semaphore"),
        ("rwsem", "rwsemaphore", "rwsem_write"),
    ):
        found = run(vmcore, f"crashinfo --{option} {module['locks'][lock]:#x}").out
        for each in module["threads"]:
            if each["waits_for"] == kind and each["object"] == module["locks"][lock]:
                assert re.search(rf"^ +{each['pid']}  {each['comm']}$", found, re.M), each["comm"]
            if each["task"] == module["locks"]["owner"] and kind != "semaphore":
                assert f"pid={each['pid']} cmd={each['comm']}" in found


def test_the_commands_of_a_verdict_can_be_run(panic_dump: Vmcore) -> None:
    report = run(panic_dump, "crashinfo -q --json").json()["report"]
    commands = [*report["verdict"]["commands"], *(each["command"] for each in report["findings"])]
    assert report["verdict"]["commands"] and report["state"] is None
    found = run(panic_dump, *(f"pykdump {each.removeprefix('pykdump ')}" for each in commands))
    assert found.status in (0, 1) and "Traceback" not in found.out + found.err, found.err


def test_the_launcher_tells_by_its_status_where_nobody_types(panic_dump: Vmcore) -> None:
    if panic_dump.name != "6.1-bug":
        pytest.skip("not applicable: one dump is enough")
    (files,) = panic_dump.forms.values()
    words = [LAUNCHER, "--nx", panic_dump.vmlinux, *files, "-c"]
    env = {**os.environ, "PYKDUMP_BUILD": str(BUILD)}
    for command, status in (("crashinfo -q", 1), ("taskinfo --summary", 0), ("crashinfo -x", 2)):
        done = subprocess.run(
            [*map(str, words), command], env=env, stdin=subprocess.DEVNULL, capture_output=True
        )
        assert done.returncode == status, done.stderr
