# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB with a dump open: times what tools do, and writes the figures as JSON."""

import json
import os
import random
import statistics
import time

import gdb

from LinuxDump import BTstack, modules, pages, task_records
from pykdump import _accel, bulk, highlevel, lowlevel

READS = 200_000
MANY = 20_000
PAGES = 50_000


def timed(rounds, work):
    """Median seconds of `work`, and its last result."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def scattered_addresses():
    """Addresses of the direct map, the same ones for every reader."""
    base = lowlevel.read_pointer(lowlevel.symbol_address("page_offset_base"))
    top = lowlevel.dump().memory_bytes - (64 << 20)
    chance = random.Random(1)
    return [base + chance.randrange(16 << 17, top >> 3) * 8 for _ in range(READS)]


def api_figures():
    """The classic API at work: microseconds for each thing, and results to compare."""
    init_task = highlevel.readSymbol("init_task")
    hundred_thousand = [None] * 100_000

    def attributes():
        for _ in hundred_thousand:
            init_task.pid

    def lists():
        for _ in range(100):
            found = highlevel.readSUListFromHead("init_task", "tasks", "struct task_struct")
        return found

    vmemmap = lowlevel.read_pointer(lowlevel.symbol_address("vmemmap_base"))
    hashtable = highlevel.readSymbol("dentry_hashtable")
    buckets = 1 << 32 - highlevel.readSymbol("d_hash_shift")
    figures = {"buckets": buckets, "vmemmap": vmemmap}
    seconds, _ = timed(5, attributes)
    figures["attribute_us"] = seconds / len(hundred_thousand) * 1e6
    seconds, tasks = timed(5, lists)
    figures["list_us"] = seconds / (100 * len(tasks)) * 1e6
    figures["list_pids"] = [task.pid for task in tasks]
    seconds, pages = timed(3, lambda: highlevel.readSUArray("struct page", vmemmap, PAGES))
    figures["array_us"] = seconds / PAGES * 1e6
    seconds, flags = timed(3, lambda: [page.flags for page in pages])
    figures["flags_us"] = seconds / PAGES * 1e6
    figures["flags_sum"] = sum(flags)
    seconds, full = timed(3, lambda: highlevel.getFullBuckets(int(hashtable), 8, buckets))
    figures["buckets_us"] = seconds / buckets * 1e6
    figures["full_buckets"] = len(full)
    return figures


def page_figures():
    """All struct pages by flags, and a search of all memory."""
    figures = {"ram": lowlevel.dump().ram_ranges()}
    seconds, counts = timed(5, pages.flag_histogram)
    figures["flag_pages"] = sum(counts.values())
    figures["histogram"] = seconds
    figures["flag_counts"] = sorted(counts.items())
    figures["sought"] = wanted = lowlevel.symbol_address("init_task")
    figures["search"], hits = timed(3, lambda: bulk.find_numbers(wanted, wanted))
    figures["hits"], figures["searched_bytes"] = list(hits.addrs), hits.pages * pages.PAGE_SIZE
    figures["cores"] = os.cpu_count()
    return figures


def backtraces():
    """All of GDB's; none of an earlier call's frames is used."""
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("thread apply all bt", to_string=True)


def main():
    """Measure and write to $PYKDUMP_BENCH_OUT."""
    figures = {}
    addresses = scattered_addresses()
    word = _accel.Layout([("word", [], 0, 8, "u")])
    first, rows = timed(1, lambda: word.read_many(lowlevel.dump(), addresses))
    again, rows = timed(5, lambda: word.read_many(lowlevel.dump(), addresses))
    figures["reads_first"], figures["reads_again"] = first, again
    figures["reads_sum"] = sum(row[0] for row in rows if row) % 2**64
    figures["addresses"] = addresses

    figures["tasks"], table = timed(5, task_records.TaskTable)
    figures["task_list"] = sorted([t.pid, t.comm.decode("latin-1")] for t in table.tasks if t.pid)

    modules.add_to_tables()
    sleepers = [task for task in table.tasks if not task.is_running]
    seconds, stacks = timed(5, lambda: BTstack.stacks(sleepers))
    frames = sum(len(stack.frames) for stack in stacks)
    figures["stacks_us_a_frame"] = seconds / frames * 1e6
    figures["stacks"] = len(stacks)
    many = (sleepers * (MANY // len(sleepers) + 1))[:MANY]
    seconds, stacks = timed(3, lambda: BTstack.stacks(many))
    frames = sum(len(stack.frames) for stack in stacks)
    figures["many_stacks_us_a_frame"] = seconds / frames * 1e6

    symbols = BTstack.tables().symbols
    places = [frame.addr for stack in stacks for frame in stack.frames if frame.kind != "user"]
    seconds, _ = timed(3, lambda: [symbols.at(addr) for addr in places])
    figures["symbols_us"] = seconds / len(places) * 1e6

    figures.update(api_figures())
    figures.update(page_figures())
    figures["gdb_bt_all"], _ = timed(1, backtraces)
    figures["gdb_bt_again"], _ = timed(3, backtraces)
    with open(os.environ["PYKDUMP_BENCH_OUT"], "w", encoding="utf-8") as file:
        json.dump(figures, file)


main()
