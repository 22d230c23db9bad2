# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for journals, memory, or on wait queues of other owners; and those that sleep."""

from __future__ import annotations

import re

from LinuxDump.hangs.entries import offset
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.sleepers import Sleeper
from pykdump import lowlevel
from pykdump.layout import Layout

_JOURNAL = "struct journal_s"
_JOURNAL_ROW = Layout(_JOURNAL, "j_task", "j_devname")
_JOURNAL_QUEUES = (
    *("j_wait_transaction_locked", "j_wait_done_commit", "j_wait_commit", "j_wait_updates"),
    *("j_wait_reserved", "j_fc_wait"),
)

#: Functions that tell why a task waits, the kind, and whose work it is (a task's name).
_REASONS: tuple[tuple[re.Pattern[str], str, str, bytes], ...] = tuple(
    (re.compile(pattern), kind, text, who)
    for pattern, kind, text, who in (
        (r"throttle_direct_reclaim$", "reclaim", "kswapd to free memory", b"kswapd0"),
        (
            r"reclaim_throttle$|shrink_inactive_list$|too_many_isolated$",
            "reclaim",
            "progress of memory reclaim",
            b"kswapd0",
        ),
        (r"balance_dirty_pages", "dirty_throttle", "write-back: too many dirty pages", b""),
        (
            r"congestion_wait|wait_iff_congested|congestion_wait_timeout",
            "congestion",
            "congestion of write-back to end",
            b"",
        ),
        (r"__alloc_pages_slowpath|alloc_pages_slowpath", "allocation", "free memory", b"kswapd0"),
        (r"mem_cgroup_\w*oom|mem_cgroup_handle_over_high", "memcg", "memory of its cgroup", b""),
        (
            r"xlog_grant_head_wait|xlog_grant_head_check|xfs_log_reserve",
            "xfs_log",
            "space in the log of XFS",
            b"xfsaild",
        ),
        (
            r"xlog_wait|xfs_log_force|xlog_force_lsn|xlog_cil_force",
            "xfs_log",
            "the log of XFS to reach the disk",
            b"",
        ),
        (r"rq_qos_wait|wbt_wait", "rq_qos", "write-back throttling of the disk", b""),
        (r"nfs_idmap|idmap_pipe", "nfs_idmap", "the NFS idmapper", b""),
        (r"request_key|key_wait|wait_for_key_construction", "key", "construction of a key", b""),
        (r"do_coredump|coredump_wait", "coredump", "a core dump", b""),
        (r"exit_mm|zap_threads", "coredump", "the other threads", b""),
    )
)


def journal(finder: Finder, sleeper: Sleeper) -> Target:
    """In jbd2: for a transaction that is locked, or its commit."""
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr:
        return Target("journal", "", evidence=f"it is in {sleeper.waits_in}()")
    head = entry.head_addr - offset("struct wait_queue_head", "head")
    for member in _JOURNAL_QUEUES:
        at = lowlevel.find_member(_JOURNAL, member)
        row = None if at is None else _JOURNAL_ROW.read(head - at.offset)
        if at is not None and row is not None and row.j_task in finder.table.by_addr:
            name = row.j_devname.decode("utf-8", "backslashreplace")
            addr = head - at.offset
            key = finder.add("journal", addr, f"journal {addr:#x} of {name}")
            task = finder.add_task(row.j_task, f"journal {addr:#x}")
            finder.link(key, task, "committed by", "journal_s.j_task")
            return Target("journal", key, evidence=f"it sleeps on {member}")
    return wait_queue(finder, sleeper)


def reason(finder: Finder, sleeper: Sleeper) -> Target | None:
    """Why a task waits as its functions tell; None where they do not."""
    for name in sleeper.names[sleeper.at :]:
        for pattern, kind, text, who in _REASONS:
            if pattern.match(name):
                key = finder.add_with_key(f"reason {text}", kind, text)
                if who:
                    _link_named(finder, key, who, sleeper)
                return Target(kind, key, evidence=f"{name}() is on its stack", is_inferred=True)
    return None


def _link_named(finder: Finder, key: str, comm: bytes, sleeper: Sleeper) -> None:
    for task in finder.table.tasks:
        if task.comm.startswith(comm) and task.addr != sleeper.task.addr:
            evidence = "that is its job"
            finder.link(key, finder.add_known_task(task), "done by", evidence, inferred=True)


def wait_queue(finder: Finder, sleeper: Sleeper) -> Target:
    """On a wait queue, whoever that belongs to; else asleep for a time, or why is not known."""
    for struct, kind in (
        ("struct wait_queue_entry", "wait_queue"),
        ("struct swait_queue", "simple_wait_queue"),
    ):
        entry = finder.entries.find(sleeper, struct)
        if entry is not None and entry.head_addr:
            name = finder.names.of(entry.head_addr)
            text = f"wait queue {entry.head_addr:#x}" + (f" ({name})" if name else "")
            key = finder.add(kind, entry.head_addr, text)
            return Target(kind, key, evidence=f"its {struct} {entry.addr:#x} is in the list")
    if sleeper.has("schedule_timeout", "msleep", "usleep_range_state", "do_nanosleep"):
        return Target("sleep", "", evidence=f"{sleeper.waits_in}() sleeps on no queue")
    if sleeper.waits_in == "kthread":
        return Target("new_kthread", "", evidence="a kernel thread that nobody has woken yet")
    return Target("unknown", "", evidence=f"it is in {sleeper.waits_in}()")
