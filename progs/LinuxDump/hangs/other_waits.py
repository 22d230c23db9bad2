# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for memory, logs, or on wait queues of other owners; and those that sleep."""

from __future__ import annotations

import re

from LinuxDump.hangs import memory_cgroups
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.request_waits import io_of_object_with
from LinuxDump.hangs.sleepers import Sleeper

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
        (r"mem_cgroup_\w*oom|mem_cgroup_handle_over_high", "memcg", "memory", b""),
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


def reason(finder: Finder, sleeper: Sleeper) -> Target | None:
    """Why a task waits as its functions tell; None where they do not."""
    for name in sleeper.names[sleeper.at :]:
        for pattern, kind, text, who in _REASONS:
            if pattern.match(name):
                if kind == "memcg":
                    return _memcg(finder, sleeper, name)
                io = _io_behind(finder, sleeper) if kind == "xfs_log" else None
                if io is not None:
                    return Target(kind, io, evidence=f"{name}() is on its stack")
                key = finder.add_with_key(f"reason {text}", kind, text)
                if who:
                    _link_named(finder, key, who, sleeper)
                return Target(kind, key, evidence=f"{name}() is on its stack", is_inferred=True)
    return None


def _link_named(finder: Finder, key: str, comm: bytes, sleeper: Sleeper) -> None:
    for task in finder.table.tasks:
        if task.comm.startswith(comm) and task.addr != sleeper.task.addr:
            evidence = "that is its job"
            finder.link(key, finder.add_known_task(task), "done by", evidence, True, any_of=True)


def _memcg(finder: Finder, sleeper: Sleeper, function: str) -> Target:
    cgroup = memory_cgroups.of_task(sleeper.task.addr)
    text = cgroup.text if cgroup is not None else "memory of its cgroup"
    addr = cgroup.addr if cgroup is not None else 0
    key = finder.add_with_key(f"memcg {addr:#x}", "memcg", text)
    return Target("memcg", key, evidence=f"{function}() is on its stack", addr=addr)


def _io_behind(finder: Finder, sleeper: Sleeper) -> str | None:
    # What it waits for is on a wait queue of what a bio, when it ends, is told to.
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr:
        return None
    io = io_of_object_with(finder, entry.head_addr)
    if io is None:
        return None
    name = "buffer of the log of XFS" if sleeper.has("xlog_wait_on_iclog") else "the log of XFS"
    key = finder.add("xfs_log", entry.head_addr, f"{name} (wait queue {entry.head_addr:#x})")
    finder.link(key, io, "written by", "bio.bi_private is the object with that wait queue")
    return key


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
