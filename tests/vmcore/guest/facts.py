# SPDX-License-Identifier: GPL-2.0-or-later
"""Write down what the guest knows about itself, then pull the trigger.

Runs as the guest's last new process.  It stays alive: its pid is ``collector`` in the facts, and
it is the task that panics where the trigger is a write of its own.  All addresses are numbers.

facts.json::

    scenario trigger collector uname page_size
    realtime boottime monotonic   clocks at the snapshot of the tasks, in seconds
    tasks       [{pid tgid ppid comm comm_hex state kernel_thread flags cpu policy nice
                  start_ticks, and texts: stack wchan status stat cmdline schedstat}]
                A worker's comm here ends in its workqueue ("kworker/0:2+pykdump_wq"), unlike
                task_struct.comm; kworkers may come and go until the dump.
    processes   {"PID": {maps limits mountinfo ..., fd: {"3": "socket:[517]"}, ns exe cwd root}}
    fdinfo      {"PID": {"3": text}}
    planted     {SITUATION: {pid comm ...}} as noted by the plant-* scripts
    module      what /proc/pykdump_test says: see tests/vmcore/module
    symbols     {name: address} of a few; all are in kallsyms.txt beside
    module_sections  {module: {section: address}}
    files       {path: text} of /proc, /sys and debugfs files
    commands    {name: output} of ss, ip, dmsetup, lsblk ...: see COMMANDS
    late        what came about after the facts were written: {"never_ran": {pid ...}}
"""

from __future__ import annotations

import base64
import glob
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

FACTS_DISK = "/dev/vdc"
TASK_TEXTS = ("stack", "wchan", "status", "stat", "cmdline", "schedstat")
SYMBOLS = ("_text", "_stext", "_etext", "init_task", "linux_banner", "init_net", "jiffies_64")

# Patterns: of a directory, its plain files.
FILES = """
/proc/cmdline /proc/version /proc/iomem /proc/meminfo /proc/cpuinfo /proc/mounts /proc/modules
/proc/slabinfo /proc/locks /proc/interrupts /proc/softirqs /proc/timer_list /proc/loadavg
/proc/uptime /proc/stat /proc/vmstat /proc/zoneinfo /proc/buddyinfo /proc/pagetypeinfo
/proc/partitions /proc/diskstats /proc/swaps /proc/filesystems /proc/devices /proc/misc
/proc/cgroups /proc/keys /proc/schedstat /proc/vmallocinfo /proc/mdstat /proc/scsi/scsi
/proc/self/mountstats /proc/net /proc/net/rpc /proc/fs/nfsfs /proc/fs/nfsd/exports /proc/sysvipc
/proc/irq/*/smp_affinity_list /proc/sys/kernel /proc/sys/vm /proc/sys/fs /proc/sys/net/core
/proc/sys/net/ipv4 /sys/kernel/vmcoreinfo /sys/kernel/slab/pykdump_object /sys/block/*
/sys/block/*/queue /sys/class/scsi_device/*/device /sys/class/scsi_host/* /sys/class/net/*
/sys/class/net/*/statistics /sys/kernel/debug/sched/debug /sys/kernel/debug/sunrpc/*/*
/sys/kernel/debug/block/sde/hctx*
""".split()
# Reading these waits, or changes something.
NEVER_READ = ("/proc/sys/vm/stat_refresh", "/proc/net/rpc/use-gss-proxy")

COMMANDS = {
    "dmsetup_table": "dmsetup table --showkeys",
    "dmsetup_info": "dmsetup info -c",
    "dmsetup_status": "timeout 5 dmsetup status --noflush",
    "lsblk": "lsblk -J -b -O",
    "lsscsi": "lsscsi -L",
    "ip_address": "ip -j -d address",
    "ip_route": "ip -j -d route show table all",
    "ip6_route": "ip -6 -j -d route show table all",
    "ip_neigh": "ip -j neigh",
    "ip_rule": "ip -j rule",
    "ip_netns": "ip -j netns",
    "ss": "ss -O -a -n -t -u -x -w -0 -S -o -e -m -i -p",
    "ss_tcp": "ss -O -a -n -t -o -e -m -i -p",
    "ss_unix": "ss -O -a -n -x -e -m -p",
    "dmesg": "dmesg",
    "lsmod": "lsmod",
    "ipcs": "ipcs -a",
    "iptables": "iptables-save",
}


