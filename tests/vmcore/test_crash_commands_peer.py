# SPDX-License-Identifier: GPL-2.0-or-later
"""Output beside that of Debian's crash, where it is installed and opens the dump.

crash 8.0.2 sees only the tasks that ran, and leaves out those that wait for a CPU on a run queue.
It is wrong in these, which are not compared:
- kmem -i: SLAB and COMMITTED, which /proc/meminfo has otherwise;
- irq -a: no CPUs at all, /proc/irq/N/smp_affinity_list has them;
- ascii: the apostrophe and the backtick in each other's place;
- sym -m: names without .isra.0 and the like, which /proc/kallsyms has;
- vm, fuser: they fail, as mm_struct has no mmap since 6.1;
- struct NAME.MEMBER ADDRESS: a comma behind the value, which scripts do not expect.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from crash_texts import texts
from harness import Vmcore

#: Where crash is wrong on one kernel.
WRONG = {
    "5.10-panic": {
        "log -T",  # a second late: by btime of /proc/stat these are the dates
        "bt -v",  # it takes the idle tasks' stacks for none
    }
}

#: What older crash does not have: addresses of IPv6.
OLDER = {"net"}
#: What newer crash has otherwise: all of long texts, and more where it is wrong.
NEWER = {"bt -v", "struct task_struct init_task", "whatis -r 4096-20000"}
#: The same of dumps of 6.12, which no older one opens: it takes HZ for 1000, ...
NEWER_6_12 = {"log -T", "sys", "kmem -n", "runq -t", "irq -s", "irq -s -c 0", "mach"}
#: About the selected task: where none panicked crash takes an idle one.
SELECTED = ("sig", "files -c", "bt ")

COMMANDS = """
ps
log
log -T
log -t
log -m
log -d
mod
mod -t
mount
sys
sys -i
sys -t
sym init_task
sym -q slab_next
sym schedule
kmem -s
kmem -v
kmem -V
kmem -z
kmem -g
kmem -g 10
kmem -n
kmem -f
kmem -F
kmem -s -I dentry,vm_area_struct
kmem -P 1000000
kmem -p 1000000
kmem -o
kmem -h
ptov 1000000
ptob 512a
ptob 1000
btop 512a000
pte d8e067
pte 8000000001234063
runq
runq -d
runq -g
runq -t
runq -T
runq -m
sig
sig -g
sig -l
sig -s fffffff
swap
ipcs
ipcs -M
irq -b
irq -d
irq -s
irq -s -c 0
irq -u
dev -p
net
bt -v
files -c
struct -p task_struct.mm init_task
p/x jiffies
mach -c
mach -m
eval 0x1000
eval 128m
p jiffies
p -x init_task.pid
p runqueues
p runqueues:0
whatis init_task
whatis task_struct.pid
whatis schedule
struct list_head
struct list_head -o
struct list_head.next
struct list_head init_task
struct list_head -x init_task 2
rd linux_banner 4
rd -32 linux_banner 4
rd -8 linux_banner 20
rd -d init_task 4
rd -D init_task 4
rd -s sys_call_table 8
rd -p 1000000 4
rd -x linux_banner 4
list task_struct.tasks -h init_task
list -H modules
list modules
list -r -H modules
list -H modules -o module.list
tree -t rb vmap_area_root
tree -t rb -p vmap_area_root
tree -l -t rb vmap_area_root
tree -t x irq_desc_tree
tree -t x -p irq_desc_tree
tree -t x -r idr.idr_rt -p init_pid_ns
list -B -H modules
list -h -O 0 modules
ps -y RR
sym -p schedule
sym -n schedule
bt -o
bt -os
bt -osx
bt -e
bt -T
rd -R linux_banner 4
rd -r /dev/null linux_banner 20
dis -b
struct list_head modules -c -3
struct task_struct init_task
struct bus_type pci_bus_type
struct file_operations def_blk_fops
whatis -r 4096-20000
whatis -m sbitmap
search -p (schedule+0)
foreach 0 bt -t
foreach 0 set
foreach 0 sig
foreach 0 vm
foreach 0 vm -p
sig -g 0
foreach active set
foreach active sig -g
foreach active net -s
mach
struct -o page
struct -o task_struct
struct -ox task_struct
struct page
struct -r task_struct init_task
struct -x file_operations def_blk_fops
p -x init_task.comm
whatis pid_t
dis -x schedule 20
search -T -m fff ffffffff00000000
""".strip().splitlines()


def peer(vmcore: Vmcore) -> dict[str, list[str]]:
    """What crash prints."""
    program = shutil.which("crash")
    if program is None:
        pytest.skip("crash is not installed; apt-get install crash")
    typed = "".join(f'!echo "@@@ {command}"\n{command}\n' for command in COMMANDS) + "exit\n"
    dump = next((files for name, files in vmcore.forms.items() if name in ("elf", "zlib")), None)
    if dump is None:
        pytest.skip("not applicable: there is no form of this dump that crash reads")
    try:
        run = subprocess.run(
            [program, "-s", str(vmcore.vmlinux), *map(str, dump)],
            input=typed.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=400,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("not applicable: crash does not end with this dump")
    parts = re.split(r"^@@@ (.*)\n", run.stdout.decode("utf-8", "replace"), flags=re.M)
    if len(parts) < 2 * len(COMMANDS):
        pytest.skip("not applicable: crash does not open this dump")
    return {name: lines(text) for name, text in zip(parts[1::2], parts[2::2])}


def lines(text: str) -> list[str]:
    """Without what differs for no reason: blanks at ends, paths of the build, numbers of values."""
    # No output at all is an error for scripts.
    found = [line.rstrip() for line in text.splitlines() if line != "ERROR "]
    found = [re.sub(r"debian/build/build_\w+_\w+_[\w-]+/", "", line) for line in found]
    # It finds few tasks of kernels since 6.1, is a second off, and cuts loads where /proc rounds.
    unlike = re.compile(r" *(TASKS|DUMPFILE|DATE|UPTIME|LOAD AVERAGE): .*")
    found = [line for line in found if not unlike.fullmatch(line)]
    # What crash 8 says of a panic that was asked for with sysrq, too.
    found = [line.replace("(SYSRQ)", "(PANIC)") for line in found]
    # Stacks that crash 8 has no names for, and those behind them.
    last = (n for n, line in enumerate(found) if re.match(r" *(MCE|\(unknown\)) STACK SIZE:", line))
    found = found[: next(last, None)]
    found = [line.removesuffix(" [FTRACE NOP]").rstrip() for line in found]
    # crash has no names of pipes.
    found = [re.sub(r" (pipe|socket):\[\d+\]$", "", line) for line in found]
    found = [re.sub(r"\$\d+ = ", "$N = ", line) for line in found]
    while found and not found[-1]:
        found.pop()
    return found


def crash_version() -> int:
    program = shutil.which("crash") or ""
    shown = subprocess.run([program, "--version"], stdout=subprocess.PIPE).stdout.decode()
    found = re.search(r"^crash (\d+)\.", shown, re.M)
    return int(found[1]) if found else 0


def are_errors(command: str, theirs: list[str], ours: list[str]) -> bool:
    name = command.split()[0]
    return ours[:1] != [] and ours[0].startswith("ERROR ") and theirs[0].startswith(f"{name}: ")


def queued(found: list[str], known: set[str]) -> list[str]:
    """Run queues without the tasks that crash does not know, and without what tells of none."""
    tasks = ((line, re.match(r"     \[.*TASK: (\w+)", line)) for line in found)
    kept = [line for line, task in tasks if task is None or task[1] in known]
    return [line for line in kept if "[no tasks queued]" not in line]


def test_lines_are_those_of_crash(vmcore: Vmcore) -> None:
    theirs = peer(vmcore)
    ours = {name: lines(text) for name, text in texts(vmcore, COMMANDS).items()}
    known = {word for line in theirs["ps"] for word in re.findall(r"\bffff\w{12}\b", line)}
    for name in "runq", "runq -d", "runq -g":
        ours[name], theirs[name] = queued(ours[name], known), queued(theirs[name], known)
    skipped = {"ps", *WRONG.get(vmcore.name, ())}
    if crash_version() >= 9:
        skipped |= NEWER | (NEWER_6_12 if vmcore.release.startswith("6.12.") else set())
    else:
        skipped |= OLDER
    if vmcore.facts["trigger"] == "none":
        skipped |= {name for name in COMMANDS if name.startswith(SELECTED)}
    different = [
        name
        for name in COMMANDS
        if name not in skipped
        and theirs[name] != ours[name]
        and not are_errors(name, theirs[name], ours[name])
    ]
    assert not different, [(n, theirs[n][:5], ours[n][:5]) for n in different[:3]]
