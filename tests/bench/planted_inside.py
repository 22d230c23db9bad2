# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB on a planted dump: walks and columns at size, figures as JSON."""

import json
import os
import statistics
import time

from pykdump import lowlevel, walks
from pykdump.layout import Layout

PLACES = json.loads(os.environ["PYKDUMP_BENCH_PLACES"])
AVC = "struct anon_vma_chain"
ONE = Layout(AVC, "rb_subtree_last")
FIVE = Layout(AVC, "vma", "anon_vma", "same_vma.next", "rb.__rb_parent_color", "rb_subtree_last")


def timed(name, work):
    """Median seconds of five runs into the figures, and the last result."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    figures[name] = statistics.median(seconds)
    figures[f"{name}_first"] = seconds[0]
    return result


def users_of(walk):
    """The sum of the uids in a table."""
    at = lowlevel.member("struct user_struct", "uidhash_node").offset
    rows = Layout("struct user_struct", "uid.val").read_columns([n - at for n in walk.nodes])
    return sum(rows.uid_val)


def measure(size, share):
    """Everything at one size; names of figures end with it."""
    end = size and f"_{size}"
    nodes = timed(f"list{end}", lambda: walks.walk_list(PLACES["heads"][size]).nodes)
    at = lowlevel.member(AVC, "same_vma").offset
    structs = [node - at for node in nodes]
    one = timed(f"one{end}", lambda: ONE.read_columns(structs))
    timed(f"five{end}", lambda: FIVE.read_columns(structs))
    count = int(PLACES["count"] * share)
    table = timed(f"table{end}", lambda: walks.walk_hash_table(PLACES["tables"][size], count))
    figures[f"list{end}_sum"] = sum(structs) % 2**64
    figures[f"one{end}_sum"] = sum(one.rb_subtree_last)
    figures[f"table{end}_nodes"] = len(table.nodes)
    figures[f"uid{end}_sum"] = users_of(table)


figures = {}
for size, share in PLACES["sizes"].items():
    measure(size, share)
with open(os.environ["PYKDUMP_BENCH_OUT"], "w", encoding="utf-8") as file:
    json.dump(figures, file)
