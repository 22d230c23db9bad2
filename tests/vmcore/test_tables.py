# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own hash tables beside /proc/net of the guest."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from gdb_run import gdb

from harness import Vmcore

SCRIPT = Path(__file__).parent / "read_tables.py"
TIME_WAIT = 6
SYN_SENT = 2
NEW_SYN_RECV = 12

_found: dict[str, Any] = {}


@pytest.fixture
def found(vmcore: Vmcore, tmp_path: Path) -> Any:
    """What the dump holds, read once for each."""
    if vmcore.name not in _found:
        out = tmp_path / "tables.json"
        files = next(iter(vmcore.forms.values()))
        commands = [f"target kdump {' '.join(map(str, files))}", f"source {SCRIPT}"]
        run = gdb(*commands, args=[vmcore.vmlinux], env={"TABLES_OUT": str(out)})
        assert out.exists(), run.out + run.err
        _found[vmcore.name] = json.loads(out.read_text())
    return _found[vmcore.name]


def rows(vmcore: Vmcore, name: str) -> list[list[str]]:
    return [line.split() for line in vmcore.facts["files"][f"/proc/net/{name}"].splitlines()[1:]]


def test_tcp_sockets_are_those_of_proc_net_tcp(vmcore: Vmcore, found: Any) -> None:
    def ports(address: str) -> int:
        return int(address.rpartition(":")[2], 16)

    told: Counter[tuple[int, ...]] = Counter()
    for family, name in ((2, "tcp"), (10, "tcp6")):
        for row in rows(vmcore, name):
            told[family, int(row[3], 16), ports(row[1]), ports(row[2])] += 1
    read = Counter(
        (sock["family"], sock["state"], sock["local_port"], sock["remote_port"])
        for sock in found["tcp"]
        if sock["net_addr"] == found["init_net"]
    )

    # Those that end by themselves may have done so before the dump.
    def lasting(counts: Counter[tuple[int, ...]]) -> Counter[tuple[int, ...]]:
        passing = (TIME_WAIT, SYN_SENT, NEW_SYN_RECV)
        return Counter({key: n for key, n in counts.items() if key[1] not in passing})

    assert lasting(read) == lasting(told)
    assert len(lasting(told)) > 10


def test_netlink_sockets_are_those_of_proc_net_netlink(vmcore: Vmcore, found: Any) -> None:
    told = {(int(row[1]), int(row[2]), int(row[9])) for row in rows(vmcore, "netlink")}
    read = {
        (sock["protocol"], sock["portid"], sock["inode"])
        for sock in found["netlink"]
        if sock["net"] == found["init_net"]
    }
    assert read == told


def test_the_hash_table_of_names_has_most_dentries_and_nothing_else(found: Any) -> None:
    # A root or a pipe has no name to be found by.
    hashed, objects = found["dentries"], set(found["dentry_objects"])
    assert len(set(hashed)) == len(hashed)
    assert set(hashed) < objects
    assert len(hashed) > 0.8 * len(objects)
