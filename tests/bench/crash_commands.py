#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of crash commands beside crash's own, of the 1 GiB dump and of a guest with 30 000 threads.

Writes docs/internals/crash-times.md. Without crash only ours are shown. With VMLINUX and VMCORE
only this dump is measured, and printed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "vmcore")]

from work import have_cached  # noqa: E402

import harness  # noqa: E402

PAGE = ROOT / "docs" / "internals" / "crash-times.md"
#: Name of the dump, and how much slower than crash's a command may be, in ms.
DUMPS = (("6.1-panic", 50.0), ("6.1-large", 0.0))
MOST_MS = 1000.0
_SHELL_MS = 20.0
#: How long crash may take for one of them, and until it takes the first.
COMMAND_SECONDS, START_SECONDS = 60, 300
COMMANDS = """
ps
ps -m
ps -l
ps -G
ps -A
ps -k
ps -u
ps -t
ps -p
ps -c
ps -g
ps -a
ps -r
ps -s
ps -S
ps 1
ps -y NORMAL
foreach bt
foreach bt -s
foreach bt -t
foreach bt -T
foreach bt -l
foreach bt -e
foreach bt -f
foreach bt -F
foreach UN bt
foreach UN bt -r
foreach files
foreach files -c
foreach files -R 3
foreach gleader files
foreach net
foreach net -s
foreach ps
foreach set
foreach sig
foreach vm
foreach vtop init_task
foreach rd linux_banner
foreach gleader vm -p
foreach UN task -R pid,comm
foreach UN task
foreach task -R pid,comm
bt
bt -a
bt -l
bt -f
bt -t
bt -g
log
log -T
log -m
log -t
mod
mod -t
sym -l
sym -M
sym schedule
sym -q schedule
mount
mount -n 1
files
files -c
files 1
fuser /
vm
vm 1
vm -p
vm -m
task
set
sys
sys -c
sys -c read
sys -i
sys -t
struct task_struct
struct -o task_struct
struct task_struct init_task
struct task_struct.pid,comm init_task
union thread_union
*task_struct init_task
p init_task
p jiffies
whatis task_struct
eval 1 << 12
ascii
rd linux_banner 64
rd -s init_task 512
dis schedule
dis -l schedule
list task_struct.tasks -h init_task
list task_struct.tasks -h init_task -s task_struct.pid,comm
tree -t rb vmap_area_root
tree -t rb vmap_area_root -s vmap_area.va_start -o vmap_area.rb_node
tree -t xarray init_pid_ns.idr.idr_rt
kmem -i
kmem -s
kmem -s dentry
kmem -S kmalloc-64
kmem -S dentry
kmem -p
kmem -v
kmem -V
kmem -n
kmem -z
kmem -f
kmem -F
kmem -g
kmem -o
kmem -h
kmem init_task
search -w deadbeef
vtop init_task
ptov 1000000
ptob 1000
btop 1000000
pte 8000000000000067
help -m
mach
mach -c
waitq init_task.signal
runq
runq -d
runq -g
runq -m
runq -t
timer
timer -r
irq
irq -a
irq -b
irq -s
dev
dev -d
dev -i
dev -p
net
net -a
net -s
net -n
swap
ipcs
sig
sig -g
sig -l
sbitmapq
bpf
extend
alias
repeat ps -A
""".strip().splitlines()


#: That take crash minutes where there are many tasks, and that it refuses: it has no foreach rd,
#: and its foreach vtop takes no symbols.
SLOW = {
    *(command for command in COMMANDS if command.startswith("list") and " -s " in command),
    *("foreach task -R pid,comm", "foreach vtop init_task", "foreach rd linux_banner"),
}
HEAD = """\
Written by `tests/bench/crash_commands.py`: milliseconds of each command, twice in a session,
its output taken as text, beside crash's own, which writes into a file. CPU is that of the second
run, of all cores. Python's files are compiled before, as in an installed package. What takes crash
longer than a minute was stopped, and has no figures of it. `over`: by the clock longer than a
second, or than crash and what is allowed; differences within the 20 ms that the shell's part of
crash's figures takes are none.
"""
FEW_TASKS = """\
Of kernels since 6.1 crash 8 finds only the tasks that are on CPUs: what goes by tasks takes it no
time, and shows nothing of the others.
"""


