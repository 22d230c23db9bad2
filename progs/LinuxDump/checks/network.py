# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of the network: queues that nobody empties."""

from __future__ import annotations

from collections.abc import Iterator

from LinuxDump.findings import SHOWN, WARNING, Finding
from LinuxDump.situation import Situation
from pykdump.printing import counted


def full_buffers(situation: Situation) -> Iterator[Finding]:
    found = situation.network.full_buffers
    if found:
        details = [
            f"struct sock {each.sock_addr:#x}: {each.used_bytes} of {each.limit_bytes} bytes, "
            f"{each.which} buffer"
            for each in found[:SHOWN]
        ]
        title = f"buffers of {counted(len(found), 'UDP socket')} are nearly full"
        yield Finding(WARNING, title, tuple(details), "crash net -s")


def full_listen_queues(situation: Situation) -> Iterator[Finding]:
    full = [each for each in situation.network.unusual if "queue full" in each.what]
    if full:
        ports = ", ".join(f"port {each.local_port}: {each.what}" for each in full[:SHOWN])
        title = f"the queues of {counted(len(full), 'listening TCP socket')} are full"
        yield Finding(WARNING, title, (ports,), "crash net")
