# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what many others wait for, and of agents that crash machines on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator

from LinuxDump import locks
from LinuxDump.findings import OLD_S, SHOWN, Finding
from LinuxDump.hangs.unix_sockets import socket_reports
from LinuxDump.situation import Situation, age_s
from LinuxDump.task_selection import comm
from pykdump import lowlevel
from pykdump.printing import counted, printable

_SYSLOG = re.compile(r"/dev/log|/run/systemd/journal/(dev-log|socket|stdout)")
#: Of Oracle Clusterware: they take a node out that the others do not hear of any more.
_AGENTS = ("cssdagent", "cssdmonitor", "ocssd.bin", "oprocd.bin", "oprocd")
_SAPHANA = re.compile(r"hdb(indexserver|nameserver|daemon|\.sap.*)|sapstart\w*")
_BY_REQUEST = ("sysrq", "panic", "cluster-fencing", "kexec")


def kernel_services(situation: Situation) -> Iterator[Finding]:
    # Kernel threads that many others wait for.
    for pattern, what in ((r"nfsd", "NFS server"), (r"jbd2/.*|xfsaild/.*|kjournald", "journal")):
        stuck = [
            task
            for task in situation.threads
            if task.state == "D" and age_s(task) > OLD_S and re.fullmatch(pattern, comm(task))
        ]
        if stuck:
            names = ", ".join(f"{task.pid} {comm(task)}" for task in stuck[:SHOWN])
            title = counted(len(stuck), f"{what} thread hangs", f"{what} threads hang")
            yield Finding(66, title, (names,), "hanginfo")


def rtnl_mutex(situation: Situation) -> Iterator[Finding]:
    addr = lowlevel.find_symbol("rtnl_mutex")
    mutex = locks.read_mutex(addr) if addr is not None else None
    if mutex is not None and mutex.waiters:
        owner = situation.table.by_addr.get(mutex.owner_addr)
        held = f"held by pid {owner.pid} {printable(comm(owner))}" if owner else "nobody has it"
        waiting = counted(len(mutex.waiters), "task waits", "tasks wait")
        title = f"{waiting} for rtnl_mutex, which guards the configuration of the network"
        yield Finding(61, title, (held,), "crashinfo --mutex rtnl_mutex")


def syslog(situation: Situation) -> Iterator[Finding]:
    for report in socket_reports(situation.waits):
        if _SYSLOG.fullmatch(report.path):
            reader = "nobody has it open"
            if report.owner is not None:
                ran = (report.owner.ran_ago_ns or 0) / 1e9
                name = printable(report.owner.comm)
                reader = f"its reader: pid {report.owner.pid} {name}, ran {ran:.0f} s ago"
            waiting = counted(len(report.waiters), "task waits", "tasks wait")
            title = f"{waiting} to write to {report.path}: syslog does not read"
            yield Finding(64, title, (reader,), "hanginfo --syslogger")


def saphana(situation: Situation) -> Iterator[Finding]:
    # A process that hangs there stops the database, for which HA clusters then take nodes out.
    own = [task for task in situation.threads if _SAPHANA.match(comm(task))]
    stuck = [task for task in own if task.state == "D" and age_s(task) > OLD_S]
    if stuck:
        names = ", ".join(f"{task.pid} {printable(comm(task))}" for task in stuck[:SHOWN])
        title = counted(len(stuck), "thread of SAP HANA hangs", "threads of SAP HANA hang")
        yield Finding(65, title, (names,), "hanginfo --saphana")


def cluster_agents(situation: Situation) -> Iterator[Finding]:
    found = situation.verdict
    if found.panic_class in _BY_REQUEST and found.comm in _AGENTS:
        title = f"Oracle Clusterware took this node out: {found.comm} asked for the crash"
        yield Finding(
            86, title, ("why is in the logs of the cluster, not in the dump",), "hanginfo"
        )
