# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn: does the work of inside.py, for the figures of the peer."""

import json
import os
import statistics
import sys
import time

from drgn.helpers.linux.pid import for_each_task

prog = globals()["prog"]


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


def main():
    """Measure and write to the file named on the command line."""
    with open(os.environ["PYKDUMP_BENCH_OUT"], encoding="utf-8") as file:
        addresses = json.load(file)["addresses"]
    figures = {}
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
