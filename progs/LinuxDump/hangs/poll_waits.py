# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait in epoll_wait(), poll() or select(): whose only file it is, where it is one."""

from __future__ import annotations

from LinuxDump import trees
from LinuxDump.hangs import pipe_waits
from LinuxDump.hangs.entries import offset, places
from LinuxDump.hangs.finder import Finder, Target
from LinuxDump.hangs.sleepers import Sleeper
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_ITEM = Layout("struct epitem", "ffd.file")
_FILE = Layout("struct file", "f_op", "private_data")
_POLL = Layout("struct poll_wqueues", "polling_task", "inline_index", "table")

#: With more files than that anybody may be the one who does not come.
_MOST_FILES = 1
_MOST_INLINE = 64


def epoll(finder: Finder, sleeper: Sleeper) -> Target | None:
    """In ep_poll(): the files of the eventpoll whose wait queue it sleeps on."""
    entry = finder.entries.find(sleeper, "struct wait_queue_entry")
    if entry is None or not entry.head_addr:
        return None
    head = entry.head_addr - offset("struct wait_queue_head", "head")
    addr = head - offset("struct eventpoll", "wq")
    walk = trees.for_rbtree(addr + offset("struct eventpoll", "rbr"), limit=_MOST_FILES + 1)
    if len(walk.nodes) != _MOST_FILES:
        return None
    # struct epitem begins with its rb_node
    rows = _ITEM.read_many(walk.nodes)
    files = [row.ffd_file for row in rows if row is not None]
    return _target(finder, files, f"the only file of eventpoll {addr:#x}, on which it sleeps")


def poll(finder: Finder, sleeper: Sleeper) -> Target | None:
    """In do_sys_poll() or do_select(): the files of the poll_wqueues on its stack."""
    for place in places(sleeper, sleeper.task.addr):
        addr = place - offset("struct poll_wqueues", "polling_task")
        row = _POLL.read(addr)
        if row is None or not 0 < row.inline_index <= _MOST_INLINE:
            continue
        # An entry begins with its struct file *.
        first = addr + offset("struct poll_wqueues", "inline_entries")
        size = lowlevel.sizeof("struct poll_table_entry")
        entries = [lowlevel.read_pointer(first + size * at) for at in range(row.inline_index)]
        files = list(dict.fromkeys(entries))
        if not row.table and len(files) == _MOST_FILES:
            return _target(finder, files, f"the only file of poll_wqueues {addr:#x}")
    return None


def _target(finder: Finder, files: list[int], evidence: str) -> Target | None:
    row = _FILE.read(files[0]) if files else None
    if row is None or not row.private_data:
        return None
    key = ""
    try:
        if row.f_op == lowlevel.find_symbol("socket_file_ops"):
            key = pipe_waits.add_socket(finder, row.private_data)
        elif row.f_op == lowlevel.find_symbol("pipefifo_fops"):
            key = pipe_waits.add_pipe(finder, row.private_data)
    except PykdumpError:
        return None
    return Target("poll", key, "event", evidence=evidence) if key else None
