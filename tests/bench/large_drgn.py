# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn on a dump of a large guest: does the work of large_inside.py."""

import json
import os
import time

from drgn import Object, container_of
from drgn.helpers.linux import slab
from drgn.helpers.linux.cpumask import for_each_possible_cpu
from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.slab import find_slab_cache, slab_cache_for_each_allocated_object

prog = globals()["prog"]
# A panic takes the other CPUs offline: what was free on theirs would pass for allocated.
slab.for_each_online_cpu = for_each_possible_cpu
U64 = 1 << 64
STACKS = 1000

figures = {}


def timed(name, work):
    """Seconds and number of things into the figures, and the result."""
    started = time.perf_counter()
    result = work()
    figures[name] = time.perf_counter() - started
    figures[f"{name}_count"] = len(result)
    return result


def row_of(task):
    """What `ps` shows of a task."""
    state, ran = task.member_("__state").value_(), task.sched_info.last_arrival.value_()
    return task.pid.value_(), task.comm.string_(), state, task.thread_info.cpu.value_(), ran


def objects(cache, struct):
    """Allocated objects of a slab cache."""
    return slab_cache_for_each_allocated_object(find_slab_cache(prog, cache), struct)


def dentry_table():
    """All dentries that have a name to be found by."""
    heads, found = prog["dentry_hashtable"], []
    for i in range(1 << 32 - prog["d_hash_shift"].value_()):
        first = heads[i].first.read_()
        node = Object(prog, first.type_, value=first.value_() & ~1)  # bit 0 is a lock
        while node:
            found.append(container_of(node, "struct dentry", "d_hash").value_())
            node = node.next.read_()
    return found


def connections():
    """Sockets of TCP that are connected, and their states."""
    info, found = prog["tcp_hashinfo"], []
    for i in range(info.ehash_mask.value_() + 1):
        chain = info.ehash[i].chain
        if chain.first.value_() & 1:
            continue
        for sock in hlist_nulls_for_each_entry(
            "struct sock_common", chain.address_of_(), "skc_nulls_node"
        ):
            found.append(sock.skc_state.value_())
    return found


def frames_of(tasks):
    """Frames of the stacks of some tasks."""
    found = []
    for task in tasks[:STACKS]:
        try:
            trace = prog.stack_trace(task)
        except ValueError:  # it runs
            continue
        found += [frame.name for frame in trace]
    return found


tasks = timed("tasks", lambda: [row_of(task) for task in for_each_task(prog)])
figures["task_sum"] = sum(pid * sum(comm) for pid, comm, *_ in tasks)
dentries = timed("dentries", lambda: [d.value_() for d in objects("dentry", "struct dentry")])
figures["dentry_sum"] = sum(dentries) % U64
inodes = timed(
    "inodes",
    lambda: [
        inode.vfs_inode.i_ino.value_()
        for inode in objects("shmem_inode_cache", "struct shmem_inode_info")
    ],
)
figures["inode_sum"] = sum(inodes)
figures["hashed_sum"] = sum(timed("hashed", dentry_table)) % U64
sockets = timed(
    "sockets",
    lambda: [
        alloc.socket.type.value_() for alloc in objects("sock_inode_cache", "struct socket_alloc")
    ],
)
figures["socket_sum"] = sum(sockets)
figures["connection_sum"] = sum(timed("connections", connections))
tasks = list(for_each_task(prog))
timed("frames", lambda: frames_of(tasks))
with open(os.environ["PYKDUMP_BENCH_OUT"], "w", encoding="utf-8") as file:
    json.dump(figures, file)
