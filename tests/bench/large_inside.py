# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB with a dump of a large guest open: tasks, objects, tables, stacks; as JSON."""

import json
import os
import statistics
import time

from LinuxDump import BTstack, Slab, modules, task_lists, task_records, trees
from pykdump import lowlevel
from pykdump.layout import Layout

ROUNDS = int(os.environ["PYKDUMP_BENCH_ROUNDS"])
U64 = 1 << 64
TASK = Layout("struct task_struct", "pid", "comm", "State", "exit_state", "Cpu", "Last_ran")
SOCKET, SOCK = "struct socket_alloc", "struct sock_common"

figures = {}


def timed(name, work):
    """Median seconds and number of things into the figures, and the last result."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    figures[name], figures[f"{name}_count"] = statistics.median(seconds), len(result)
    return result


def objects(cache, struct=None, *members):
    """Allocated objects of a slab cache, with columns of their members."""
    found = Slab.objects_of(Slab.cache_named(cache)).allocated
    return Layout(struct, *members).read_columns(found) if struct else found


def table(buckets, count, chain, bucket_size, node, columns=None):
    """Structs in a hash table, with columns of their members."""
    at = lowlevel.member(*node).offset
    walk = trees.hash_table(buckets, count, chain, stride=bucket_size)
    return columns.read_columns(walk, offset=at) if columns else [n - at for n in walk.nodes]


def dentry_table():
    """All dentries that have a name to be found by."""
    count = 1 << 32 - lowlevel.read_uint(lowlevel.symbol_address("d_hash_shift"), 4)
    buckets = lowlevel.read_pointer(lowlevel.symbol_address("dentry_hashtable"))
    return table(buckets, count, trees.HLIST_BL, 8, ("struct dentry", "d_hash"))


def connections():
    """Sockets of TCP that are connected, and their states."""
    info = lowlevel.symbol_address("tcp_hashinfo")
    at = lowlevel.member("struct inet_hashinfo", "ehash").offset
    mask = lowlevel.member("struct inet_hashinfo", "ehash_mask").offset
    size = lowlevel.sizeof("struct inet_ehash_bucket")
    node, columns = (SOCK, "skc_nulls_node"), Layout(SOCK, "skc_state")
    count = lowlevel.read_uint(info + mask, 4) + 1
    return table(
        lowlevel.read_pointer(info + at), count, trees.HLIST_NULLS, size, node, columns=columns
    )


def frames_of(tasks):
    """Frames of the stacks of all tasks that do not run."""
    sleepers = [task for task in tasks if not task.is_running]
    return [frame for stack in BTstack.stacks(sleepers) for frame in stack.frames]


init_task = lowlevel.symbol_address("init_task")
columns = timed("tasks", lambda: TASK.read_columns(task_lists.all_threads(init_task)))
figures["task_sum"] = sum(pid * sum(comm) for pid, comm in zip(columns.pid, columns.comm))
tasks = timed("records", lambda: task_records.TaskTable().tasks)
figures["dentry_sum"] = sum(timed("dentries", lambda: objects("dentry"))) % U64
inodes = timed(
    "inodes",
    lambda: objects("shmem_inode_cache", "struct shmem_inode_info", "vfs_inode.i_ino"),
)
figures["inode_sum"] = sum(inodes.vfs_inode_i_ino)
figures["hashed_sum"] = sum(timed("hashed", dentry_table)) % U64
sockets = timed("sockets", lambda: objects("sock_inode_cache", SOCKET, "socket.type"))
figures["socket_sum"] = sum(sockets.socket_type)
figures["connection_sum"] = sum(timed("connections", connections).skc_state)
modules.add_to_tables()
timed("frames", lambda: frames_of(tasks))
with open(os.environ["PYKDUMP_BENCH_OUT"], "w", encoding="utf-8") as file:
    json.dump(figures, file)
