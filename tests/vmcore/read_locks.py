# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes locks, workqueues, timers and file locks of a dump to $LOCKS_OUT."""

import json
import os
from dataclasses import asdict

from LinuxDump import (
    BTstack,
    file_locks,
    futexes,
    locks,
    modules,
    percpu_rwsem,
    spinlocks,
    timers,
    wait_bits,
    wait_queues,
    work_queues,
)
from LinuxDump.task_records import task_table
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.walks import walk_list

_SUPER = Layout("struct super_block", "s_writers.frozen")


def frozen():
    """Semaphores of file systems that are frozen or being so."""
    walk = walk_list(lowlevel.symbol_address("super_blocks"))
    at = lowlevel.member("struct super_block", "s_list").offset
    semaphores = lowlevel.member("struct super_block", "s_writers.rw_sem")
    size = lowlevel.sizeof("struct percpu_rw_semaphore")
    supers = [node - at for node in walk.nodes]
    for addr, row in zip(supers, _SUPER.read_many(supers)):
        if row is not None and row.s_writers_frozen:
            levels = range(semaphores.size // size)
            first = addr + semaphores.offset
            yield [asdict(percpu_rwsem.read_percpu_rwsem(first + size * i)) for i in levels]


def main():
    """Collect and write."""
    with open(os.environ["FACTS"], encoding="utf-8") as file:
        module = json.load(file)["module"]
    planted = module["locks"]
    objects = {thread["waits_for"]: thread["object"] for thread in module["threads"]}
    state = work_queues.workqueue_state()
    flat = list(file_locks.flattened(file_locks.file_locks()))
    inodes = {lock.inode_addr for _, lock in flat}
    found = {
        "mutex": asdict(locks.read_mutex(planted["mutex"])),
        "rwsem_read": asdict(locks.read_rwsem(planted["rwsem_read"])),
        "rwsem_write": asdict(locks.read_rwsem(planted["rwsem_write"])),
        "semaphore": asdict(locks.read_semaphore(planted["semaphore"])),
        "completion": asdict(wait_queues.read_completion(objects["completion"])),
        "wait_queue": [asdict(entry) for entry in wait_queues.wait_queue(objects["wait_queue"])],
        "frozen": list(frozen()),
        "futexes": [asdict(waiter) for waiter in futexes.futex_waiters()],
        "bits": [asdict(waiter) for waiter in wait_bits.bit_waiters()],
        "spinlock": asdict(spinlocks.read_spinlock(lowlevel.symbol_address("inode_hash_lock"))),
        "workqueues": asdict(state),
        "running": [asdict(worker) for _, worker in state.running()],
        "running_in": [
            state.workqueue_of(worker.current_pwq_addr).addr for _, worker in state.running()
        ],
        "timers": [asdict(timer) for timer in timers.pending_timers()],
        "jiffies": timers.jiffies(),
        "file_locks": [(level, asdict(lock), lock.kind) for level, lock in flat],
        "inode_locks": {
            inode: [lock.addr for lock in file_locks.inode_locks(inode)] for inode in inodes
        },
        "comms": {task.addr: task.comm for task in task_table().tasks},
        "pids": {task.addr: task.pid for task in task_table().tasks},
    }
    modules.modules()
    symbols = BTstack.tables().symbols
    addrs = {work["current_func_addr"] for work in found["running"]}
    addrs |= {timer["func_addr"] for timer in found["timers"]}
    found["functions"] = {addr: symbols.at(addr) for addr in addrs}
    with open(os.environ["LOCKS_OUT"], "w", encoding="utf-8") as file:
        json.dump(found, file, default=lambda value: value.decode("utf-8", "backslashreplace"))


main()