def read_bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def read_text(path: str) -> str | None:
    data = read_bytes(path)
    return None if data is None else data.decode("utf-8", "backslashreplace")


def collect_files() -> dict[str, str]:
    """Text of the wanted /proc and /sys files; of directories, all plain files in them."""
    files = {}
    for path in sorted(path for pattern in FILES for path in glob.glob(pattern)):
        plain = [path] if os.path.isfile(path) else filter(os.path.isfile, glob.glob(f"{path}/*"))
        for file in plain:
            text = None if file in NEVER_READ else read_text(file)
            if text is not None:
                files[file] = text
    return files


def module_sections() -> dict[str, dict[str, int]]:
    """Where each section of each module was loaded."""
    modules: dict[str, dict[str, int]] = {}
    for path in glob.glob("/sys/module/*/sections"):
        texts = {name: read_text(f"{path}/{name}") for name in os.listdir(path)}
        addresses = {name: int(text, 16) for name, text in texts.items() if text}
        modules[path.split("/")[3]] = addresses
    return modules


def run_commands() -> dict[str, str]:
    """Output of the commands, standard error last."""
    outputs = {}
    for name, command in COMMANDS.items():
        try:
            done = subprocess.run(
                command.split(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            outputs[name] = f"PYKDUMP: {error}"
            continue
        outputs[name] = (done.stdout + done.stderr).decode("utf-8", "backslashreplace")
    return outputs


def collect_task(pid: int, tid: int) -> dict[str, Any] | None:
    """One thread as its /proc directory shows it, None when it has just ended."""
    base = f"/proc/{pid}/task/{tid}"
    stat = read_bytes(f"{base}/stat")
    comm = read_bytes(f"{base}/comm")
    if stat is None or comm is None:
        return None
    comm = comm[:-1]
    # Only the last parenthesis ends the comm: it may hold some itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    task: dict[str, Any] = {
        "pid": tid,
        "tgid": pid,
        "ppid": int(fields[1]),
        "comm": comm.decode("utf-8", "backslashreplace"),
        "comm_hex": comm.hex(),
        "state": fields[0].decode(),
        "kernel_thread": bool(int(fields[6]) & 0x00200000),  # PF_KTHREAD
        "flags": int(fields[6]),
        "cpu": int(fields[36]),
        "policy": int(fields[38]),
        "nice": int(fields[16]),
        "start_ticks": int(fields[19]),
    }
    for name in TASK_TEXTS:
        task[name] = read_text(f"{base}/{name}")
    return task


def collect_tasks() -> list[dict[str, Any]]:
    """All threads of all processes, by pid."""
    tasks = []
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            tids = sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
        tasks += [task for tid in tids if (task := collect_task(pid, tid))]
    return tasks


def collect_process_files(pids: set[int]) -> dict[str, Any]:
    """Per process what is not per thread: open files, namespaces, mounts, memory."""
    processes = {}
    for pid in sorted(pids):
        base = f"/proc/{pid}"
        process: dict[str, Any] = {}
        for name in (
            "maps",
            "limits",
            "environ",
            "oom_score_adj",
            "mountinfo",
            "cgroup",
            "statm",
            "auxv",
        ):
            data = read_bytes(f"{base}/{name}")
            if data:
                process[name] = (
                    base64.b64encode(data).decode()
                    if name == "auxv"
                    else data.decode("utf-8", "backslashreplace")
                )
        for directory in ("fd", "ns"):
            links = {}
            try:
                for entry in os.listdir(f"{base}/{directory}"):
                    links[entry] = os.readlink(f"{base}/{directory}/{entry}")
            except OSError:
                pass
            process[directory] = links
        for link in ("exe", "cwd", "root"):
            try:
                process[link] = os.readlink(f"{base}/{link}")
            except OSError:
                pass
        processes[str(pid)] = process
    return processes


def collect_fdinfo(pids: set[int]) -> dict[str, dict[str, str]]:
    infos = {}
    for pid in sorted(pids):
        try:
            names = os.listdir(f"/proc/{pid}/fdinfo")
        except OSError:
            continue
        texts = {name: read_text(f"/proc/{pid}/fdinfo/{name}") for name in names}
        infos[str(pid)] = {name: text for name, text in texts.items() if text is not None}
    return infos


def symbol_addresses(kallsyms: str) -> dict[str, int]:
    wanted = "|".join(SYMBOLS)
    found = re.findall(rf"^([0-9a-f]+) \w ({wanted})$", kallsyms, re.MULTILINE)
    return {name: int(address, 16) for address, name in found}


def read_planted() -> dict[str, Any]:
    """What the plant scripts noted: a JSON file each, named after the situation."""
    planted = {}
    for path in sorted(Path("/run/planted").glob("*.json")):
        planted[path.stem] = json.loads(path.read_text())
    return planted


def addresses_as_ints(value: Any) -> Any:
    """Our module prints addresses as "0x..." strings: turn them into numbers."""
    if isinstance(value, dict):
        return {key: addresses_as_ints(item) for key, item in value.items()}
    if isinstance(value, list):
        return [addresses_as_ints(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]{16}", value):
        return int(value, 16)
    return value


def write_facts(members: dict[str, bytes]) -> None:
    """Write a tar of ``members`` straight to the disk that the host reads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    with open(FACTS_DISK, "r+b", buffering=0) as disk:
        view = memoryview(buffer.getvalue())
        while view:
            view = view[disk.write(view) :]
        os.fsync(disk.fileno())


def say(text: str) -> None:
    with open("/dev/ttyS0", "w") as console:
        console.write(f"PYKDUMP: {text}\n")


def lock_up_cpu1() -> None:
    """Have CPU 1 spin with interrupts off, and fork a child that is to run there: it never does.

    We are real-time and the child is not, so it does not run before it is moved away.
    """
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(50))
    trigger_module("spin")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.sched_setaffinity(child, {1})
    task = {"pid": child, "ppid": os.getpid(), "comm": "pykdump-facts", "state": "R", "cpu": 1}
    # printk needs no interrupt to reach the console: CPU 1 may be the one that serves the port's.
    with open("/dev/kmsg", "w") as log:
        log.write(f"PYKDUMP: late {json.dumps({'never_ran': task})}\n")


def trigger_module(word: str) -> None:
    with open("/proc/pykdump_test", "w") as file:
        file.write(word)


def pull(trigger: str) -> None:
    if trigger == "lockup":
        lock_up_cpu1()
    elif trigger == "sysrq":
        time.sleep(3)  # the host reads "facts are written" first
        with open("/proc/sysrq-trigger", "w") as file:
            file.write("c")
    elif trigger not in ("none", ""):
        time.sleep(3)
        trigger_module(trigger)
    while True:
        time.sleep(100_000)


def main(scenario: str, trigger: str) -> None:
    Path("/proc/self/comm").write_text("pykdump-facts")
    if trigger == "lockup":
        os.sched_setaffinity(0, {0})
    facts: dict[str, Any] = {"scenario": scenario, "trigger": trigger, "collector": os.getpid()}
    facts["uname"] = dict(zip(("sysname", "nodename", "release", "version", "machine"), os.uname()))
    kallsyms = read_text("/proc/kallsyms") or ""
    facts["symbols"] = symbol_addresses(kallsyms)
    facts["module_sections"] = module_sections()
    facts["commands"] = run_commands()
    facts["planted"] = read_planted()
    facts["module"] = addresses_as_ints(json.loads(read_text("/proc/pykdump_test") or "null"))
    facts["page_size"] = os.sysconf("SC_PAGE_SIZE")
    # From here on no process is started.
    time.sleep(1)
    facts["files"] = collect_files()
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    facts["processes"] = collect_process_files(pids)
    facts["fdinfo"] = collect_fdinfo(pids)
    facts["realtime"] = time.time()
    facts["boottime"] = time.clock_gettime(time.CLOCK_BOOTTIME)
    facts["monotonic"] = time.monotonic()
    facts["tasks"] = collect_tasks()
    members = {
        "facts.json": json.dumps(facts, indent=1).encode(),
        "kallsyms.txt": kallsyms.encode(),
    }
    write_facts(members)
    say("facts are written")
    pull(trigger)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
