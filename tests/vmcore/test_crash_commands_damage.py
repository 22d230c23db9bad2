# SPDX-License-Identifier: GPL-2.0-or-later
"""crash commands on a copy of a dump with damage in it: a line for each, and the rest goes on."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

import harness
from crash_texts import asked
from damaged_dump import leave_out, overwrite

NONSENSE = 0x4141_4141_4141_4140
CACHE = "kmalloc-64"
EXIT_DEAD = 0x10  # include/linux/sched.h
AUDIT = "audit(1489384479.809:4346): arch=c000003e syscall=2 success=yes"


#: Prints where the damage goes, as physical addresses, and what is there before.
PLACES = """
python
import json
from LinuxDump import Slab, printk, slab_details
from LinuxDump.fs import mounts
from LinuxDump.task_records import task_table
from pykdump import lowlevel

def member(struct, name): return lowlevel.member(struct, name).offset
def physical(addr): return lowlevel.dump().translate(addr)

cache = Slab.cache_named("kmalloc-64")
(node,) = slab_details.node_slabs(cache)
states = slab_details.states(cache, node.partial)
slab = next(state for state in states if len(state.free) > 3)
first = lowlevel.read_pointer(slab.addr + member("struct slab", "freelist"))
at_next = lowlevel.read_uint(cache.addr + member("struct kmem_cache", "offset"), 4)

ring = lowlevel.read_pointer(lowlevel.symbol_address("prb"))
texts = lowlevel.read_pointer(ring + member("struct printk_ringbuffer", "text_data_ring.data"))

