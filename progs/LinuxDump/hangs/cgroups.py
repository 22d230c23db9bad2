# SPDX-License-Identifier: GPL-2.0-or-later
"""Cgroups of tasks: their paths, and what subsystems keep for them."""

from __future__ import annotations

from LinuxDump import kernfs_nodes
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout

_DEFAULT = Layout("struct task_struct", "cgroups.dfl_cgrp.kn")
_STATE = Layout("struct cgroup_subsys_state", "cgroup")
_CGROUP = Layout("struct cgroup", "kn")


def state_of_task(task: int, subsystem: str) -> int:
    """``struct cgroup_subsys_state *`` of a task; 0 where the kernel has no such subsystem.

    :param subsystem: its name in ``enum cgroup_subsys_id``.
    """
    number = lowlevel.enumerators("enum cgroup_subsys_id").get(subsystem)
    if number is None:
        return 0
    at = lowlevel.member("struct task_struct", "cgroups").offset
    states = lowlevel.member("struct css_set", "subsys").offset
    return lowlevel.read_pointer(lowlevel.read_pointer(task + at) + states + 8 * number)


def path_of(state: int) -> str:
    """Path of the cgroup of a ``struct cgroup_subsys_state *``; "" when it cannot be read."""
    try:
        row = _STATE.read(state)
        node = _CGROUP.read(row.cgroup) if row is not None else None
        return kernfs_nodes.path(node.kn) if node is not None else ""
    except PykdumpError:
        return ""


def path_of_task(task: int, version: int) -> str:
    """Path of a task's cgroup of version 2, or that of the freezer of version 1; "" unknown."""
    try:
        if version == 2:
            row = _DEFAULT.read(task)
            return kernfs_nodes.path(row.cgroups_dfl_cgrp_kn) if row is not None else ""
        state = state_of_task(task, "freezer_cgrp_id")
        return path_of(state) if state else ""
    except PykdumpError:
        return ""
