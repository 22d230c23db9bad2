# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether processes make each other without end."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump import task_details
from LinuxDump.findings import ERROR, WARNING, Finding
from LinuxDump.situation import Situation

_CHAIN_MIN = 20


def parents(situation: Situation) -> Iterator[Finding]:
    tasks = situation.threads
    parents = {
        task.addr: detail.real_parent_addr
        for task, detail in zip(tasks, task_details.details([task.addr for task in tasks]))
        if detail is not None
    }
    known = situation.table.by_addr
    longest, looped = longest_chain(
        {addr: up for addr, up in parents.items() if up in known and addr in known}
    )
    if looped:
        yield Finding(ERROR, "parents of tasks form a loop", (), "pstree -p")
    if len(longest) >= _CHAIN_MIN:
        pids = [str(known[addr].pid) for addr in reversed(longest)]
        shown = pids if len(pids) <= 12 else [*pids[:6], f"<{len(pids) - 12} more>", *pids[-6:]]
        title = f"a chain of {len(pids)} processes, each made by the one before"
        yield Finding(WARNING, title, (" > ".join(shown),), "pstree -p")


def longest_chain(parents: dict[int, int]) -> tuple[list[int], bool]:
    # From the youngest to the oldest, and whether there is a loop anywhere; each task once.
    depths: dict[int, int] = {}
    looped = False
    for addr in parents:
        way = []
        seen = set()
        while addr not in depths and addr in parents:
            if addr in seen:
                looped = True
                break
            seen.add(addr)
            way.append(addr)
            addr = parents[addr]
        depth = depths.get(addr, 0)
        for each in reversed(way):
            depth += 1
            depths[each] = depth
    if not depths:
        return [], looped
    chain = [max(depths, key=lambda addr: depths[addr])]
    while chain[-1] in parents and len(chain) <= len(parents):
        chain.append(parents[chain[-1]])
    return chain, looped
