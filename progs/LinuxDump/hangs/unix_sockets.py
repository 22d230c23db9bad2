# SPDX-License-Identifier: GPL-2.0-or-later
"""UNIX sockets whose queue is full, with who should read and who waits: a stuck syslog, mostly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump.hangs.classes import TaskRow
from LinuxDump.hangs.collect import Waits
from LinuxDump.hangs.pipe_waits import path_of


@dataclass(frozen=True)
class SocketReport:
    """A socket that tasks wait to write to."""

    addr: int  #: struct unix_sock * of the receiver
    path: str
    owner: TaskRow | None  #: of those that have it open the one that ran last
    waiters: tuple[int, ...]  #: pids, who waits longest first


def socket_reports(waits: Waits) -> Iterator[SocketReport]:
    """The sockets that tasks wait to write to, those with most waiters first."""
    by_socket: dict[int, list[int]] = {}
    tasks = {wait.pid: wait for wait in waits.waits}
    for wait in waits.waits:
        if wait.kind == "unix_socket" and wait.object_addr:
            by_socket.setdefault(wait.object_addr, []).append(wait.pid)
    for addr, pids in sorted(by_socket.items(), key=lambda item: -len(item[1])):
        pids.sort(key=lambda pid: -(tasks[pid].ran_ago_ns or 0))
        owners = [
            waits.sleepers[holder.task_addr].task
            for holder in tasks[pids[0]].holders
            if holder.task_addr in waits.sleepers
        ]
        owners.sort(key=lambda task: task.ran_ago_ns or 0)
        owner = TaskRow.of(owners[0]) if owners else None
        yield SocketReport(addr, path_of(addr), owner, tuple(pids))
