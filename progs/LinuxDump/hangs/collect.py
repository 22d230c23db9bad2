# SPDX-License-Identifier: GPL-2.0-or-later
"""Every task that waits, with what for and behind whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Optional

from LinuxDump import task_selection
from LinuxDump.hangs import (
    completion_waits,
    holders,
    journal_waits,
    lock_waits,
    other_waits,
    pipe_waits,
    poll_waits,
    request_waits,
    user_waits,
)
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.graph import Graph, Link
from LinuxDump.hangs.sleepers import Sleeper, sleepers
from LinuxDump.task_records import Task, task_table
from pykdump import collector, lowlevel, sections
from pykdump.errors import Interrupted, PykdumpError
from pykdump.logging import pylog

_Find = Callable[[Finder, Sleeper], Optional[Target]]


@dataclass(frozen=True)
class Holder:
    """A task that holds what another waits for, or could give it."""

    task_addr: int  #: struct task_struct *
    pid: int
    comm: str
    how: str
    inferred: bool
    evidence: str


@dataclass(frozen=True)
class Wait:
    """A task that waits."""

    task_addr: int  #: struct task_struct *
    pid: int
    tgid: int
    comm: str
    state: str
    cpu: int
    ran_ago_ns: int | None
    waits_in: str  #: innermost function that is not the scheduler's
    caller: str  #: innermost one that is no helper for waiting
    kind: str  #: mutex, rwsem, block_request, ...; "unknown"
    object_addr: int  #: what it waits for, 0 where that is no object or not known
    text: str  #: the same for people, "" when not known
    wants: str  #: "read", "write", "lock", ...
    inferred: bool  #: what it waits for is
    evidence: str
    node: str  #: key of what it waits for in the graph, "" when not known
    in_io: bool  #: in io_schedule()
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True)
class Waits:
    """All that wait, and the graph of them."""

    waits: tuple[Wait, ...]
    graph: Graph
    sleepers: dict[int, Sleeper]  #: by struct task_struct *, all that are off the CPU
    tasks: dict[int, Task]  #: all, by struct task_struct *


#: By the innermost function that is not the scheduler's, the first that matches.
_BY_FUNCTION: tuple[tuple[str, _Find], ...] = (
    (r"_*(ww_)?mutex_lock\w*$", lock_waits.mutex),
    (r"rwsem_down_\w+$|call_rwsem_down_\w+$", lock_waits.rwsem),
    (r"_*down(_\w+)?$", lock_waits.semaphore),
    (r"percpu_rwsem_wait$|__percpu_down_read$", lock_waits.percpu_rwsem),
    (r"percpu_down_write$", lock_waits.percpu_drain),
    (r"(__)?futex_wait\w*$|futex_do_wait$|futex_lock_pi\w*$", user_waits.futex),
    (r"_*rt_mutex_\w+$|rtlock_\w+$|rt_spin_lock\w*$", lock_waits.rt_mutex),
    (
        r"folio_wait_bit\w*$|wait_on_page_bit\w*$|__lock_page\w*$|__folio_lock\w*$",
        request_waits.page,
    ),
    (
        r"(bit|rpc|nfs|nfs4|key|fscache)_wait\w*$|_*wait_on_bit\w*$|wait_var_event\w*$"
        r"|\w+_wait_bit_\w+$|inode_dio_wait$",
        request_waits.bit,
    ),
    (
        r"_*wait_for_common\w*$|do_wait_for_common$|_*wait_for_completion\w*$",
        completion_waits.completion,
    ),
    (
        r"pipe_(read|write|wait)\w*$|wait_for_partner$|fifo_open$|anon_pipe_(read|write)$",
        pipe_waits.pipe,
    ),
    (
        r"unix_stream_read_generic$|unix_stream_data_wait$|unix_wait_for_peer$|sk_wait_data$"
        r"|wait_woken$|sock_alloc_send_pskb$|sock_wait_for_wmem$|sk_stream_wait_\w+$"
        r"|inet_csk_accept$|inet_csk_wait_for_connect$|__skb_wait_for_more_packets$"
        r"|inet_stream_connect$|__inet_stream_connect$|unix_stream_connect$",
        pipe_waits.sock,
    ),
    (r"do_epoll_wait$|ep_poll$", poll_waits.epoll),
    (r"do_sys_poll$|do_poll$|do_select$|core_sys_select$", poll_waits.poll),
    (r"do_wait$|__do_wait$", user_waits.child),
    (r"__refrigerator$|get_signal$|do_freezer_trap$", user_waits.frozen),
    (r"_*do_semtimedop$|do_msgrcv$|do_msgsnd$", user_waits.sysv),
    (
        r"(posix|flock|locks)_lock_inode_wait$|fcntl_setlk\w*$|__break_lease$|flock_lock_\w+$",
        user_waits.file_lock,
    ),
    (
        r"blk_queue_enter$|__bio_queue_enter$|bio_queue_enter$|blk_mq_freeze_queue_wait\w*$"
        r"|__blk_queue_enter$",
        request_waits.queue_entry,
    ),
    (r"blk_mq_get_tag$", request_waits.tag),
    (
        r"__blkdev_direct_IO\w*$|do_blockdev_direct_IO$|(__)?iomap_dio_rw$|blk_io_schedule$",
        request_waits.direct_io,
    ),
    (
        r"wait_transaction_\w+$|add_transaction_credits$|start_this_handle$"
        r"|jbd2_\w+$|do_get_write_access$",
        journal_waits.journal,
    ),
)
_FINDERS = tuple((re.compile(pattern), find) for pattern, find in _BY_FUNCTION)
#: What a task in interruptible sleep waits for in these is worth to be told: somebody is behind it.
_TOLD_OF_SLEEP = frozenset(
    (
        *(lock_waits.mutex, lock_waits.rwsem, lock_waits.semaphore, lock_waits.rt_mutex),
        *(lock_waits.percpu_rwsem, lock_waits.percpu_drain, user_waits.futex, pipe_waits.pipe),
        *(poll_waits.epoll, poll_waits.poll),
        *(pipe_waits.sock, user_waits.child, user_waits.frozen, user_waits.sysv),
        *(user_waits.file_lock, request_waits.page, request_waits.bit),
        *(completion_waits.completion, request_waits.queue_entry, request_waits.tag),
    )
)
_REPORTED = "DS"


def collect() -> Waits:
    """All tasks that wait, on the dump that is open; what was found is kept."""
    global _last
    key = (lowlevel.kernel(), lowlevel.generation)
    if _last is None or _last[0] != key:
        warnings: list[str] = []
        try:
            with collector.paused(), pylog.kept() as warnings:
                finder = _find_all()
                waits = _waits(finder)
        finally:
            for warning in warnings:
                pylog.warning(warning)
        if finder.has_all_types:  # else another try may find more
            _last = ((lowlevel.kernel(), lowlevel.generation), waits, warnings)
        return waits
    for warning in _last[2]:
        pylog.warning(warning)
    return _last[1]


_last: tuple[tuple[object, int], Waits, list[str]] | None = None


def _find_all() -> Finder:
    table = task_table()
    with sections.section("stacks"):
        wanted = [task for task in table.tasks if task.idle_cpu is None and task.state in "DSTtI"]
        found = sleepers(wanted)
    finder = Finder(table, found)
    with sections.section("what tasks wait for"):
        targets = [(sleeper, target) for sleeper in found if (target := _target(finder, sleeper))]
        for sleeper, target in targets:
            _link_task(finder, sleeper, target)
    with sections.section("holders"):
        behind: dict[int, set[int]] = {}
        for sleeper, target in targets:
            node = finder.nodes.get(target.key)
            behind.setdefault(node.addr if node else 0, set()).add(sleeper.task.addr)
        holders.infer(finder, behind)
    finder.targets = targets
    return finder


def _waits(finder: Finder) -> Waits:
    with sections.section("graph"):
        graph = finder.graph()
        waits = tuple(_wait(graph, sleeper, target) for sleeper, target in finder.targets)
    return Waits(waits, graph, finder.by_task, finder.table.by_addr)


def _target(finder: Finder, sleeper: Sleeper) -> Target | None:
    if sleeper.task.state not in _REPORTED:
        return None
    try:
        return _find(finder, sleeper)
    except Interrupted:
        raise
    except PykdumpError as error:
        pylog.warning(f"what pid {sleeper.task.pid} waits for is not known: {error}")
        return Target("unknown", "", evidence=f"it is in {sleeper.waits_in}()")


def _find(finder: Finder, sleeper: Sleeper) -> Target | None:
    find = _finder_of(sleeper.waits_in)
    if find is lock_waits.rt_mutex and sleeper.has("futex_lock_pi", "futex_wait_requeue_pi"):
        find = user_waits.futex
    if sleeper.task.state == "S":
        return find(finder, sleeper) if find in _TOLD_OF_SLEEP else None
    target = find(finder, sleeper) if find else None
    if target is None or not target.key:
        found = other_waits.reason(finder, sleeper)
        if found is None and target is None:
            found = other_waits.wait_queue(finder, sleeper)
        target = found or target
    return target


_known: dict[str, _Find | None] = {}


def _finder_of(name: str) -> _Find | None:
    if name not in _known:
        _known[name] = next((find for pattern, find in _FINDERS if pattern.match(name)), None)
    return _known[name]


def _link_task(finder: Finder, sleeper: Sleeper, target: Target) -> None:
    key = finder.add_known_task(sleeper.task)
    if target.key:
        finder.link(key, target.key, _how(target), target.evidence, target.is_inferred)


def _how(target: Target) -> str:
    if target.wants == "lock":
        return "waits to lock"
    if target.wants in ("read", "write"):
        is_lock = target.kind in ("rwsem", "percpu_rwsem")
        return f"waits to {target.wants}{'-lock' if is_lock else ''}"
    return "waits for"


def _wait(graph: Graph, sleeper: Sleeper, target: Target) -> Wait:
    task: Task = sleeper.task
    node = graph.nodes.get(target.key)
    return Wait(
        *(task.addr, task.pid, task.tgid, task_selection.comm(task), task.state, task.cpu),
        *(task.ran_ago_ns, sleeper.waits_in, sleeper.caller, target.kind),
        target.addr or (node.addr if node is not None else 0),
        node.text if node is not None else "",
        *(target.wants, target.is_inferred, target.evidence, target.key),
        any(name.startswith("io_schedule") for name in sleeper.names[: sleeper.at]),
        tuple(_holders(graph, target.key)),
    )


def _holders(graph: Graph, key: str) -> Sequence[Holder]:
    # Tasks that are behind the object, directly or through other objects.
    found: dict[int, Holder] = {}
    to_do: list[tuple[str, bool]] = [(key, False)]
    seen = {key}
    while to_do:
        at, inferred = to_do.pop()
        for link in graph.outgoing(at):
            node, unsure = graph.nodes[link.target], inferred or link.inferred
            if node.kind == "task":
                found.setdefault(node.addr, _holder(node.addr, graph, link, unsure))
            elif link.target not in seen:
                seen.add(link.target)
                to_do.append((link.target, unsure))
    return list(found.values())


def _holder(addr: int, graph: Graph, link: Link, inferred: bool) -> Holder:
    task = task_table().by_addr[addr]
    return Holder(addr, task.pid, task_selection.comm(task), link.how, inferred, link.evidence)