class Times(NamedTuple):
    """Milliseconds of a command's runs in a session: by the clock, and of all CPUs."""

    first: float
    again: float
    first_cpu: float
    again_cpu: float


COMPILE = """\
import compileall
for folder in ("gdb-plugin", "progs", "pykdump"):
    compileall.compile_dir(f"{ROOT}/{folder}", quiet=2)
"""
SCRIPT = """\
import time
with open(sys.argv[1], "w") as file:
    for command in COMMANDS:
        figures = []
        for attempt in range(2):
            start = time.perf_counter(), time.process_time()
            exec_crash_command_bg(command, timeout=600)
            figures += [time.perf_counter() - start[0], time.process_time() - start[1]]
        print(command, *(1000 * figure for figure in figures), sep="\\t", file=file)
"""


def ours(vmlinux: str, vmcore: str, sessions: list[list[str]]) -> dict[str, Times]:
    """Our times; each list of commands has a session of its own."""
    found: dict[str, Times] = {}
    plugin = ROOT / "gdb-plugin" / "pykdump-init.py"
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder, "run.py"), Path(folder, "times")
        env = {**os.environ, "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        words = ["gdb", "-nx", "-batch", "-x", str(plugin), vmlinux]
        words += ["-ex", f"target kdump {vmcore}", "-ex", f"pyk-run {script} {out}"]
        script.write_text(f"ROOT = {str(ROOT)!r}\n{COMPILE}")
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=env)
        for commands in sessions:
            script.write_text(f"COMMANDS = {commands!r}\n{SCRIPT}")
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=env)
            for line in out.read_text().splitlines():
                name, *figures = line.split("\t")
                first, first_cpu, again, again_cpu = map(float, figures)
                found[name] = Times(first, again, first_cpu, again_cpu)
    return found


def version_of(crash: str | None) -> str:
    """The first line that crash says of itself: "crash 8.0.2"; "no crash" without one."""
    if crash is None:
        return "no crash"
    said = subprocess.run([crash, "--version"], stdout=subprocess.PIPE, text=True, check=False)
    return (said.stdout.strip().splitlines() or ["crash of an unknown version"])[0]


