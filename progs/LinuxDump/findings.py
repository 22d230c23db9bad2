# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of a dump: each finds trouble of one kind, and names the command that shows more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from LinuxDump import (
    BTstack,
    cpus,
    log_findings,
    memory_usage,
    modules,
    oops,
    pages,
    run_queues,
    task_details,
    task_memory,
)
from LinuxDump.block_devices import disks
from LinuxDump.crash_block import DiskRequests, disk_requests
from LinuxDump.fs import mounts, superblocks
from LinuxDump.hangs import collect
from LinuxDump.oops import LogLine
from LinuxDump.stack_areas import thread_size
from LinuxDump.task_records import Task, TaskTable, task_table
from LinuxDump.task_selection import comm
from pykdump import lowlevel, symbols
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.printing import printable
from pykdump.sections import section

#: Weights: how likely it is what the reader looks for.
ERROR, WARNING, NOTE = 80, 50, 20

_LOAD_SHIFT = 11
_LOAD_MAX = 29
_OLD_S = 30
_HUNG_S = 120
_CHAIN_MIN = 20
_LAG_S = 5
_STACK_END_MAGIC = 0x57AC6E9D
_SHARE_MAX = 0.25  # of memory, for one process
_SHOWN = 6
_RECLAIM = re.compile(
    r"try_to_free_(mem_cgroup_)?pages|shrink_(node|lruvec|zones?|slab|inactive_list)|"
    r"__alloc_pages_direct_(reclaim|compact)|balance_dirty_pages|throttle_direct_reclaim"
)
_FOPS = Layout("struct gendisk", "fops")
_WORD = Layout("struct list_head", "next")  # any word will do
_STACK = Layout("struct task_struct", "stack", "thread.sp")


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be."""

    weight: int  #: 80 and more: an error; 50: a warning; 20: worth knowing
    title: str
    details: tuple[str, ...] = ()
    command: str = ""  #: shows more

    @property
    def severity(self) -> str:
        """ "error", "warning" or "note"."""
        return "error" if self.weight >= 65 else "warning" if self.weight >= 35 else "note"


class Situation:
    """What the checks look at, each part read when the first of them needs it."""

    def __init__(self, lines: Sequence[LogLine]) -> None:
        self.lines = lines
        self.table: TaskTable = task_table()

    @cached_property
    def threads(self) -> list[Task]:
        """All but the idle tasks."""
        return [task for task in self.table.tasks if task.idle_cpu is None]

    @cached_property
    def stacks(self) -> dict[int, BTstack.Stack]:
        """Stacks by address of the task."""
        modules.add_to_tables()
        known = {addr: sleeper.stack for addr, sleeper in self.waits.sleepers.items()}
        tasks = [task for task in self.table.tasks if task.addr not in known]
        known.update((task.addr, stack) for task, stack in zip(tasks, BTstack.stacks(tasks)))
        return known

    @cached_property
    def memory(self) -> memory_usage.MemoryUsage:
        """The machine's memory."""
        return memory_usage.memory_usage()

    @cached_property
    def queues(self) -> list[run_queues.CpuQueue]:
        """The run queues."""
        return run_queues.cpu_queues(self.table)

    @cached_property
    def mounts(self) -> list[mounts.Mount]:
        """What the first process sees mounted."""
        return mounts.mounts()

    @cached_property
    def waits(self) -> collect.Waits:
        """Who waits for whom."""
        return collect.collect()

    @cached_property
    def requests(self) -> list[DiskRequests]:
        """Block requests that are not over."""
        return disk_requests()

    def functions(self, task: Task) -> list[str]:
        """The functions on a task's stack."""
        stack = self.stacks.get(task.addr)
        return [] if stack is None else list(BTstack.functions(stack))


Check = Callable[[Situation], Iterator[Finding]]


