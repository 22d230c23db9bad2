# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of memory: how much is free, who has it, who waits for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from LinuxDump import Slab, crash_text, task_memory
from LinuxDump.findings import SHOWN, WARNING, Finding
from LinuxDump.situation import Situation
from LinuxDump.task_selection import comm
from pykdump.printing import counted

_SHARE_MAX = 0.25  # of memory, for one process
_RECLAIM = re.compile(
    r"try_to_free_(mem_cgroup_)?pages|shrink_(node|lruvec|zones?|slab|inactive_list)|"
    r"__alloc_pages_direct_(reclaim|compact)|balance_dirty_pages|throttle_direct_reclaim"
)


def free_memory(situation: Situation) -> Iterator[Finding]:
    memory = situation.memory
    if not memory.total_kb:
        return
    if memory.writeback_kb * 100 > memory.total_kb * max(1, memory.dirty_ratio):
        share = memory.writeback_kb * 100 // memory.total_kb
        yield Finding(WARNING, f"{share} % of memory is under writeback", (), "crashinfo --blkreq")
    if memory.free_kb * 10 > memory.total_kb:
        return
    free = f"{memory.free_kb * 100 // memory.total_kb} % of memory is free"
    committed = memory.committed_kb
    if committed is not None and committed > memory.commit_limit_kb > 0:
        share = committed * 100 // memory.commit_limit_kb
        yield Finding(40, f"{free}, {share} % of the limit is committed", (), "taskinfo --memory")
    unused = sum(huge.size_kb * huge.free for huge in memory.huge_pages)
    if memory.huge_kb * 2 > memory.total_kb and unused * 10 > memory.huge_kb * 3:
        title = f"{free}, and {unused * 100 // memory.huge_kb} % of the huge pages are not used"
        yield Finding(55, title, (), "taskinfo --memory")
    used = memory.swap_total_kb - memory.swap_free_kb
    if memory.swap_total_kb * 5 >= memory.total_kb and used * 100 > memory.swap_total_kb * 15:
        share = used * 100 // memory.swap_total_kb
        yield Finding(45, f"{free}, {share} % of the swap space is used", (), "taskinfo --memory")


def is_fragmented(situation: Situation) -> bool:
    """Whether there are hardly any free blocks of more than a page, or of more than four."""
    return any(_blocks(situation, order) < 2 for order in (1, 3))


def _blocks(situation: Situation, order: int) -> int:
    return sum(sum(each.counted[order:]) for each in situation.free_blocks)


def fragmentation(situation: Situation) -> Iterator[Finding]:
    for order, size in ((1, "8 kB"), (3, "32 kB")):
        if _blocks(situation, order) < 2:
            title = f"memory is fragmented: no free {size} blocks"
            zones = tuple(crash_text.zone_lines(situation.free_blocks))
            yield Finding(WARNING, title, zones, "crash kmem -f")
            return


def slab_caches(situation: Situation) -> Iterator[Finding]:
    damaged = Slab.damaged_slabs()
    if damaged:
        names = ", ".join(sorted({each.cache for each in damaged})[:SHOWN])
        details = [
            f"{each.cache}: struct slab {each.slab_addr:#x}, its list breaks at {each.at_addr:#x}"
            for each in damaged[:SHOWN]
        ]
        title = f"SLAB corruption: {counted(len(damaged), 'slab')} of {names}"
        yield Finding(84, title, tuple(details), f"slab {damaged[0].cache}")


def big_processes(situation: Situation) -> Iterator[Finding]:
    total = situation.memory.total_kb
    leaders = [task for task in situation.threads if task.pid == task.tgid]
    found = task_memory.memory([task.addr for task in leaders])
    for task, memory in zip(leaders, found):
        if memory is not None and total and memory.rss_kb > _SHARE_MAX * total:
            share = memory.rss_kb * 100 // total
            title = f"pid {task.pid} {comm(task)} has {share} % of the memory"
            yield Finding(42, title, (), "taskinfo --memory")


def pressure(situation: Situation) -> Iterator[Finding]:
    states: Counter[str] = Counter()
    for task in situation.threads:
        if any(map(_RECLAIM.match, situation.functions(task))):
            states[task.state] += 1
    if states:
        by_state = ", ".join(f"{number} in state {state}" for state, number in states.items())
        title = f"Memory pressure: {counted(sum(states.values()), 'task')} in reclaim of memory"
        yield Finding(55, title, (by_state,), "taskinfo --memory")
