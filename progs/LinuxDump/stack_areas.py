# SPDX-License-Identifier: GPL-2.0-or-later
"""The stacks that a CPU of x86_64 can be on (arch/x86/kernel/dumpstack_64.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from LinuxDump import percpu
from LinuxDump.task_records import Task
from pykdump import lowlevel
from pykdump.errors import PykdumpError, ReadError

# v6.10 8f69cba096b5 ("x86: Rename __{start,end}_init_task to __{start,end}_init_stack")
_INIT_STACK = (("__start_init_stack", "__end_init_stack"), ("__start_init_task", "__end_init_task"))

_EXCEPTION_STACKS = "struct cea_exception_stacks"
_PAGE = 4096
_IST_SIZE = _PAGE  # EXCEPTION_STKSZ before 5.1, where nothing has its type

#: What the names of the exception stacks' members stand for.
_EXCEPTIONS = {
    "DF": "double fault stack",
    "NMI": "NMI stack",
    "DB": "debug stack",
    "MCE": "machine check stack",
    "VC": "VC exception stack",
    "VC2": "VC fallback stack",
}
#: Places in struct orig_ist, before 5.1 (arch/x86/include/asm/page_64_types.h).
_IST_NAMES = ("DF", "NMI", "DB", "MCE")


class Area(NamedTuple):
    """Memory that is a stack."""

    name: str
    start: int
    end: int

    def holds(self, sp: int) -> bool:
        """Whether a stack pointer is in it: an empty stack's is at its end."""
        return self.start < sp <= self.end


def task_stack(task: Task) -> Area | None:
    """The stack of a task; None when it was given back, or cannot be read."""
    try:
        base = lowlevel.read_pointer(
            task.addr + lowlevel.member("struct task_struct", "stack").offset
        )
    except ReadError:
        return None
    return Area("task stack", base, base + thread_size()) if base else None


def below(stack: Area) -> Area:
    """The page below a stack, where its pointer is once the stack has overflowed."""
    return Area(f"{stack.name} (overflowed)", stack.start - _PAGE, stack.start)


def thread_size() -> int:
    """THREAD_SIZE: the first task's stack lies in vmlinux, so its symbols tell."""
    for start, end in _INIT_STACK:
        first, last = lowlevel.link_address(start), lowlevel.link_address(end)
        if first and last and 4096 <= last - first <= 1 << 20:
            return last - first
    raise PykdumpError("the size of stacks is not known: vmlinux has no __start_init_task")


def cpu_stacks(cpu: int) -> list[Area]:
    """The stacks that belong to a CPU; those that cannot be found are left out."""
    found = []
    for areas in _irq_stack, _exception_stacks, _entry_stack:
        try:
            found += list(areas(cpu))
        except PykdumpError:
            continue  # frames there are then on a stack without name
    return found


def _irq_stack(cpu: int) -> Iterator[Area]:
    # Softirqs run on it too.
    if lowlevel.find_symbol("pcpu_hot") is not None:  # 6.2 to 6.14
        place = percpu.per_cpu("pcpu_hot", cpu)
        place += lowlevel.member("struct pcpu_hot", "hardirq_stack_ptr").offset
    elif percpu.find_per_cpu("hardirq_stack_ptr", cpu) is not None:  # since 5.1
        place = percpu.per_cpu("hardirq_stack_ptr", cpu)
    else:
        start = percpu.per_cpu("irq_stack_union", cpu)
        yield Area("IRQ stack", start, start + lowlevel.sizeof("union irq_stack_union"))
        return
    top = (lowlevel.read_pointer(place) + 15) & ~15  # some kernels leave a word free there
    if top:
        yield Area("IRQ stack", top - lowlevel.sizeof("struct irq_stack"), top)


def _exception_stacks(cpu: int) -> Iterator[Area]:
    if percpu.find_per_cpu("cea_exception_stacks", cpu) is None:
        yield from _old_exception_stacks(cpu)
        return
    base = lowlevel.read_pointer(percpu.per_cpu("cea_exception_stacks", cpu))
    for letters, name in _EXCEPTIONS.items():
        stack = lowlevel.find_member(_EXCEPTION_STACKS, f"{letters}_stack")
        if stack is not None and base:
            start = base + stack.offset
            yield Area(name, start, start + stack.size)


def _old_exception_stacks(cpu: int) -> Iterator[Area]:
    table = percpu.per_cpu("orig_ist", cpu)
    for number, letters in enumerate(_IST_NAMES):
        top = lowlevel.read_pointer(table + 8 * number)
        size = 2 * _IST_SIZE if letters == "DB" else _IST_SIZE
        if top:
            yield Area(_EXCEPTIONS[letters], top - size, top)


def _entry_stack(cpu: int) -> Iterator[Area]:
    # The processor takes it from the TSS when it comes from user mode.
    tss = percpu.per_cpu("cpu_tss_rw", cpu)
    sp0 = lowlevel.member("struct tss_struct", "x86_tss.sp0").offset
    top = lowlevel.read_pointer(tss + sp0)
    if top:
        yield Area("entry stack", top - lowlevel.sizeof("struct entry_stack"), top)


def name_of(sp: int, areas: list[Area]) -> str:
    """The name of the stack that a frame is on; "unknown stack" for none of these."""
    for area in areas:
        if area.start < sp <= area.end:
            return area.name
    return "unknown stack"