debug = next(mount for mount in mounts.mounts() if mount.mountpoint == "/sys/kernel/debug")
tasks = [task for task in task_table().tasks if task.state == "S" and task.pid == task.tgid]
task = tasks[len(tasks) // 2]
# Of another task what a task gives up as it exits, and its exit_state.
others = [t for t in tasks if t.pgd_addr and t.addr & -4096 != task.addr & -4096]
exiting = others[len(others) // 2]
members = "mm", "active_mm", "files", "fs", "nsproxy", "signal", "sighand"
# An audit message in a page that nobody has: struct sk_buff, then its data.
pages = __import__("LinuxDump.pages", fromlist=["pages"])
free = next(pfn for first, end in lowlevel.dump().ram_ranges() for pfn in range(end - 1, first, -1)
            if pages.free_order_of(pfn) is not None)
queue = lowlevel.symbol_address("audit_queue")
print("PLACES", json.dumps({
    "exiting_pid": exiting.pid,
    "exiting": [physical(exiting.addr + member("struct task_struct", m)) for m in members],
    "exit_state": physical(exiting.addr + member("struct task_struct", "exit_state")),
    "skb": pages.address_of(free),
    "skb_at": free * 4096,
    "skb_data": member("struct sk_buff", "data"),
    "audit_queue": queue,
    "audit_queue_at": physical(queue),
    "freelist": physical(first + at_next),
    "log": physical(texts + 3 * 4096),
    "mount": physical(debug.addr + member("struct mount", "mnt.mnt_root")),
    "mount_addr": debug.addr,
    "task": physical(task.addr),
    "task_addr": task.addr,
    "slab": slab.addr,
}))
end
"""

COMMANDS = [
    *("kmem -s", f"kmem -S {CACHE}", "log", "log -T", "mount", "ps", "ps -k", "foreach bt"),
    "list task_struct.tasks -h init_task",
    *("foreach files", "foreach sig", "mod", "sys", "runq", "log -a"),
]
#: What is asked of the task that is exiting.
OF_TASK = [
    *("ps", "bt", "files", "files -c", "vm", "vm -p", "vm -m", "sig", "sig -g", "net -s", "net -S"),
    *("net -n", "task -R pid", "set", "ps -a", "ps -r", "ps -t", "ps -g", "ps -c", "ps -p"),
    *("mount -n", "ipcs -n", "bt -t", "bt -o", "bt -e", "vtop -c"),
]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Iterator[dict[str, Any]]:
    """What the commands say of a whole dump and of one with damage, and where that is."""
    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["elf-d31"]
    folder = tmp_path_factory.mktemp("damaged")
    places = folder / "places.gdb"
    places.write_text(PLACES)
    run = gdb(f"target kdump {original}", f"source {places}", args=[vmcore.vmlinux])
    found = re.search(r"^PLACES (.*)$", run.out, re.MULTILINE)
    assert found, run.out + run.err
    where = json.loads(found[1])
    copy = folder / "vmcore"
    shutil.copy(original, copy)
    copy.chmod(0o600)
    for name in "freelist", "mount":
        overwrite(copy, where[name], struct.pack("<Q", NONSENSE))
    for at in where["exiting"]:
        overwrite(copy, at, bytes(8))
    overwrite(copy, where["exit_state"], struct.pack("<I", EXIT_DEAD))
    _plant_audit_message(copy, where)
    for name in "log", "task":
        leave_out(copy, where[name])
    of_task = [f"{command} {where['exiting_pid']}" for command in OF_TASK]
    texts = {
        name: asked(vmcore.vmlinux, [dump], COMMANDS + of_task)
        for name, dump in (("whole", original), ("damaged", copy))
    }
    yield {"where": where, "facts": vmcore.facts, **texts}
    copy.unlink()


def _plant_audit_message(copy: Path, where: dict[str, Any]) -> None:
    text = AUDIT.encode()
    skb = bytearray(1024)
    struct.pack_into("<QQ", skb, 0, where["audit_queue"], where["audit_queue"])
    struct.pack_into("<Q", skb, where["skb_data"], where["skb"] + 1024)
    # struct nlmsghdr: length, type, flags, number and port
    message = struct.pack("<IHHII", 16 + len(text), 1300, 0, 0, 0) + text
    overwrite(copy, where["skb_at"], bytes(skb) + message)
    overwrite(copy, where["audit_queue_at"], struct.pack("<QQ", where["skb"], where["skb"]))


def told(damaged: dict[str, Any], command: str) -> list[str]:
    """The lines that begin with the command's name."""
    name = command.split()[0]
    return [x for x in damaged["damaged"][command].splitlines() if x.startswith(f"{name}: ")]


def test_a_damaged_freelist_is_told_once_and_the_other_caches_are_listed(
    damaged: dict[str, Any]
) -> None:
    (line,) = told(damaged, "kmem -s")
    assert CACHE in line and f"{damaged['where']['slab']:#x}" in line
    assert damaged["damaged"]["kmem -s"].startswith("CACHE ")
    # All caches have a row, and all but this one the same as before.
    before, after = (
        {row.split()[-1]: row for row in damaged[name]["kmem -s"].splitlines()[1:] if row != line}
        for name in ("whole", "damaged")
    )
    assert set(before) == set(after)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {CACHE}, [(before[n], after[n]) for n in changed]


def test_objects_of_a_damaged_cache_are_listed(damaged: dict[str, Any]) -> None:
    lines = damaged["damaged"][f"kmem -S {CACHE}"].splitlines()
    assert len(told(damaged, f"kmem -S {CACHE}")) <= 2
    objects = {line.split()[0].strip("[]") for line in lines if re.match(r"  [ \[]ffff", line)}
    before = damaged["whole"][f"kmem -S {CACHE}"].splitlines()
    assert objects == {x.split()[0].strip("[]") for x in before if re.match(r"  [ \[]ffff", x)}


def test_a_log_with_a_page_missing_goes_on_behind(damaged: dict[str, Any]) -> None:
    dmesg = damaged["facts"]["commands"]["dmesg"].rstrip("\n").split("\n")
    lines = damaged["damaged"]["log"].splitlines()
    (line,) = told(damaged, "log")
    assert re.search(r"\d+ records of the kernel's log cannot be read", line)
    assert lines[0] == dmesg[0] and lines[-2] == damaged["whole"]["log"].splitlines()[-1]
    missing = set(dmesg) - set(lines)
    assert 5 < len(missing) < 100
    # One piece is missing, and nothing that the guest did not see is told.
    places = [place for place, text in enumerate(dmesg) if text in missing]
    assert places[-1] - places[0] < len(places) + 3


def test_a_mount_whose_dentry_is_gone_has_a_row(damaged: dict[str, Any]) -> None:
    before = damaged["whole"]["mount"].splitlines()
    after = [x for x in damaged["damaged"]["mount"].splitlines() if not x.startswith("mount: ")]
    assert len(after) == len(before)
    (row,) = [x for x in after if x.startswith(f"{damaged['where']['mount_addr']:x} ")]
    assert "debugfs" in row and "/sys/kernel/debug" not in row
    assert [x for x in after if x != row] == [x for x in before if "/sys/kernel/debug" not in x]


def test_a_task_on_a_missing_page_is_told_and_the_others_are_listed(
    damaged: dict[str, Any]
) -> None:
    page = damaged["where"]["task_addr"] & -4096
    for command in "ps", "foreach bt", "foreach files", "foreach sig":
        lines = damaged["damaged"][command].splitlines()
        found = {
            int(x, 16) for line in lines for x in re.findall(r"(?:TASK: | )(ffff\w{12}) ", line)
        }
        assert found, command
    before, after = (
        {row[1:].split()[3] for row in damaged[name]["ps"].splitlines()[1:] if row[1:2] == " "}
        for name in ("whole", "damaged")
    )
    lost = before - after
    assert lost and all(
        page <= int(addr, 16) + 16384 and int(addr, 16) < page + 4096 for addr in lost
    )
    assert len(lost) <= 2


def test_a_list_goes_on_from_its_other_end(damaged: dict[str, Any]) -> None:
    command = "list task_struct.tasks -h init_task"
    (line,) = told(damaged, command)
    assert re.fullmatch(r"list: invalid list entry: ffff\w+: \d+ entries behind are told .*", line)
    before, after = (
        [x for x in damaged[name][command].splitlines() if not x.startswith("list: ")]
        for name in ("whole", "damaged")
    )
    # What cannot be read is known from the entries beside it.
    assert after == before


@pytest.mark.parametrize("command", ["mod", "sys", "runq"])
def test_what_the_damage_is_not_of_is_as_before(damaged: dict[str, Any], command: str) -> None:
    def plain(text: str) -> str:
        # What is lost of the tasks is said by all that read them.
        text = re.sub(r"^\w+: (the list of processes is|1 task_structs) .*\n", "", text, flags=re.M)
        return re.sub(r"(DUMPFILE|TASKS): .*", "", text)

    assert plain(damaged["damaged"][command]) == plain(damaged["whole"][command])


def test_a_task_that_is_exiting_has_a_line_for_what_it_gave_up(damaged: dict[str, Any]) -> None:
    pid, texts = damaged["where"]["exiting_pid"], damaged["damaged"]
    gone = {
        "files": "No open files",
        "files -c": "No open files",
        "vm": "0                 0            0k       0k",
        "vm -p": "0                 0            0k       0k",
        "vm -m": "(no user memory)",
        "sig": "the task is exiting",
        "sig -g": "the process is exiting",
        "net -s": "No open sockets.",
        "net -S": "No open sockets.",
        "ps -a": "(no user memory)",
    }
    for name, line in gone.items():
        text = texts[f"{name} {pid}"]
        assert text.count(line) == 1 and f"PID: {pid} " in text, (name, text)
        own = [x for x in text.splitlines() if not x.startswith(f"{name.split()[0]}: ")]
        assert len(own) <= 4, (name, text)
    for name in "net -n", "mount -n", "ipcs -n":
        assert re.fullmatch(
            rf"ERROR (\w+: .*\n)*\w+: task {pid} has no .* namespace: it is exiting",
            texts[f"{name} {pid}"],
        ), texts[f"{name} {pid}"]
    (row,) = (x.split() for x in texts[f"ps {pid}"].splitlines() if x.split()[0] == str(pid))
    assert row[4] == "DE" and row[6:8] == ["0", "0"]
    # Its stack is there still.
    for name in "bt", "bt -t", "bt -o", "task -R pid", "set", "ps -t":
        whole = damaged["whole"][f"{name} {pid}"].splitlines()
        now = [x for x in texts[f"{name} {pid}"].splitlines() if not x.startswith(f"{name[:2]}")]
        assert len(whole) - 2 <= len(now) <= len(whole), name
    assert all("Traceback" not in text for text in texts.values())


def test_the_list_of_tasks_is_told_of_once(damaged: dict[str, Any]) -> None:
    for command, text in damaged["damaged"].items():
        lines = [line for line in text.splitlines() if "list of processes" in line]
        assert len(lines) == len(set(lines)) <= 1, command


def test_an_audit_message_is_shown(damaged: dict[str, Any]) -> None:
    assert damaged["whole"]["log -a"] == "kernel audit log is empty\n"
    assert damaged["damaged"]["log -a"] == f"type=1300 {AUDIT}\n"


def test_a_cpu_whose_task_is_missing_is_told_with_its_registers(tmp_path: Path) -> None:
    vmcore = harness.get("6.1-panic")
    (original,) = vmcore.forms["elf-d31"]
    places = (
        "python t = int(gdb.parse_and_eval('(unsigned long) $pyk_current(0)'))",
        "python from pykdump import lowlevel",
        "python print('AT', hex(t), lowlevel.dump().translate(t))",
        "crash bt -c 0",
    )
    said = gdb(f"target kdump {original}", *places, args=[vmcore.vmlinux]).out
    task, place = re.findall(r"^AT (\S+) (\d+)$", said, re.MULTILINE)[0]
    sp, rip = re.findall(r"^ #0 \[(\w+)\] \S+ at (\w+)$", said, re.MULTILINE)[0]
    copy = tmp_path / "vmcore"
    shutil.copy(original, copy)
    copy.chmod(0o600)
    leave_out(copy, int(place))
    said = gdb(f"target kdump {copy}", "crash bt -a", args=[vmcore.vmlinux]).out
    told = re.findall(rf"^bt: what ran on CPU 0, task_struct {task}, .*", said, re.MULTILINE)
    assert len(told) == 1 and f"RIP 0x{rip} (" in told[0] and f"RSP 0x{sp}" in told[0], said
    assert "CPU: 1 " in said and "PID: " in said
