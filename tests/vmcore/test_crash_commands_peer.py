# SPDX-License-Identifier: GPL-2.0-or-later
"""Output beside that of Debian's crash, where it is installed and opens the dump.

crash 8.0.2 sees only the tasks that ran, and is wrong in these, which are not compared:
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

COMMANDS = """
log
log -T
log -t
log -m
mod
mod -t
mount
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
kmem -o
kmem -h
ptov 1000000
ptob 512a
btop 512a000
pte d8e067
runq -t
runq -m
sig
sig -l
swap
ipcs
irq -b
irq -s
dev -p
net
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
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("not applicable: crash does not end with this dump")
    parts = re.split(r"^@@@ (.*)\n", run.stdout.decode("utf-8", "replace"), flags=re.M)
    if len(parts) < 2 * len(COMMANDS):
        pytest.skip("not applicable: crash does not open this dump")
    return {name: lines(text) for name, text in zip(parts[1::2], parts[2::2])}


def lines(text: str) -> list[str]:
    """Without what differs for no reason: blanks at ends, paths of the build, numbers of values."""
    found = [line.rstrip() for line in text.splitlines()]
    found = [re.sub(r"debian/build/build_\w+_\w+_[\w-]+/", "", line) for line in found]
    found = [re.sub(r"\$\d+ = ", "$N = ", line) for line in found]
    while found and not found[-1]:
        found.pop()
    return found


def test_lines_are_those_of_crash(vmcore: Vmcore) -> None:
    theirs = peer(vmcore)
    ours = texts(vmcore, COMMANDS)
    different = [name for name in COMMANDS if theirs[name] != lines(ours[name])]
    assert not different, [(theirs[n][:5], lines(ours[n])[:5]) for n in different[:3]]
