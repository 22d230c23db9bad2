# SPDX-License-Identifier: GPL-2.0-or-later
"""Workqueues (kernel/workqueue.c): what is queued on each, and who waits for a flush."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from LinuxDump import worker_pools
from LinuxDump.wait_queues import read_completion
from LinuxDump.work_items import DelayedWork, Work, delayed_works
from LinuxDump.worker_pools import Worker, WorkerPool, entries_of_lists, works_of_lists
from pykdump import compat, lowlevel
from pykdump.errors import ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = ("workqueues",)

# include/linux/workqueue.h
WQ_FLAGS = {
    **{"BH": 1 << 0, "UNBOUND": 1 << 1, "FREEZABLE": 1 << 2, "MEM_RECLAIM": 1 << 3},
    **{"HIGHPRI": 1 << 4, "CPU_INTENSIVE": 1 << 5, "SYSFS": 1 << 6, "POWER_EFFICIENT": 1 << 7},
    **{"PERCPU": 1 << 8, "DESTROYING": 1 << 15, "DRAINING": 1 << 16, "ORDERED": 1 << 17},
    "LEGACY": 1 << 18,
}

_LIMIT = 1024 * 1024

# v5.15 d812796eb390 ("workqueue: Rename "delayed" (delayed by active management) to "inactive"")
compat.member("struct pool_workqueue", "Inactive", "inactive_works", "delayed_works")
# v6.9 a045a272d887 ("workqueue: Move pwq->max_active to wq->max_active"); before, the value asked
# for was kept for freezing.
compat.member("struct workqueue_struct", "Max_active", "max_active", "saved_max_active")

_WQ = Layout("struct workqueue_struct", "name", "flags", "rescuer", "first_flusher", "Max_active")
_PWQ = Layout("struct pool_workqueue", "pool", "nr_active", "refcnt")
_FLUSHER = Layout("struct wq_flusher", "flush_color")


@dataclass(frozen=True)
class PoolWorkqueue:
    """A ``struct pool_workqueue``: a workqueue's share of a pool."""

    addr: int
    pool_addr: int  #: struct worker_pool *
    nr_active: int  #: works that are running or pending in the pool
    refcnt: int
    inactive: tuple[Work, ...]  #: waiting until nr_active is below the limit, in order


@dataclass(frozen=True)
class Flusher:
    """A task in flush_workqueue()."""

    addr: int  #: struct wq_flusher *
    task_addr: int  #: struct task_struct *, 0 when it was just woken
    color: int


@dataclass(frozen=True)
class Workqueue:
    """A ``struct workqueue_struct``."""

    addr: int
    name: bytes
    flags: int  #: see WQ_FLAGS
    max_active: int
    rescuer: Worker | None
    pwqs: tuple[PoolWorkqueue, ...]
    flushers: tuple[Flusher, ...]  #: the first is being served


@dataclass(frozen=True)
class WorkqueueState:
    """All of the kernel's workqueues."""

    workqueues: tuple[Workqueue, ...]
    pools: tuple[WorkerPool, ...]
    delayed: tuple[DelayedWork, ...]

    def workqueue_of(self, pwq_addr: int) -> Workqueue | None:
        """The workqueue that a ``struct pool_workqueue *`` belongs to; None when there is none."""
        for queue in self.workqueues:
            if any(pwq.addr == pwq_addr for pwq in queue.pwqs):
                return queue
        return None

    def running(self) -> Iterator[tuple[WorkerPool | None, Worker]]:
        """Workers that run a work, with their pools; None for a rescuer between pools."""
        seen = set()
        for pool in self.pools:
            for worker in pool.workers:
                seen.add(worker.addr)
                if worker.current_work_addr:
                    yield pool, worker
        for queue in self.workqueues:
            rescuer = queue.rescuer
            if rescuer and rescuer.addr not in seen and rescuer.current_work_addr:
                yield None, rescuer


def workqueue_state() -> WorkqueueState:
    """Workqueues, pools and delayed works of the dump; damage is warned of."""
    return WorkqueueState(
        tuple(workqueues()), tuple(worker_pools.worker_pools()), tuple(delayed_works())
    )


def workqueues() -> list[Workqueue]:
    """All workqueues in the order of creation; unreadable ones are skipped with a warning."""
    node_at = lowlevel.member("struct workqueue_struct", "list").offset
    walk = walk_list(lowlevel.symbol_address("workqueues"), limit=_LIMIT)
    if walk.end != "complete":
        pylog.warning(
            f"the list of workqueues is broken behind {len(walk.nodes)} ({walk.end} at "
            f"{walk.stopped_at:#x})"
        )
    addrs = [node - node_at for node in walk.nodes]
    rows = _WQ.read_many(addrs)
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"workqueue_struct {addr:#x}: page is not in the dump, it is skipped")
    found = [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
    pwqs = entries_of_lists(
        [addr for addr, _ in found],
        *("struct workqueue_struct", "pwqs", "struct pool_workqueue", "pwqs_node"),
    )
    return [_workqueue(addr, row, members) for (addr, row), members in zip(found, pwqs)]


def _workqueue(addr: int, row: Any, pwqs: Sequence[int]) -> Workqueue:
    rescuers = worker_pools.read_workers([row.rescuer]) if row.rescuer else []
    return Workqueue(
        *(addr, row.name, row.flags, row.Max_active),
        rescuers[0] if rescuers else None,
        tuple(_pwqs(pwqs)),
        tuple(_flushers(addr, row.first_flusher)),
    )


def _pwqs(addrs: Sequence[int]) -> Iterator[PoolWorkqueue]:
    inactive = compat.spelling("struct pool_workqueue", "Inactive")
    works = works_of_lists(addrs, "struct pool_workqueue", inactive)
    for addr, row, waiting in zip(addrs, _PWQ.read_many(addrs), works):
        if row is None:
            pylog.warning(f"pool_workqueue {addr:#x}: page is not in the dump, it is skipped")
        else:
            yield PoolWorkqueue(addr, row.pool, row.nr_active, row.refcnt, waiting)


def _flushers(addr: int, first: int) -> Iterator[Flusher]:
    found = [first] if first else []
    for queue in "flusher_queue", "flusher_overflow":
        (more,) = entries_of_lists(
            [addr], "struct workqueue_struct", queue, "struct wq_flusher", "list"
        )
        found += more
    for flusher, row in zip(found, _FLUSHER.read_many(found)):
        try:
            done = read_completion(flusher + lowlevel.member("struct wq_flusher", "done").offset)
        except ReadError as error:
            pylog.warning(f"workqueue_struct {addr:#x}: who flushes it is unknown: {error}")
            continue
        task = done.waiters[0].task_addr if done.waiters else 0
        yield Flusher(flusher, task, 0 if row is None else row.flush_color)
