# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: writes the sockets of the dump's hash tables to $TABLES_OUT."""

import json
import os
from dataclasses import asdict

from LinuxDump import Slab, inet_tables, rhashtables, trees
from pykdump import lowlevel
from pykdump.API import readSU
from pykdump.walks import HLIST_BL

MAX_LINKS = 32  # include/uapi/linux/netlink.h


def netlink():
    """Netlink sockets, with how many of a protocol its table claims to have."""
    tables = lowlevel.read_pointer(lowlevel.symbol_address("nl_table"))
    at = lowlevel.member("struct netlink_table", "hash").offset
    node_at = lowlevel.member("struct netlink_sock", "node").offset
    for protocol in range(MAX_LINKS):
        found = rhashtables.entries(
            tables + protocol * lowlevel.sizeof("struct netlink_table") + at
        )
        assert not found.broken, found.broken
        assert len(found.addrs) == found.claimed
        for addr in found.addrs:
            nlk = readSU("struct netlink_sock", addr - node_at)
            socket = nlk.sk.sk_socket
            inode_at = lowlevel.member("struct socket_alloc", "vfs_inode").offset
            inode = readSU("struct inode", int(socket) + inode_at).i_ino if socket else 0
            yield {
                "protocol": protocol,
                "portid": nlk.portid,
                "inode": inode,
                "net": int(nlk.sk.__sk_common.skc_net.net),
            }


def dentries():
    """Dentries in the hash table of names (struct hlist_bl_head)."""
    table = lowlevel.read_pointer(lowlevel.symbol_address("dentry_hashtable"))
    shift = lowlevel.read_uint(lowlevel.symbol_address("d_hash_shift"), 4)
    walk = trees.hash_table(table, 1 << 32 - shift, HLIST_BL)
    assert walk.end == "complete", walk.broken
    at = lowlevel.member("struct dentry", "d_hash").offset
    return [node - at for node in walk.nodes]


def dentry_objects():
    """Allocated dentries, by the slab cache."""
    (cache,) = (cache for cache in Slab.caches() if cache.name == "dentry")
    return list(Slab.objects_of(cache).allocated)


found = {
    "init_net": lowlevel.symbol_address("init_net"),
    "tcp": [asdict(socket) for socket in inet_tables.tcp_sockets()],
    "netlink": list(netlink()),
    "dentries": dentries(),
    "dentry_objects": dentry_objects(),
}
with open(os.environ["TABLES_OUT"], "w", encoding="utf-8") as file:
    json.dump(found, file)
