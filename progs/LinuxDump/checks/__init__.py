# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of a dump: each finds trouble of one kind, and names the command that shows more."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from LinuxDump.checks import (
    coverage,
    cpus,
    history,
    memory,
    network,
    parents,
    services,
    stacks,
    storage,
    tasks,
)
from LinuxDump.findings import Finding
from LinuxDump.situation import Situation
from pykdump.errors import PykdumpError
from pykdump.logging import pylog
from pykdump.sections import section

Check = Callable[[Situation], Iterator[Finding]]

#: All checks, in the order in which they are made.
CHECKS: tuple[Check, ...] = (
    coverage.dump_size,
    coverage.lost_tasks,
    tasks.deadlocks,
    tasks.blocked_tasks,
    storage.old_requests,
    services.kernel_services,
    services.rtnl_mutex,
    services.syslog,
    services.saphana,
    services.cluster_agents,
    parents.parents,
    stacks.stacks,
    tasks.pid_namespaces,
    tasks.zombies,
    cpus.load,
    cpus.queues,
    memory.free_memory,
    memory.fragmentation,
    memory.slab_caches,
    memory.big_processes,
    memory.pressure,
    storage.corrupted_disks,
    storage.frozen_file_systems,
    network.full_buffers,
    network.full_listen_queues,
    history.log_lines,
    history.earlier_oopses,
    history.tainting_modules,
)


def findings(situation: Situation) -> list[Finding]:
    """What all checks find, the weightiest first; a check that cannot read is a warning."""
    found: list[Finding] = []
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            with section(f"check: {name}"):
                found += check(situation)
        except PykdumpError as error:
            pylog.warning(f"a check ({name}) could not be made: {error}")
    return sorted(found, key=lambda finding: -finding.weight)
