# SPDX-License-Identifier: GPL-2.0-or-later
"""System V semaphores and message queues (ipc/sem.c, ipc/msg.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from LinuxDump import trees
from pykdump import lowlevel
from pykdump.layout import Layout
from pykdump.logging import pylog

_PERM = ("key", "id", "uid", "mode")
_SEM = Layout("struct sem_array", *(f"sem_perm.{name}" for name in _PERM), "sem_nsems")
_MSG = Layout("struct msg_queue", *(f"q_perm.{name}" for name in _PERM), "q_cbytes", "q_qnum")
_SEM_IDS, _MSG_IDS = 0, 1  # ipc/util.h


@dataclass(frozen=True)
class SemaphoreSet:
    """A set of semaphores."""

    addr: int  #: struct sem_array *
    key: int
    semid: int
    uid: int
    perms: int
    semaphores: int


@dataclass(frozen=True)
class MessageQueue:
    """A queue of messages."""

    addr: int  #: struct msg_queue *
    key: int
    msqid: int
    uid: int
    perms: int
    size_bytes: int
    messages: int


def semaphore_sets(namespace: int = 0) -> list[SemaphoreSet]:
    """Sets by id.

    :param namespace: ``struct ipc_namespace *``, by default the first.
    """
    return [
        SemaphoreSet(addr, *_perm(row), row.sem_nsems)
        for addr, row in _rows(namespace, _SEM_IDS, _SEM, "sem_perm")
    ]


def message_queues(namespace: int = 0) -> list[MessageQueue]:
    """Queues by id; the namespace as above."""
    return [
        MessageQueue(addr, *_perm(row), row.q_cbytes, row.q_qnum)
        for addr, row in _rows(namespace, _MSG_IDS, _MSG, "q_perm")
    ]


def _perm(row: Any) -> tuple[int, int, int, int]:
    key, number, uid, mode = row[:4]
    return key & 0xFFFF_FFFF, number, int.from_bytes(uid[:4], "little"), mode & 0o777


def _rows(namespace: int, kind: int, layout: Layout, perm: str) -> list[tuple[int, Any]]:
    namespace = namespace or lowlevel.symbol_address("init_ipc_ns")
    ids = namespace + lowlevel.member("struct ipc_namespace", "ids").offset
    tree = ids + kind * lowlevel.sizeof("struct ipc_ids")
    found = trees.idr(tree + lowlevel.member("struct ipc_ids", "ipcs_idr").offset)
    if found.end != "complete":
        pylog.warning(f"ipc_namespace {namespace:#x}: ids end at {found.stopped_at:#x}")
    at = lowlevel.member(layout.struct, perm).offset
    addrs = [addr - at for _, addr in found.entries]
    rows = layout.read_many(addrs)
    for addr, row in zip(addrs, rows):
        if row is None:
            pylog.warning(f"{layout.struct} {addr:#x} cannot be read and is left out")
    return [(addr, row) for addr, row in zip(addrs, rows) if row is not None]
