# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic names: workqueues, printed. Records are in LinuxDump.work_queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from LinuxDump.task_records import task_table
from LinuxDump.work_items import Work
from LinuxDump.work_queues import PoolWorkqueue, WorkqueueState, workqueue_state
from LinuxDump.worker_pools import WorkerPool
from pykdump import API
from pykdump.symbols import addr2sym

# What a script gets by a star import: these and the whole API, some of which is read only then.
__all__ = ["print_all_workqueues", *API.__all__]


def __getattr__(name: str) -> Any:
    return getattr(API, name)


def print_all_workqueues(v: int = 0) -> None:
    """Print all workqueues with their pools that have works.

    :param v: 1 for the pools without works and the idle workers too.
    """
    state = workqueue_state()
    for line in _lines(state, v):
        print(line)


def _lines(state: WorkqueueState, v: int) -> Iterator[str]:
    pools = {pool.addr: pool for pool in state.pools}
    for queue in state.workqueues:
        name = queue.name.decode("utf-8", "backslashreplace")
        yield f"------- {name} <struct workqueue_struct {queue.addr:#x}> -------"
        for pwq in queue.pwqs:
            pool = pools.get(pwq.pool_addr)
            if pool is not None and (v or pwq.nr_active or pwq.inactive):
                yield from _pwq_lines(pwq, pool, v)
        for flusher in queue.flushers:
            yield f"      flushed by {_comm(flusher.task_addr)}"
        for delayed in state.delayed:
            if delayed.workqueue_addr == queue.addr:
                yield (
                    f"      delayed: <struct delayed_work {delayed.addr:#x}> "
                    f"{_function(delayed.func_addr)}"
                )


def _pwq_lines(pwq: PoolWorkqueue, pool: WorkerPool, v: int) -> Iterator[str]:
    yield (
        f"   <struct pool_workqueue {pwq.addr:#x}> active={pwq.nr_active} "
        f"delayed={len(pwq.inactive)}"
    )
    yield (
        f"     <struct worker_pool {pool.addr:#x}> nr_workers={pool.nr_workers} "
        f"nr_idle={pool.nr_idle}"
    )
    for worker in pool.workers:
        if v or worker.current_pwq_addr == pwq.addr:
            function = _function(worker.current_func_addr) if worker.current_func_addr else ""
            yield f"       <struct worker {worker.addr:#x}> {_comm(worker.task_addr)} {function}"
    for work in pool.pending:
        if work.data.pwq_addr == pwq.addr:
            yield _work_line("pending", work)
    for work in pwq.inactive:
        yield _work_line("inactive", work)


def _work_line(kind: str, work: Work) -> str:
    return f"       {kind}: <struct work_struct {work.addr:#x}> {_function(work.func_addr)}"


def _comm(task: int) -> str:
    found = task_table().by_addr.get(task)
    return found.comm.decode("utf-8", "backslashreplace") if found else f"<task {task:#x}>"


def _function(addr: int) -> str:
    return str(addr2sym(addr) or f"{addr:#x}")
