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


figures = {}
nodes = timed("list", lambda: walks.walk_list(PLACES["head"]).nodes)
small = timed("list_small", lambda: walks.walk_list(PLACES["small_head"]).nodes)
at = lowlevel.member(AVC, "same_vma").offset
structs, few = [node - at for node in nodes], [node - at for node in small]
figures["list_sum"] = sum(structs) % 2**64
one = timed("one", lambda: ONE.read_columns(structs))
timed("one_small", lambda: ONE.read_columns(few))
timed("five", lambda: FIVE.read_columns(structs))
timed("five_small", lambda: FIVE.read_columns(few))
figures["one_sum"] = sum(one.rb_subtree_last)
table = timed("table", lambda: walks.walk_hash_table(PLACES["buckets"], PLACES["count"]))
part = timed(
    "table_small", lambda: walks.walk_hash_table(PLACES["small_buckets"], PLACES["count"] // 2)
)
figures["table_nodes"], figures["table_small_nodes"] = len(table.nodes), len(part.nodes)
figures["uid_sum"] = users_of(table)
with open(os.environ["PYKDUMP_BENCH_OUT"], "w", encoding="utf-8") as file:
    json.dump(figures, file)
