# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks, wait queues, workqueues, timers and file locks beside what the guest said of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_locks.py"

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What the dump holds, read once for each."""
    if vmcore.name not in _found:
        out = tmp_path / "locks.json"
        files = next(iter(vmcore.forms.values()))
        run = gdb(
            f"target kdump {' '.join(map(str, files))}",
            f"source {SCRIPT}",
            args=[vmcore.vmlinux],
            env={"LOCKS_OUT": str(out), "FACTS": str(vmcore.directory / "facts.json")},
        )
        assert out.exists(), run.out + run.err
        assert "WARNING" not in run.out
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


def waiting_for(vmcore: Vmcore, kind: str) -> list[int]:
    """Tasks that the module made wait for its objects of a kind, in the order of their coming."""
    threads = vmcore.facts["module"]["threads"]
    return [thread["task"] for thread in threads if thread["waits_for"] == kind]


def tasks(waiters: Any) -> list[int]:
    return [waiter["task_addr"] for waiter in waiters]


def test_mutex_has_the_guests_owner_and_queue(vmcore: Vmcore, found: Any) -> None:
    mutex = found["mutex"]
    assert mutex["owner_addr"] == vmcore.facts["module"]["locks"]["owner"]
    assert "waiters" in mutex["flags"]
    assert tasks(mutex["waiters"]) == waiting_for(vmcore, "mutex")


def test_rwsem_held_for_reading_has_its_reader_and_the_writer_behind(
    vmcore: Vmcore, found: Any
) -> None:
    owner = vmcore.facts["module"]["locks"]["owner"]
    held_for, readers, writer, last_reader, _ = found["rwsem_read"]["state"]
    assert (held_for, readers, writer, last_reader) == ("read", 1, 0, owner)
    (waiter,) = found["rwsem_read"]["waiters"]
    assert waiter["wants"] == "write"
    assert waiter["task_addr"] == waiting_for(vmcore, "rwsem")[0]


def test_rwsem_held_for_writing_has_its_owner_and_the_reader_behind(
    vmcore: Vmcore, found: Any
) -> None:
    owner = vmcore.facts["module"]["locks"]["owner"]
    held_for, readers, writer, last_reader, _ = found["rwsem_write"]["state"]
    assert (held_for, readers, writer, last_reader) == ("write", 0, owner, 0)
    (waiter,) = found["rwsem_write"]["waiters"]
    assert waiter["wants"] == "read"
    assert waiter["task_addr"] == waiting_for(vmcore, "rwsem")[1]


def test_semaphore_and_completion_have_the_guests_waiters(vmcore: Vmcore, found: Any) -> None:
    assert found["semaphore"]["count"] == 0
    assert tasks(found["semaphore"]["waiters"]) == waiting_for(vmcore, "semaphore")
    worker = vmcore.facts["module"]["work"]["worker"]
    assert found["completion"]["done"] == 0
    assert tasks(found["completion"]["waiters"]) == [*waiting_for(vmcore, "completion"), worker]


def test_wait_queue_has_the_guests_sleepers(vmcore: Vmcore, found: Any) -> None:
    # wait_event() puts the latest first.
    assert sorted(tasks(found["wait_queue"])) == sorted(waiting_for(vmcore, "wait_queue"))
    assert not any(entry["flags"] for entry in found["wait_queue"])


def test_frozen_file_system_makes_its_writer_wait(vmcore: Vmcore, found: Any) -> None:
    writer = vmcore.facts["planted"]["frozen_fs_writer"]["pid"]
    assert found["frozen"]
    waiters = [
        (found["pids"][str(waiter["task_addr"])], waiter["wants"], semaphore["is_blocked"])
        for semaphores in found["frozen"]
        for semaphore in semaphores
        for waiter in semaphore["waiters"]
    ]
    assert (writer, "read", True) in waiters
    stuck = [t["pid"] for t in vmcore.facts["tasks"] if "percpu_rwsem_wait" in (t["stack"] or "")]
    assert sorted(pid for pid, _, _ in waiters) == stuck


def test_bit_waiters_are_in_functions_that_wait_for_bits(vmcore: Vmcore, found: Any) -> None:
    by_pid = {task["pid"]: task for task in vmcore.facts["tasks"]}
    assert found["bits"]
    for waiter in found["bits"]:
        task = by_pid[found["pids"][str(waiter["task_addr"])]]
        assert re.search(r"wait_on_bit|wait_bit|folio|page|wait_var", task["stack"]), task


def test_futexes_have_the_tasks_that_wait_in_futex(vmcore: Vmcore, found: Any) -> None:
    ours = {found["pids"][str(waiter["task_addr"])]: waiter for waiter in found["futexes"]}
    told = [t for t in vmcore.facts["tasks"] if "futex_wait" in (t["stack"] or "")]
    assert sorted(ours) == sorted(task["pid"] for task in told)
    planted = vmcore.facts["planted"]["futex"]
    (waiter,) = [t for t in told if (t["tgid"], t["comm"]) == (planted["pid"], planted["waiter"])]
    assert ours[waiter["pid"]]["kind"] == "private"
    maps = vmcore.facts["processes"][str(planted["pid"])]["maps"].splitlines()
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
    assert any(low <= ours[waiter["pid"]]["user_addr"] < high for low, high in ranges)


def test_quiet_spinlock_is_free(found: Any) -> None:
    assert not found["spinlock"]["is_locked"]
    assert not found["spinlock"]["has_waiters"]


def test_workqueue_has_the_guests_works(vmcore: Vmcore, found: Any) -> None:
    work = vmcore.facts["module"]["work"]
    queues = {queue["addr"]: queue for queue in found["workqueues"]["workqueues"]}
    queue = queues[work["workqueue"]]
    assert (queue["name"], queue["max_active"]) == (work["name"], 1)
    inactive = [item for pwq in queue["pwqs"] for item in pwq["inactive"]]
    assert [item["addr"] for item in inactive] == [work["inactive"]["work"]]
    # "pykdump_wq", since 6.8 "kworker/R-pykdu"
    assert "pykdu" in found["comms"][str(queue["rescuer"]["task_addr"])]
    assert queues[work["ordered"]]["flags"] & 0x2_0000  # __WQ_ORDERED


def test_worker_runs_the_guests_work(vmcore: Vmcore, found: Any) -> None:
    work = vmcore.facts["module"]["work"]
    (at,) = [i for i, each in enumerate(found["running"]) if each["task_addr"] == work["worker"]]
    worker = found["running"][at]
    assert worker["current_work_addr"] == work["running"]["work"]
    assert found["running_in"][at] == work["workqueue"]
    name, offset, module = found["functions"][str(worker["current_func_addr"])]
    assert f"{name} [{module}]" == work["running"]["function"]
    assert offset == 0
    (pool,) = [pool for pool in found["workqueues"]["pools"] if worker in pool["workers"]]
    assert pool["cpu"] == work["cpu"]


def test_pools_have_all_the_guests_workers(vmcore: Vmcore, found: Any) -> None:
    pools = found["workqueues"]["pools"]
    ours = {found["pids"].get(str(w["task_addr"])) for pool in pools for w in pool["workers"]}
    told = {
        task["pid"]
        for task in vmcore.facts["tasks"]
        if re.match(r"kworker/[u\d]", task["comm"]) and task["kernel_thread"]
    }
    # kworkers may come and go after the facts were written.
    assert len(told & ours) >= len(told) - 2
    for pool in pools:
        assert len(pool["workers"]) == pool["nr_workers"]
        assert sum(worker["is_idle"] for worker in pool["workers"]) == pool["nr_idle"]


def test_delayed_work_is_on_its_way(vmcore: Vmcore, found: Any) -> None:
    work = vmcore.facts["module"]["work"]
    (delayed,) = [
        each for each in found["workqueues"]["delayed"] if each["addr"] == work["delayed"]["work"]
    ]
    assert delayed["expires_jiffies"] >= work["delayed"]["expires"]
    assert (delayed["workqueue_addr"], delayed["cpu"]) == (work["ordered"], 1)


def test_timers_are_pending(vmcore: Vmcore, found: Any) -> None:
    module = vmcore.facts["module"]
    (timer,) = [each for each in found["timers"] if each["addr"] == module["timer"]["timer"]]
    assert timer["expires_jiffies"] == module["timer"]["expires"]
    name, _, owner = found["functions"][str(timer["func_addr"])]
    assert f"{name} [{owner}]" == module["timer"]["function"]
    assert 0 <= found["jiffies"] - module["jiffies"] < 600 * module["hz"]
    assert len(found["timers"]) > 10


def test_file_locks_are_those_of_proc_locks(vmcore: Vmcore, found: Any) -> None:
    assert [_line(*lock) for lock in found["file_locks"]] == [
        tuple(re.sub(r"^\d+:", "", line).split())
        for line in vmcore.facts["files"]["/proc/locks"].splitlines()
    ]


def _line(level: int, lock: Any, kind: str) -> tuple[str, ...]:
    device = lock["device"]
    end = "EOF" if lock["end"] is None else str(lock["end"])
    return (
        *(["->"] if level else []),
        *(kind, "ADVISORY", lock["type"], str(lock["pid"])),
        *(f"{device >> 20:02x}:{device & 0xFFFFF:02x}:{lock['ino']}", str(lock["start"]), end),
    )


def test_requests_for_file_locks_sleep_in_the_guests_waiters(vmcore: Vmcore, found: Any) -> None:
    planted = vmcore.facts["planted"]
    sleepers = {
        found["pids"][str(addr)] for _, lock, _ in found["file_locks"] for addr in lock["sleepers"]
    }
    assert sleepers == {planted["lock_posix"]["waiter"], planted["lock_flock"]["waiter"]}


def test_files_have_the_locks_of_the_global_list(found: Any) -> None:
    for inode, addrs in found["inode_locks"].items():
        held = [lock for level, lock, _ in found["file_locks"] if level == 0]
        expected = {lock["addr"] for lock in held if lock["inode_addr"] == int(inode)}
        assert set(addrs) == expected


#: Run in GDB: reads locks where the guest planted broken lists, and where nothing is.
DAMAGE = """
import json
from LinuxDump import file_locks, locks, spinlocks, wait_queues
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.logging import pylog

