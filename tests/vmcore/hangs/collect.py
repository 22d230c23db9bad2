# SPDX-License-Identifier: GPL-2.0-or-later
"""Write down who waits for what, then pull the trigger.

facts.json, all addresses as numbers::

    scenario trigger collector uname page_size realtime boottime monotonic tasks processes
    symbols module_sections files planted    as in guest/facts.py, with fewer files
    late       {"threads": those started after this was written, for which RCU waits}
    hangs      what /proc/pykdump_hang says: see hangs/module, and docs/internals/real-dumps.md
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import facts as guest

HANGS = "/proc/pykdump_hang"
FILES = """
/proc/meminfo /proc/mounts /proc/modules /proc/locks /proc/version /proc/uptime /proc/cmdline
/proc/net /proc/cgroups /proc/partitions /proc/diskstats /proc/sysvipc /proc/slabinfo
""".split()


def read_hangs() -> Any:
    return guest.addresses_as_ints(json.loads(guest.read_text(HANGS) or ""))


def start_late_threads(before: Any) -> None:
    """From here on nothing may wait for RCU."""
    with open(HANGS, "w") as file:
        file.write("late")
    late = {"threads": read_hangs()["threads"][len(before["threads"]) :]}
    guest.say(f"late {json.dumps(late)}")


def main(scenario: str, trigger: str) -> None:
    Path("/proc/self/comm").write_text("pykdump-facts")
    told: dict[str, Any] = {"scenario": scenario, "trigger": trigger, "collector": os.getpid()}
    names = ("sysname", "nodename", "release", "version", "machine")
    told["uname"] = dict(zip(names, os.uname()))
    kallsyms = guest.read_text("/proc/kallsyms") or ""
    told["symbols"] = guest.symbol_addresses(kallsyms)
    told["module_sections"] = guest.module_sections()
    told["planted"] = guest.read_planted()
    told["hangs"] = read_hangs()
    told["page_size"] = os.sysconf("SC_PAGE_SIZE")
    guest.FILES = FILES
    told["files"] = guest.collect_files()
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    told["processes"] = guest.collect_process_files(pids)
    told["realtime"] = time.time()
    told["boottime"] = time.clock_gettime(time.CLOCK_BOOTTIME)
    told["monotonic"] = time.monotonic()
    told["tasks"] = guest.collect_tasks()
    members = {"facts.json": json.dumps(told, indent=1).encode(), "kallsyms.txt": kallsyms.encode()}
    guest.write_facts(members)
    start_late_threads(told["hangs"])
    guest.say("facts are written")
    guest.pull(trigger)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
