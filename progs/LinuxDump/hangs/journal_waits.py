# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for a journal of jbd2: for a commit, or, as the one that commits, for handles."""

from __future__ import annotations

from LinuxDump.hangs.entries import offset
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.other_waits import wait_queue
from LinuxDump.hangs.sleepers import Sleeper
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.layout import Layout

_JOURNAL = "struct journal_s"
_ROW = Layout(_JOURNAL, "j_task", "j_devname")
_QUEUES = (
    *("j_wait_transaction_locked", "j_wait_done_commit", "j_wait_commit", "j_wait_updates"),
    *("j_wait_reserved", "j_fc_wait"),
)
_TASK = Layout("struct task_struct", "journal_info")
_HANDLE = Layout("struct jbd2_journal_handle", "h_transaction")
_TRANSACTION = Layout("struct transaction_s", "t_journal", "t_tid")


def journal(finder: Finder, sleeper: Sleeper) -> Target:
    """In jbd2: for a transaction that is locked, or its commit."""
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr or not finder.has_type(_JOURNAL, "jbd2"):
        return wait_queue(finder, sleeper)
    head = entry.head_addr - offset("struct wait_queue_head", "head")
    for member in _QUEUES:
        at = lowlevel.find_member(_JOURNAL, member)
        row = None if at is None else _ROW.read(head - at.offset)
        if at is None or row is None or row.j_task not in finder.table.by_addr:
            continue
        addr, name = head - at.offset, row.j_devname.decode("utf-8", "backslashreplace")
        if member == "j_wait_updates" or row.j_task == sleeper.task.addr:
            key = _handles(finder, addr, name)
        else:
            key = finder.add("journal", addr, f"journal {addr:#x} of {name}")
            task = finder.add_task(row.j_task, f"journal {addr:#x}")
            finder.link(key, task, "committed by", "journal_s.j_task")
        return Target("journal", key, evidence=f"it sleeps on {member}", addr=addr)
    return wait_queue(finder, sleeper)


def _handles(finder: Finder, addr: int, name: str) -> str:
    # A transaction is committed when all that take part in it have given back their handles.
    text = f"handles of the transaction that journal {addr:#x} of {name} commits"
    key = finder.add("journal handles", addr, text)
    if not finder.is_linked(key):
        for task, transaction in finder.once(handles).get(addr, ()):
            evidence = f"its task_struct.journal_info is a handle of transaction {transaction}"
            finder.link(key, finder.add_known_task(task), "held by", evidence)
    return key


def handles(finder: Finder) -> dict[int, list[tuple[Task, int]]]:
    """Who has a handle, with the number of the transaction, by ``struct journal_s *``."""
    tasks = finder.table.tasks
    rows = _TASK.read_many([task.addr for task in tasks])
    found: dict[int, list[tuple[Task, int]]] = {}
    # Other file systems keep other things there: what leads to a journal is a handle.
    for task, row in zip(tasks, rows):
        handle = _HANDLE.read(row.journal_info) if row is not None and row.journal_info else None
        at = handle.h_transaction if handle is not None else 0
        transaction = _TRANSACTION.read(at) if at else None
        if transaction is not None:
            found.setdefault(transaction.t_journal, []).append((task, transaction.t_tid))
    return found
