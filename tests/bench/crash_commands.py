# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of crash commands beside crash's own: python3 tests/bench/crash_commands.py VMLINUX VMCORE.

Each command runs twice in one session, and the second time counts: crash reads while it starts what
we read at the first use. Without crash only ours are shown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = """
ps
ps -m
ps -l
ps -G
ps -t
ps -p
ps -S
foreach bt
foreach UN bt
bt -a
log
log -T
mod
sym -l
sym schedule
mount
files
foreach files
foreach sig
foreach net -s
fuser /
vm
task
set
sys
struct task_struct init_task
p init_task
rd linux_banner 64
dis schedule
list task_struct.tasks -h init_task
list task_struct.tasks -h init_task -s task_struct.pid,comm
tree -t rb vmap_area_root
kmem -i
kmem -s
kmem -s dentry
kmem -S kmalloc-64
kmem -v
kmem -V
kmem -n
kmem -z
kmem -f
kmem -g
kmem init_task
vtop init_task
runq
runq -d
runq -t
timer
timer -r
irq
irq -s
dev
dev -d
dev -p
net
net -a
swap
ipcs
sig
mach
bpf
""".strip().splitlines()

SCRIPT = """\
import time
with open(sys.argv[1], "w") as file:
    for command in COMMANDS:
        for attempt in range(2):
            start = time.perf_counter()
            exec_crash_command(command)
            print(command, 1000 * (time.perf_counter() - start), sep="\\t", file=file)
"""


def ours(vmlinux: str, vmcore: str) -> dict[str, list[float]]:
    """Milliseconds of the first and the second run."""
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder, "run.py"), Path(folder, "times")
        script.write_text(f"COMMANDS = {COMMANDS!r}\n{SCRIPT}")
        plugin = ROOT / "gdb-plugin" / "pykdump-init.py"
        words = ["gdb", "-nx", "-batch", "-x", str(plugin), vmlinux]
        words += ["-ex", f"target kdump {vmcore}", "-ex", f"pyk-run {script} {out}"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, list[float]] = {}
        for line in out.read_text().splitlines():
            name, value = line.split("\t")
            found.setdefault(name, []).append(float(value))
        return found


def peers(vmlinux: str, vmcore: str) -> dict[str, list[float]]:
    """The same of crash; nothing where it is missing or does not open the dump."""
    program = shutil.which("crash")
    if program is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        typed = []
        for command in COMMANDS:
            for _ in range(2):
                typed += ["!date +%s%N", f"{command} > {folder}/out"]
        typed += ["!date +%s%N", "exit"]
        run = subprocess.run(
            [program, "-s", vmlinux, vmcore],
            input="\n".join(typed) + "\n",
            capture_output=True,
            text=True,
            timeout=300,
        )
    # Starting date takes some milliseconds, too: they are in each figure.
    stamps = [int(word) for word in re.findall(r"^(\d{19})$", run.stdout, re.M)]
    if len(stamps) != 2 * len(COMMANDS) + 1:
        return {}
    times = [(after - before) / 1e6 for before, after in zip(stamps, stamps[1:])]
    return {name: times[2 * at : 2 * at + 2] for at, name in enumerate(COMMANDS)}


def main() -> None:
    """Print a table."""
    vmlinux, vmcore = sys.argv[1:3]
    mine, theirs = ours(vmlinux, vmcore), peers(vmlinux, vmcore)
    print(f"{'command, ms':40} {'first':>8} {'again':>8} {'crash':>8}")
    for name, (first, again) in mine.items():
        other = f"{theirs[name][1]:8.1f}" if name in theirs else "       -"
        print(f"{name:40} {first:8.1f} {again:8.1f} {other}")


if __name__ == "__main__":
    main()