def peers(vmlinux: str, vmcore: str, crash: str | None) -> dict[str, Times]:
    """The same of crash; nothing where it is missing or does not open the dump.

    A command that takes it too long is left out, and so is what it wrote up to then.
    """
    found: dict[str, Times] = {}
    # Starting these programs takes some milliseconds, too: they are in each figure of the clock.
    left = [command for command in COMMANDS if command not in SLOW]
    while crash is not None and left:
        spent = _session([crash, "-s", vmlinux, vmcore], left)
        for name, one, other in zip(left, spent[::2], spent[1::2]):
            found[name] = Times(one[0], other[0], one[1], other[1])
        if not found:
            break
        left = left[len(spent) // 2 + 1 :]  # without the one that took too long
    return found


def _session(words: list[str], asked: list[str]) -> list[tuple[float, float]]:
    # Milliseconds of each run, by the clock and of the CPU; it ends where one takes too long.
    stamp = '!echo @ $(date +%s%N) $(cut -d" " -f1 /proc/$PPID/schedstat)'
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        typed = [stamp]
        for command in asked:
            typed += 2 * [f"{command} > {folder}/out", stamp]
        Path(folder, "typed").write_text("\n".join([*typed, "exit", ""]))
        printed = Path(folder, "printed")
        with open(f"{folder}/typed") as lines, open(printed, "w") as file:
            crash = subprocess.Popen(words, stdin=lines, stdout=file, stderr=file)
            known, since = -1, time.monotonic()
            while crash.poll() is None:
                time.sleep(0.2)
                count = len(_stamps(printed))
                if count != known:
                    known, since = count, time.monotonic()
                elif time.monotonic() - since > (COMMAND_SECONDS if known else START_SECONDS):
                    crash.kill()
                    crash.wait()
        stamps = _stamps(printed)
        found = [
            (after - before, cpu_after - cpu)
            for (before, cpu), (after, cpu_after) in zip(stamps, stamps[1:])
        ]
    return found


def _stamps(printed: Path) -> list[tuple[float, float]]:
    text = printed.read_text(errors="replace")
    return [
        (int(clock) / 1e6, int(cpu) / 1e6)
        for clock, cpu in re.findall(r"^@ (\d+) (\d+)$", text, re.M)
    ]


def table(mine: dict[str, Times], theirs: dict[str, Times], slower_ms: float) -> Iterator[str]:
    """Rows of all commands, and which take longer than they may."""
    yield "| command, ms | first | again | crash, first | again | CPU | CPU of crash | |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, our in mine.items():
        peer = theirs.get(name)
        other = ("", "", "") if peer is None else (peer.first, peer.again, peer.again_cpu)
        cells = [our.first, our.again, *other[:2], our.again_cpu, other[2]]
        over = "over" if _is_over(our, peer, slower_ms) else ""
        shown = " | ".join(cell if isinstance(cell, str) else f"{cell:.1f}" for cell in cells)
        yield f"| `{name}` | {shown} | {over} |"


def _is_over(our: Times, peer: Times | None, slower_ms: float) -> bool:
    slowest = max(our.first, our.again)
    if peer is None or slowest > MOST_MS:
        return slowest > MOST_MS
    allowed = max(slower_ms, _SHELL_MS)
    return our.first > peer.first + allowed or our.again > peer.again + allowed


def page(alone: bool, crash: str | None) -> Iterator[str]:
    """The page, both dumps one after the other."""
    version = version_of(crash)
    yield f"# Times of crash commands, beside {version}"
    yield ""
    yield from HEAD.splitlines()
    if re.match(r"crash 8\.", version):
        yield from FEW_TASKS.splitlines()
    for name, slower_ms in DUMPS:
        dump = harness.get_large(name) if "large" in name else harness.get(name)
        (vmcore,) = dump.forms["elf"]
        have_cached(vmcore)
        sessions = [[command] for command in COMMANDS] if alone else [COMMANDS]
        before = os.getloadavg()[0]
        mine, theirs = ours(str(dump.vmlinux), str(vmcore), sessions), {}
        theirs = peers(str(dump.vmlinux), str(vmcore), crash)
        load = f"load average {before:.1f} before, {os.getloadavg()[0]:.1f} at the end"
        yield ""
        yield f"## {name}: {dump.release}, {os.cpu_count()} cores"
        yield ""
        yield f"At most {slower_ms:.0f} ms slower than crash; {load}."
        yield ""
        yield from table(mine, theirs, slower_ms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="VMLINUX VMCORE", help="only this dump")
    parser.add_argument("--alone", action="store_true", help="a session for each command")
    parser.add_argument("--crash", metavar="PATH", help="the crash to compare with, else PATH's")
    options = parser.parse_args()
    crash = shutil.which(options.crash or "crash")
    if options.crash and crash is None:
        parser.error(f"{options.crash} is no program")
    if options.files:
        vmlinux, vmcore = options.files
        sessions = [[command] for command in COMMANDS] if options.alone else [COMMANDS]
        lines = table(ours(vmlinux, vmcore, sessions), peers(vmlinux, vmcore, crash), 50.0)
        print("\n".join(lines))
        return
    text = "\n".join([*page(options.alone, crash), ""])
    print(text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
