# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn: does the work of inside.py, for the figures of the peer."""

import json
import os
import statistics
import sys
import time
from collections import Counter

from drgn import FaultError, Object
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task

prog = globals()["prog"]

PAGES = 50_000


def timed(rounds, work):
    """Median seconds of `work`, and its last result."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def read_all(addresses):
    """The words at these addresses."""
    return [prog.read_u64(addr) for addr in addresses]


def stack_frames():
    """Frames of all tasks that do not run."""
    count = 0
    for task in for_each_task(prog):
        try:
            trace = prog.stack_trace(task)
        except ValueError:  # it runs
            continue
        count += sum(1 for frame in trace if frame.name is not None or True)
    return count


def api_figures(ours):
    """What the classic API does, by drgn's objects."""
    init_task = prog["init_task"]
    tasks = init_task.tasks.address_of_()
    hundred_thousand = [None] * 100_000

    def attributes():
        for _ in hundred_thousand:
            init_task.pid.value_()

    def lists():
        for _ in range(20):
            found = list(list_for_each_entry("struct task_struct", tasks, "tasks"))
        return found

    page = Object(prog, "struct page *", value=ours["vmemmap"])
    table = prog["dentry_hashtable"]
    count = PAGES
    figures = {}
    seconds, _ = timed(5, attributes)
    figures["attribute_us"] = seconds / len(hundred_thousand) * 1e6
    seconds, found = timed(5, lists)
    figures["list_us"] = seconds / (20 * len(found)) * 1e6
    figures["list_pids"] = [task.pid.value_() for task in found]
    seconds, pages = timed(3, lambda: [page[i] for i in range(count)])
    figures["array_us"] = seconds / count * 1e6
    seconds, flags = timed(3, lambda: [one.flags.value_() for one in pages])
    figures["flags_us"] = seconds / count * 1e6
    figures["flags_sum"] = sum(flags)
    buckets = range(ours["buckets"])
    seconds, firsts = timed(3, lambda: [table[i].first.value_() for i in buckets])
    figures["buckets_us"] = seconds / ours["buckets"] * 1e6
    figures["full_buckets"] = sum(1 for first in firsts if first)
    return figures


def flag_counts(ours):
    """How many struct pages have which flags, read 4 MiB at a time."""
    size = prog.type("struct page").size
    mask = (1 << prog.constant("__NR_PAGEFLAGS").value_()) - 1
    counts = Counter()
    for first, end in ours["ram"]:
        for pfn in range(first, end, 1 << 16):
            count = min(1 << 16, end - pfn)
            try:
                raw = prog.read(ours["vmemmap"] + pfn * size, count * size)
            except FaultError:  # no RAM to the kernel
                continue
            counts.update(memoryview(raw).cast("Q")[:: size // 8].tolist())
    found = Counter()
    for flags, count in counts.items():
        found[flags & mask] += count
    return sorted(found.items())


def main():
    """Measure and write to the file named on the command line."""
    with open(os.environ["PYKDUMP_BENCH_OUT"], encoding="utf-8") as file:
        ours = json.load(file)
    addresses = ours["addresses"]
    figures = api_figures(ours)
    figures["histogram"], figures["flag_counts"] = timed(3, lambda: flag_counts(ours))
    figures["reads_first"], words = timed(1, lambda: read_all(addresses))
    figures["reads_again"], words = timed(5, lambda: read_all(addresses))
    figures["reads_sum"] = sum(words) % 2**64
    figures["tasks"], tasks = timed(
        5,
        lambda: [
            (t.pid.value_(), t.comm.string_(), t.on_cpu.value_(), t.se.exec_start.value_())
            for t in for_each_task(prog)
        ],
    )
    figures["task_list"] = sorted([pid, comm.decode("latin-1")] for pid, comm, *_ in tasks if pid)
    seconds, frames = timed(3, stack_frames)
    figures["stacks_us_a_frame"] = seconds / frames * 1e6
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(figures, file)


main()