def findings(situation: Situation) -> list[Finding]:
    """What all checks find, the weightiest first; a check that cannot read is a warning."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            with section(f"check: {check.__name__.strip('_').replace('_', ' ')}"):
                found += check(situation)
        except PykdumpError as error:
            pylog.warning(f"a check ({check.__name__.strip('_')}) could not be made: {error}")
    return sorted(found, key=lambda finding: -finding.weight)


# --- tasks


def _blocked_tasks(situation: Situation) -> Iterator[Finding]:
    blocked = [task for task in situation.threads if task.state == "D"]
    old = [task for task in blocked if _age_s(task) > _OLD_S]
    if not old:
        return
    old.sort(key=lambda task: -_age_s(task))
    hung = [task for task in old[:10] if _age_s(task) > _HUNG_S]
    details = list(_roots(situation))
    title = f"{len(old)} tasks are UNINTERRUPTIBLE for more than {_OLD_S} s"
    weight = 60
    if len(hung) > 1:
        title = f"Possible hang: {title}, the longest {_age_s(old[0]):.0f} s"
        weight = 72
    yield Finding(weight, title, tuple(details), "hanginfo")


def _roots(situation: Situation) -> Iterator[str]:
    # What tasks wait for in the end, the one with most tasks behind it first.
    graph = situation.waits.graph
    shown = 0
    for root in graph.roots():
        nodes = [graph.nodes[key] for key in root.trunk]
        tasks = [graph.nodes[key] for key in root.tasks]
        if shown < _SHOWN and any(task.state == "D" for task in tasks):
            age = f", longest {root.longest_ns / 1e9:.0f} s" if root.longest_ns else ""
            inferred = " (inferred)" if root.inferred else ""
            way = " <- ".join(printable(node.text) for node in nodes)
            yield f"{len(tasks)} tasks{age}: {way}{inferred}"
            shown += 1


def _deadlocks(situation: Situation) -> Iterator[Finding]:
    graph = situation.waits.graph
    for cycle in graph.cycles():
        texts = [printable(graph.nodes[key].text) for key in cycle]
        behind = len(graph.behind(cycle)) - len(cycle)
        title = f"deadlock of {sum(graph.nodes[key].kind == 'task' for key in cycle)} tasks"
        yield Finding(
            88,
            title + (f", {behind} wait behind it" if behind else ""),
            (" <- ".join([*texts, texts[0]]),),
            "hanginfo",
        )


def _requests(situation: Situation) -> Iterator[Finding]:
    old = [
        (request, disk)
        for disk in situation.requests
        for request in disk.requests
        if (request.in_flight_ns or 0) > _OLD_S * 10**9
    ]
    if old:
        names = Counter(disk.disk for _, disk in old)
        oldest = max(request.in_flight_ns or 0 for request, _ in old) / 1e9
        title = f"{len(old)} block requests are in flight for more than {_OLD_S} s"
        details = [f"{number} of {name}" for name, number in names.most_common(_SHOWN)]
        yield Finding(
            67, f"{title}, the oldest {oldest:.0f} s", tuple(details), "crashinfo --blkreq -v"
        )


def _age_s(task: Task) -> float:
    return (task.ran_ago_ns or 0) / 1e9


def _services(situation: Situation) -> Iterator[Finding]:
    # Kernel threads that many others wait for.
    for pattern, what in ((r"nfsd", "NFS server"), (r"jbd2/.*|xfsaild/.*|kjournald", "journal")):
        stuck = [
            task
            for task in situation.threads
            if task.state == "D" and _age_s(task) > _OLD_S and re.fullmatch(pattern, comm(task))
        ]
        if stuck:
            names = ", ".join(f"{task.pid} {comm(task)}" for task in stuck[:_SHOWN])
            yield Finding(66, f"{len(stuck)} {what} threads hang", (names,), "hanginfo")


def _parents(situation: Situation) -> Iterator[Finding]:
    tasks = situation.threads
    parents = {
        task.addr: detail.real_parent_addr
        for task, detail in zip(tasks, task_details.details([task.addr for task in tasks]))
        if detail is not None
    }
    known = situation.table.by_addr
    longest, looped = _longest_chain(
        {addr: up for addr, up in parents.items() if up in known and addr in known}
    )
    if looped:
        yield Finding(ERROR, "parents of tasks form a loop", (), "pstree -p")
    if len(longest) >= _CHAIN_MIN:
        pids = [str(known[addr].pid) for addr in reversed(longest)]
        shown = pids if len(pids) <= 12 else [*pids[:6], f"<{len(pids) - 12} more>", *pids[-6:]]
        title = f"a chain of {len(pids)} processes, each made by the one before"
        yield Finding(WARNING, title, (" > ".join(shown),), "pstree -p")


def _longest_chain(parents: dict[int, int]) -> tuple[list[int], bool]:
    # From the youngest to the oldest, and whether there is a loop anywhere; each task once.
    depths: dict[int, int] = {}
    looped = False
    for addr in parents:
        way = []
        seen = set()
        while addr not in depths and addr in parents:
            if addr in seen:
                looped = True
                break
            seen.add(addr)
            way.append(addr)
            addr = parents[addr]
        depth = depths.get(addr, 0)
        for each in reversed(way):
            depth += 1
            depths[each] = depth
    if not depths:
        return [], looped
    chain = [max(depths, key=lambda addr: depths[addr])]
    while chain[-1] in parents and len(chain) <= len(parents):
        chain.append(parents[chain[-1]])
    return chain, looped


def check_stacks(situation: Situation) -> Iterator[Finding]:
    tasks = situation.table.tasks
    size = thread_size()
    damaged = []
    rows = _STACK.read_many([task.addr for task in tasks])
    ends = _WORD.read_many([0 if row is None else row.stack for row in rows])
    for task, row, end in zip(tasks, rows, ends):
        if row is None or not row.stack or end is None:
            continue
        magic = end.next & 0xFFFF_FFFF
        if magic != _STACK_END_MAGIC and task.idle_cpu != 0:
            damaged.append(
                f"{task.pid} {comm(task)}: the end of its stack {row.stack:#x} is {magic:#x}"
            )
        elif not task.is_running and not row.stack <= row.thread_sp <= row.stack + size:
            damaged.append(f"{task.pid} {comm(task)}: SP {row.thread_sp:#x} is not in its stack")
    if damaged:
        yield Finding(85, f"{len(damaged)} stacks are corrupted", tuple(damaged[:_SHOWN]), "stack")


def _namespaces(situation: Situation) -> Iterator[Finding]:
    init = lowlevel.find_symbol("init_pid_ns")
    details = task_details.details([task.addr for task in situation.threads])
    spaces = [each.namespaces.get("pid") for each in details if each is not None]
    foreign = [space for space in spaces if space and space.addr != init]
    if foreign:
        number = len({space.addr for space in foreign})
        title = f"{len(foreign)} threads are in {number} pid namespaces of their own"
        yield Finding(NOTE, title, (), "taskinfo --ns")


def _zombies(situation: Situation) -> Iterator[Finding]:
    dead = [task for task in situation.threads if task.state == "Z"]
    if len(dead) > 20:
        names = Counter(map(comm, dead)).most_common(3)
        details = tuple(f"{number} {name}" for name, number in names)
        yield Finding(NOTE, f"{len(dead)} zombies", details, "taskinfo --taskfilter=ZO")


# --- CPUs


def _load(situation: Situation) -> Iterator[Finding]:
    addr = lowlevel.symbol_address("avenrun")
    loads = [lowlevel.read_uint(addr + 8 * place, 8) / (1 << _LOAD_SHIFT) for place in range(2)]
    count = max(1, len(cpus.online_cpus()))
    if max(loads) > max(_LOAD_MAX, count):
        title = f"high load average: {loads[0]:.2f} (1 min), {loads[1]:.2f} (5 min)"
        yield Finding(WARNING, title, (f"{count} CPUs online",), "taskinfo --summary")


def _queues(situation: Situation) -> Iterator[Finding]:
    queues = situation.queues
    locked = [str(queue.cpu) for queue in queues if queue.is_locked]
    if locked and cpus.panic_cpu() is not None:
        title = f"run queues are locked: CPU {', '.join(locked)}"
        yield Finding(WARNING, title, (), "crashinfo --runq")
    realtime = [queue for queue in queues if any(_realtime_current(queue))]
    if realtime and len(realtime) == len(queues):
        yield Finding(60, "all CPUs run real-time tasks", (), "crashinfo --runq")
    newest = max((queue.clock_ns for queue in queues), default=0)
    for queue in queues:
        behind = (newest - queue.clock_ns) / 1e9
        if behind > _LAG_S and queue.running:
            title = f"CPU {queue.cpu}: its scheduler's clock is {behind:.0f} s behind"
            details = (f"{queue.running} tasks to run",)
            yield Finding(62, title, details, f"stack cpu{queue.cpu}")
        if len(queue.cfs) > 30:
            title = f"CPU {queue.cpu}: {len(queue.cfs)} tasks wait to run"
            yield Finding(45, title, (), "crashinfo --runq")


def _realtime_current(queue: run_queues.CpuQueue) -> Iterator[bool]:
    for tasks in queue.realtime.values():
        for task in tasks:
            yield queue.current is not None and task.task_addr == queue.current.task_addr


# --- memory


def _memory(situation: Situation) -> Iterator[Finding]:
    memory = situation.memory
    if not memory.total_kb:
        return
    if memory.writeback_kb * 100 > memory.total_kb * max(1, memory.dirty_ratio):
        share = memory.writeback_kb * 100 // memory.total_kb
        yield Finding(WARNING, f"{share} % of memory is under writeback", (), "crashinfo --blkreq")
    if memory.free_kb * 10 > memory.total_kb:
        return
    free = f"{memory.free_kb * 100 // memory.total_kb} % of memory is free"
    if memory.committed_kb > memory.commit_limit_kb > 0:
        share = memory.committed_kb * 100 // memory.commit_limit_kb
        yield Finding(40, f"{free}, {share} % of the limit is committed", (), "taskinfo --memory")
    unused = sum(huge.size_kb * huge.free for huge in memory.huge_pages)
    if memory.huge_kb * 2 > memory.total_kb and unused * 10 > memory.huge_kb * 3:
        title = f"{free}, and {unused * 100 // memory.huge_kb} % of the huge pages are not used"
        yield Finding(55, title, (), "taskinfo --memory")
    used = memory.swap_total_kb - memory.swap_free_kb
    if memory.swap_total_kb * 5 >= memory.total_kb and used * 100 > memory.swap_total_kb * 15:
        share = used * 100 // memory.swap_total_kb
        yield Finding(45, f"{free}, {share} % of the swap space is used", (), "taskinfo --memory")


def _fragmentation(situation: Situation) -> Iterator[Finding]:
    blocks = pages.free_blocks()
    for order, size in ((1, "8 kB"), (3, "32 kB")):
        at_least = sum(sum(each.counted[order:]) for each in blocks)
        if at_least < 2:
            yield Finding(WARNING, f"memory is fragmented: no free {size} blocks", (), "slab")
            return


def _big_processes(situation: Situation) -> Iterator[Finding]:
    total = situation.memory.total_kb
    leaders = [task for task in situation.threads if task.pid == task.tgid]
    found = task_memory.memory([task.addr for task in leaders])
    for task, memory in zip(leaders, found):
        if memory is not None and total and memory.rss_kb > _SHARE_MAX * total:
            share = memory.rss_kb * 100 // total
            title = f"pid {task.pid} {comm(task)} has {share} % of the memory"
            yield Finding(42, title, (), "taskinfo --memory")


def _memory_pressure(situation: Situation) -> Iterator[Finding]:
    states: Counter[str] = Counter()
    for task in situation.threads:
        if any(map(_RECLAIM.match, situation.functions(task))):
            states[task.state] += 1
    if states:
        counted = ", ".join(f"{number} in state {state}" for state, number in states.items())
        title = f"Memory pressure: {sum(states.values())} tasks reclaim memory or wait for it"
        yield Finding(55, title, (counted,), "taskinfo --memory")


# --- disks, file systems, log, modules


def _disks(situation: Situation) -> Iterator[Finding]:
    wrong = []
    found = disks()
    for disk, row in zip(found, _FOPS.read_many([disk.addr for disk in found])):
        if not disk.name or not disk.name.isascii() or not disk.name.isprintable():
            wrong.append(f"gendisk {disk.addr:#x}: its name is {disk.name!r}")
        elif row is None or not (symbols.addr2sym(row.fops) or modules.module_at(row.fops)):
            fops = "unreadable" if row is None else f"{row.fops:#x}"
            wrong.append(f"gendisk {disk.addr:#x} {disk.name}: its fops are {fops}, no variable")
    if wrong:
        title = f"{len(wrong)} disks are corrupted"
        yield Finding(82, title, tuple(wrong[:_SHOWN]), "crashinfo --blkdevs -v")


def _frozen(situation: Situation) -> Iterator[Finding]:
    seen: dict[int, str] = {}
    for mount in situation.mounts:
        if mount.sb_addr not in seen and superblocks.sb_frozen(mount.sb_addr):
            seen[mount.sb_addr] = f"{mount.device} on {mount.mountpoint} ({mount.fstype})"
    if seen:
        title = f"{len(seen)} file systems are frozen"
        yield Finding(63, title, tuple(seen.values())[:_SHOWN], "hanginfo")


def _log(situation: Situation) -> Iterator[Finding]:
    for rule, lines in log_findings.matches(situation.lines):
        title = rule.title.format(n=len(lines))
        shown = (_log_text(lines[0]), *([_log_text(lines[-1])] if len(lines) > 1 else []))
        yield Finding(rule.weight, f"in the log: {title}", shown, rule.command)


def _log_text(line: LogLine) -> str:
    return f"[{line.ts_ns / 1e9:.6f}] {line.text}"


def _earlier_oopses(situation: Situation) -> Iterator[Finding]:
    survived = oops.survived(situation.lines)
    if survived and cpus.panic_cpu() is None:
        survived = survived or []
    elif survived and not any("Kernel panic" in line.text for line in situation.lines):
        survived = survived[:-1]  # the dump was taken for the last one
    if survived:
        first = survived[0]
        title = f"the kernel went on after {len(survived)} oopses: what came later may follow"
        yield Finding(78, title, (first.message, f"at {first.function}"), "log")


def _modules(situation: Situation) -> Iterator[Finding]:
    tainted = [module for module in modules.modules() if module.taints]
    if tainted:
        names = [f"{each.name} ({modules.taint_letters(each.taints)})" for each in tainted]
        title = f"{len(tainted)} modules taint the kernel"
        yield Finding(NOTE, title, (" ".join(names[:20]),), "modinfo -t")
    if any(module.name == "pcc_cpufreq" for module in modules.modules()):
        yield Finding(35, "pcc_cpufreq is loaded: it slows machines with many CPUs", (), "modinfo")


#: All checks, in the order in which they are made.
CHECKS: tuple[Check, ...] = (
    *(
        _deadlocks,
        _blocked_tasks,
        _requests,
        _services,
        _parents,
        check_stacks,
        _namespaces,
        _zombies,
    ),
    *(_load, _queues, _memory, _fragmentation, _big_processes, _memory_pressure),
    *(_disks, _frozen, _log, _earlier_oopses, _modules),
)
