# SPDX-License-Identifier: GPL-2.0-or-later
"""Worker pools (kernel/workqueue.c): the kthreads that run works, and what they are at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import trees
from LinuxDump.work_items import Work, read_works
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_lists

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("worker_pool_idr", "wq_barrier_func")

# kernel/workqueue.c
_WORKER_IDLE = 4
_POOL_DISASSOCIATED = 4

_LIMIT = 4 * 1024 * 1024

_POOL = Layout(
    "struct worker_pool", *("cpu", "node", "id", "flags", "nr_workers", "nr_idle", "attrs.nice")
)
_WORKER = Layout(
    "struct worker",
    *("task", "current_work", "current_func", "current_pwq", "last_active", "flags", "id", "desc"),
    "rescue_wq",
)


@dataclass(frozen=True)
class Worker:
    """A ``struct worker``: a kthread that runs works."""

    addr: int
    task_addr: int  #: struct task_struct *
    id: int
    is_idle: bool
    current_work_addr: int  #: struct work_struct * that it runs, which may be freed; 0 for none
    current_func_addr: int
    current_pwq_addr: int  #: struct pool_workqueue * that this work came from
    last_active_jiffies: int  #: since when it is idle
    desc: bytes  #: what the work's function said that it does
    rescues_addr: int  #: struct workqueue_struct *, of a rescuer
    scheduled: tuple[Work, ...]  #: to be run by this very worker, next


@dataclass(frozen=True)
class WorkerPool:
    """A ``struct worker_pool``."""

    addr: int
    id: int
    cpu: int  #: -1: workers run on any CPU
    node: int
    nice: int
    is_bh: bool  #: its works run in softirqs, it has no kthreads
    is_disassociated: bool  #: cut off from its CPU, which is offline, or bound to none
    nr_workers: int
    nr_idle: int
    workers: tuple[Worker, ...]
    pending: tuple[Work, ...]  #: waiting for a worker, in order


def worker_pools() -> list[WorkerPool]:
    """All pools by id; unreadable ones are skipped with a warning."""
    lowlevel.prefetch_symbols(SYMBOLS)
    ids = trees.idr(lowlevel.symbol_address("worker_pool_idr"), limit=_LIMIT)
    if ids.end != "complete":
        pylog.warning(f"worker_pool_idr is broken ({ids.end} at {ids.stopped_at:#x})")
    addrs = [pointer for _, pointer in ids.entries]
    rows = _POOL.read_many(addrs)
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"worker_pool {addr:#x}: page is not in the dump, pool skipped")
    pools = [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
    return _records(pools)


def read_workers(addrs: Sequence[int]) -> list[Worker]:
    """The workers at these addresses; unreadable ones are skipped with a warning.

    :param addrs: ``struct worker *``.
    """
    rows = _WORKER.read_many(addrs)
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"worker {addr:#x}: page is not in the dump, worker skipped")
    found = [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
    scheduled = works_of_lists([addr for addr, _ in found], "struct worker", "scheduled")
    return [
        Worker(
            *(addr, row.task, row.id, bool(row.flags & _WORKER_IDLE)),
            *(row.current_work, row.current_func, row.current_pwq, row.last_active, row.desc),
            *(row.rescue_wq, works),
        )
        for (addr, row), works in zip(found, scheduled)
    ]


def works_of_lists(owners: Sequence[int], struct: str, member: str) -> list[tuple[Work, ...]]:
    """Works on a list of each of these objects, in order.

    :param owners: addresses of the objects.
    :param member: the list's head in ``struct``.
    """
    lists = entries_of_lists(owners, struct, member, "struct work_struct", "entry")
    return [tuple(read_works(addrs)) for addrs in lists]


def entries_of_lists(
    owners: Sequence[int], struct: str, member: str, entry: str, node: str
) -> list[list[int]]:
    """Addresses of the entries on a list of each of these objects; damage is warned of."""
    head_at = lowlevel.member(struct, member).offset
    node_at = lowlevel.member(entry, node).offset
    found = []
    walks = walk_lists([owner + head_at for owner in owners], limit=_LIMIT)
    for owner, walk in zip(owners, walks):
        if walk.end != "complete":
            pylog.warning(
                f"{struct} {owner:#x}: its list {member} is broken behind {len(walk.nodes)} "
                f"entries ({walk.end} at {walk.stopped_at:#x})"
            )
        found.append([at - node_at for at in walk.nodes])
    return found


def _records(pools: Sequence[tuple[int, Any]]) -> list[WorkerPool]:
    addrs = [addr for addr, _ in pools]
    struct = "struct worker_pool"
    workers = entries_of_lists(addrs, struct, "workers", "struct worker", "node")
    pending = works_of_lists(addrs, struct, "worklist")
    bh_flag = _bh_flag()
    return [
        WorkerPool(
            *(addr, row.id, row.cpu, row.node, row.attrs_nice),
            *(bool(row.flags & bh_flag), bool(row.flags & _POOL_DISASSOCIATED)),
            row.nr_workers,
            row.nr_idle,
            tuple(read_workers(members)),
            works,
        )
        for (addr, row), members, works in zip(pools, workers, pending)
    ]


def _bh_flag() -> int:
    # v6.9 4cb1ef64609f ("workqueue: Implement BH workqueues to eventually replace tasklets"). The
    # enum had no name before.
    if not lowlevel.has_type("enum worker_pool_flags"):
        return 0
    return lowlevel.enumerators("enum worker_pool_flags").get("POOL_BH", 0)
