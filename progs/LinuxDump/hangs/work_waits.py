# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that flush work or workqueues, and who runs that work."""

from __future__ import annotations

from LinuxDump.hangs.finder import Finder, Target, key_of
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.work_items import Work
from LinuxDump.work_queues import Workqueue
from LinuxDump.worker_pools import Worker, WorkerPool


def flush_work(finder: Finder, sleeper: Sleeper) -> Target:
    """In flush_work() or cancel_work_sync(): behind the work is a barrier that names the task."""
    task = sleeper.task.addr
    for pool in finder.pools:
        for worker in pool.workers:
            if _barrier(worker.scheduled, task) is not None:
                return _target(add_running(finder, worker), worker.current_work_addr)
        at = _barrier(pool.pending, task)
        if at is not None:
            return _pending(finder, pool, pool.pending[:at])
    for queue in finder.workqueues:
        if queue.rescuer and _barrier(queue.rescuer.scheduled, task) is not None:
            running = add_running(finder, queue.rescuer)
            return _target(running, queue.rescuer.current_work_addr)
        for pwq in queue.pwqs:
            at = _barrier(pwq.inactive, task)
            if at:
                key = add_queued(finder, pwq.inactive[at - 1], queue)
                return _target(key, pwq.inactive[at - 1].addr)
    return Target("flush_work", "", evidence="no barrier names it: the work may be over by now")


def _target(key: str, addr: int) -> Target:
    return Target("flush_work", key, evidence="the barrier behind the work names it", addr=addr)


def _barrier(works: tuple[Work, ...], task: int) -> int | None:
    return next((at for at, work in enumerate(works) if work.flusher_addr == task), None)


def _pending(finder: Finder, pool: WorkerPool, before: tuple[Work, ...]) -> Target:
    work = next((work for work in reversed(before) if not work.flusher_addr), None)
    if work is None:
        return Target("flush_work", "", evidence="its barrier is queued, with no work before it")
    queue = finder.queue_of_pwq.get(work.data.pwq_addr)
    key = add_queued(finder, work, queue)
    for worker in pool.workers:
        if worker.current_work_addr:
            finder.link(key, add_running(finder, worker), "behind", "in the same pool", True)
    return _target(key, work.addr)


def add_running(finder: Finder, worker: Worker) -> str:
    """The node of the work that a worker runs."""
    addr = worker.current_work_addr
    if finder.has("work", addr):
        return key_of("work", addr)
    text = finder.work_text(worker.current_func_addr, worker.current_pwq_addr)
    key = finder.add("work", addr, f"{text} ({addr:#x})")
    task = finder.add_task(worker.task_addr, f"worker {worker.addr:#x}")
    finder.link(key, task, "run by", "worker.current_work")
    return key


def add_queued(finder: Finder, work: Work, queue: Workqueue | None) -> str:
    """The node of a work that waits in its queue, behind those of the queue that run."""
    if finder.has("work", work.addr):
        return key_of("work", work.addr)
    text = finder.work_text(work.func_addr, queue.pwqs[0].addr if queue and queue.pwqs else 0)
    key = finder.add("work", work.addr, f"queued {text} ({work.addr:#x})")
    if queue and work.data.is_inactive:
        for worker in _running_of(finder, queue):
            evidence = f"max_active {queue.max_active} of the workqueue is reached"
            finder.link(key, add_running(finder, worker), "behind", evidence)
    return key


def _running_of(finder: Finder, queue: Workqueue) -> list[Worker]:
    pwqs = {pwq.addr for pwq in queue.pwqs}
    return [
        worker
        for worker in finder.workers.values()
        if worker.current_pwq_addr in pwqs and worker.current_work_addr
    ]


def flush_workqueue(finder: Finder, sleeper: Sleeper) -> Target:
    """In __flush_workqueue() or drain_workqueue()."""
    for queue in finder.workqueues:
        if any(flusher.task_addr == sleeper.task.addr for flusher in queue.flushers):
            key = add_workqueue(finder, queue)
            return Target("flush_workqueue", key, evidence="it is among the queue's flushers")
    return Target("flush_workqueue", "", evidence=f"it is in {sleeper.caller}()")


def add_workqueue(finder: Finder, queue: Workqueue) -> str:
    """The node of a workqueue that is flushed, held up by the works that run and wait in it."""
    if finder.has("workqueue", queue.addr):
        return key_of("workqueue", queue.addr)
    name = queue.name.decode("utf-8", "backslashreplace")
    key = finder.add("workqueue", queue.addr, f"workqueue {name} ({queue.addr:#x})")
    for worker in _running_of(finder, queue):
        evidence = "worker.current_pwq is one of the workqueue's"
        finder.link(key, add_running(finder, worker), "held up by", evidence)
    return key
