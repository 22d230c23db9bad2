# SPDX-License-Identifier: GPL-2.0-or-later
"""Run by drgn on a planted dump: does the work of planted_inside.py."""

import json
import os
import statistics
import sys
import time

from drgn import Object
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each

prog = globals()["prog"]
PLACES = json.loads(os.environ["PYKDUMP_BENCH_PLACES"])


def timed(name, work):
    """Median seconds of three runs into the figures, and the last result."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    figures[name] = statistics.median(seconds)
    return result


def walked(head):
    """Addresses of the list's nodes."""
    return [node.value_() for node in list_for_each(Object(prog, "struct list_head *", head))]


def users_of():
    """Nodes of the hash table."""
    heads = Object(prog, "struct hlist_head *", PLACES["tables"][""])
    found = []
    for i in range(PLACES["count"]):
        bucket = heads + i
        if bucket.first:
            found += hlist_for_each_entry("struct user_struct", bucket, "uidhash_node")
    return found


figures = {}
nodes = timed("list", lambda: walked(PLACES["heads"][""]))
at = prog.type("struct anon_vma_chain").member("same_vma").offset
structs = [node - at for node in nodes]
figures["list_sum"] = sum(structs) % 2**64
avc = prog.type("struct anon_vma_chain")
one = timed("one", lambda: [Object(prog, avc, address=a).rb_subtree_last.value_() for a in structs])
figures["one_sum"] = sum(one)
users = timed("table", users_of)
figures["table_nodes"] = len(users)
figures["uid_sum"] = sum(user.uid.val.value_() for user in users)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(figures, file)