def member(struct, name):
    return lowlevel.member(struct, name).offset

def waiters_at(struct):
    return member(struct, compat.spelling(struct, "Waiters"))

lists = json.load(open({facts!r}))["module"]["lists"]
told = dict()
for name in "cyclic", "cut", "null", "unmapped", "self":
    head = lists[name]["head"]
    pylog.start(quiet=True)
    mutex = locks.read_mutex(head - waiters_at("struct mutex"))
    rwsem = locks.read_rwsem(head - waiters_at("struct rw_semaphore"))
    queue = wait_queues.wait_queue(head - member("struct wait_queue_head", "head"))
    waiters = len(mutex.waiters) + len(rwsem.waiters)
    tasks = sum(entry.task_addr != 0 for entry in queue)
    told[name] = (waiters + tasks, " ".join(pylog.problems()))
pylog.start(quiet=True)
for read in locks.read_mutex, locks.read_rwsem, locks.read_semaphore, wait_queues.read_completion:
    for addr in 0, 0x1234, (1 << 64) - 8:
        try:
            read(addr)
        except ReadError as error:
            continue
        raise AssertionError(read)
assert spinlocks.read_spinlock(0) is None
assert file_locks.inode_locks(8) == []
print("DAMAGE " + json.dumps(told))
"""


def test_broken_lists_are_warned_of_and_no_waiters_are_made_up(
    vmcore: Vmcore, tmp_path: Path
) -> None:
    script = tmp_path / "damage.py"
    script.write_text(DAMAGE.format(facts=str(vmcore.directory / "facts.json")))
    files = " ".join(map(str, next(iter(vmcore.forms.values()))))
    run = gdb(f"target kdump {files}", f"source {script}", args=[vmcore.vmlinux])
    assert "DAMAGE " in run.out, run.out + run.err
    for name, (waiters, problems) in json.loads(run.out.split("DAMAGE ", 1)[1]).items():
        assert waiters == 0, name
        assert problems.count("broken behind") == 3, (name, problems)
