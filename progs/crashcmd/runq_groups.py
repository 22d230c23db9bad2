# SPDX-License-Identifier: GPL-2.0-or-later
"""Run queues by task group (runq -g)."""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import context
from LinuxDump import trees
from LinuxDump.run_queues import CpuQueue
from LinuxDump.task_records import task_table
from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog

_MOST_DEEP = 32
_PRIO = Layout("struct task_struct", "prio")
_NAME = Layout("struct task_group", CString("css.cgroup.kn.name"))


def lines(queue: CpuQueue) -> Iterator[str]:
    """Lines of a CPU."""
    current = 0 if queue.current is None else queue.current.task_addr
    task = task_table().by_addr.get(current)
    yield f"CPU {queue.cpu}"
    shown = "(unknown)" if task is None else _named(current)
    yield f"  CURRENT: {shown}"
    root = lowlevel.find_symbol("root_task_group")
    for priority, waiting in sorted(queue.realtime.items()):
        for each in waiting:
            yield f"     [{priority:3}] {_named(each.task_addr)}{_mark(each.task_addr, current)}"
    cfs = queue.addr + lowlevel.member("struct rq", "cfs").offset
    name = f"ROOT_TASK_GROUP: {root:x}  " if root is not None else ""
    yield f"  {name}CFS_RQ: {cfs:x}"
    yield from _group(cfs, current, 1)


def _named(addr: int) -> str:
    task = task_table().by_addr.get(addr)
    if task is None:
        return f"TASK: {addr:x} (unknown)"
    return f'PID: {task.pid:<5}  TASK: {task.addr:x}  COMMAND: "{context.comm(task)}"'


def _mark(addr: int, current: int) -> str:
    return " [CURRENT]" if addr == current else ""


def _group(cfs: int, current: int, depth: int) -> Iterator[str]:
    margin = " " * (2 + 3 * depth)
    entities = _entities(cfs)
    if not entities:
        yield f"{margin}[no tasks queued]"
    if depth > _MOST_DEEP:
        pylog.warning(f"task groups lie in one another without end, at cfs_rq {cfs:x}")
        return
    own = lowlevel.find_member("struct sched_entity", "my_q")
    at = lowlevel.member("struct task_struct", "se").offset
    for entity in entities:
        inner = 0 if own is None else lowlevel.read_pointer(entity + own.offset)
        if inner:
            yield f"{margin}{_title(inner)}"
            yield from _group(inner, current, depth + 1)
            continue
        row = _PRIO.read(entity - at)
        prio = "  ?" if row is None else f"{row.prio:3}"
        yield f"{margin}[{prio}] {_named(entity - at)}{_mark(entity - at, current)}"


def _entities(cfs: int) -> list[int]:
    # What runs is in no tree.
    node = lowlevel.member("struct sched_entity", "run_node").offset
    running = lowlevel.read_pointer(cfs + lowlevel.member("struct cfs_rq", "curr").offset)
    try:
        walk = trees.for_rbtree(cfs + lowlevel.member("struct cfs_rq", "tasks_timeline").offset)
    except PykdumpError as error:
        pylog.warning(f"cfs_rq {cfs:x}: {error}")
        return [running] if running else []
    if walk.end != "complete":
        pylog.warning(f"cfs_rq {cfs:x}: its tree is broken: {walk.end} at {walk.stopped_at:x}")
    found = [addr - node for addr in walk.nodes]
    return [running, *(addr for addr in found if addr != running)] if running else found


def _title(cfs: int) -> str:
    if not compat.has("struct cfs_rq.tg"):
        return f"CFS_RQ: {cfs:x}"
    group = lowlevel.read_pointer(cfs + lowlevel.member("struct cfs_rq", "tg").offset)
    row = _NAME.read(group) if compat.has("struct task_group.css") else None
    name = "" if row is None or not row[0] else f"  <{row[0].decode('utf-8', 'replace')}>"
    return f"TASK_GROUP: {group:x}  CFS_RQ: {cfs:x}{name}"
