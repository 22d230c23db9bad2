# SPDX-License-Identifier: GPL-2.0-or-later
"""System V shared memory, semaphores and message queues.

Columns: the kernel's struct (SHMID_KERNEL, SEM_ARRAY, MSG_QUEUE), KEY, its id (SHMID, SEMID,
MSQID), UID, PERMS, and BYTES, NATTCH and STATUS, or NSEMS, or USED-BYTES and MESSAGES; of -M
PAGES ALLOCATED/RESIDENT/SWAPPED and INODE, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crashcmd import context
from crashcmd.command import Command, Given, Option
from LinuxDump import ipc_sets, ipc_shm
from LinuxDump.ipc_sets import MessageQueue, SemaphoreSet
from LinuxDump.ipc_shm import Segment
from pykdump.layout import Layout
from pykdump.logging import pylog

_PROXY = Layout("struct task_struct", "nsproxy.ipc_ns")


@dataclass(frozen=True)
class Ipc:
    """What a namespace holds; None for what was not asked for."""

    shared_memory: tuple[Segment, ...] | None
    semaphores: tuple[SemaphoreSet, ...] | None
    messages: tuple[MessageQueue, ...] | None
    damaged: tuple[str, ...] = ()  #: of these not all could be read: their members' names


_KINDS: tuple[tuple[str, str, Callable[[int], Iterable[Any]]], ...] = (
    ("-m", "shared_memory", ipc_shm.segments),
    ("-s", "semaphores", ipc_sets.semaphore_sets),
    ("-q", "messages", ipc_sets.message_queues),
)


def collect(given: Given) -> Ipc:
    namespace = 0
    word = given.value("-n")
    if word is not None:
        row = _PROXY.read(context.named([word])[0].addr)
        namespace = 0 if row is None else row.nsproxy_ipc_ns or 0
        if not namespace:
            raise given.error(f"task {word} has no IPC namespace: it is exiting")
    asked = {flag for flag in ("-m", "-s", "-q") if flag in given}
    if "-M" in given:
        asked.add("-m")
    asked = asked or {"-m", "-s", "-q"}
    found: dict[str, Any] = {}
    damaged = []
    for flag, name, read in _KINDS:
        found[name] = None
        if flag in asked:
            with pylog.kept() as warnings:
                found[name] = tuple(read(namespace))
            if warnings:
                damaged.append(name)
            for warning in warnings:
                pylog.warning(warning)
    whole = Ipc(**found, damaged=tuple(damaged))
    return _only(whole, given) if given.words else whole


def _only(found: Ipc, given: Given) -> Ipc:
    # Those with an id or an address that was named.
    wanted = set(given.words)
    memory = [s for s in found.shared_memory or () if {str(s.shmid), f"{s.addr:x}"} & wanted]
    sets = [s for s in found.semaphores or () if {str(s.semid), f"{s.addr:x}"} & wanted]
    queues = [q for q in found.messages or () if {str(q.msqid), f"{q.addr:x}"} & wanted]
    if not (memory or sets or queues):
        raise given.error(f"nothing has the id or address {' or '.join(given.words)}")
    return Ipc(tuple(memory) or None, tuple(sets) or None, tuple(queues) or None)


def render(record: Ipc, given: Given) -> Iterator[str]:
    if record.shared_memory is not None:
        yield "SHMID_KERNEL     KEY      SHMID      UID   PERMS BYTES      NATTCH STATUS"
        for s in record.shared_memory:
            yield (
                f"{s.addr:16x} {s.key:08x} {s.shmid:<10} {s.uid:<5} {s.perms:<5o} "
                f"{s.size_bytes:<10} {s.attached:<6} "
            )
            if "-M" in given:
                yield from _pages(s)
        yield from _none(record, "shared_memory")
    if record.semaphores is not None:
        yield "SEM_ARRAY        KEY      SEMID      UID   PERMS NSEMS     "
        for a in record.semaphores:
            yield (
                f"{a.addr:16x} {a.key:08x} {a.semid:<10} {a.uid:<5} {a.perms:<5o} "
                f"{a.semaphores:<10}"
            )
        yield from _none(record, "semaphores")
    if record.messages is not None:
        yield "MSG_QUEUE        KEY      MSQID      UID   PERMS USED-BYTES   MESSAGES    "
        for q in record.messages:
            yield (
                f"{q.addr:16x} {q.key:08x} {q.msqid:<10} {q.uid:<5} {q.perms:<5o} "
                f"{q.size_bytes:<12} {q.messages:<12}"
            )
        yield from _none(record, "messages")


def _pages(segment: Segment) -> Iterator[str]:
    found = ipc_shm.usage(segment)
    if found is None:
        yield "PAGES ALLOCATED/RESIDENT/SWAPPED: (its file cannot be read)"
        return
    yield (f"PAGES ALLOCATED/RESIDENT/SWAPPED: {found.allocated}/{found.resident}/{found.swapped}")
    yield f"INODE: {found.inode_addr:x}"


def _none(record: Ipc, name: str) -> Iterator[str]:
    if not getattr(record, name):
        yield "(unknown)" if name in record.damaged else "(none allocated)"
    yield ""


COMMANDS = (
    Command(
        "ipcs",
        "[ID ... | ADDRESS ...]",
        collect,
        render,
        (
            Option("-m", "shared memory"),
            Option("-M", "the same with the pages that it has, and its inode"),
            Option("-s", "semaphores"),
            Option("-q", "message queues"),
            Option("-n", "of this task's IPC namespace", "PID|TASK"),
        ),
    ),
)
