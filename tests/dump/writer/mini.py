# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs the mini kernel, ready to be written as a dump, and the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .kernel import KERNEL_IMAGE_SIZE, MiniKernel
from .machine import BLANK_UTSNAME, PAGE, Machine
from .notes import prstatus, qemu_cpu, vmcoreinfo_note, vmcoreinfo_text
from .paging import SIZE_2M, PageTables
from .plant import Planter
from .stacks import KERNEL_CS, KERNEL_SS, RUNNING_IN, USER_CS, USER_SS
from .tasks import Task, idle_task, plan_running, plan_tasks

RELEASE = "6.1.0-mini"
CRASH_TIME = 1_700_000_000
USER_TEXT, USER_HUGE, USER_STACK_TOP = 0x400000, 0x7F0000000000, 0x7FFFFFFDF000


@dataclass(frozen=True)
class UserFacts:
    """Memory of the processes; all of them have the same pages."""

    pgd: int  #: mm_struct.pgd, a kernel virtual address
    text: bytes  #: at USER_TEXT, in 4 KiB pages
    huge: bytes  #: at USER_HUGE, the start of a 2 MiB page
    unmapped: int = 0x500000


@dataclass
class Facts:
    """What is true of the machine."""

    release: str
    build_id: str
    crash_time: int
    kaslr: int
    phys_base: int
    levels: int
    cpus: int
    panic_cpu: int | None
    tasks: list[Task]  #: idle tasks first
    regs: list[dict[str, int]] = field(default_factory=list)  #: of the CPUs
    vmcoreinfo_phys: int = 0  #: of the page with VMCOREINFO's text; 0 when it is nowhere
    user: UserFacts | None = None

    def task(self, pid: int) -> Task:
        """The task of a pid other than 0."""
        return next(task for task in self.tasks if task.pid == pid and pid)

    def running(self, cpu: int) -> Task:
        """The task on a CPU."""
        return next(task for task in self.tasks if task.running and task.cpu == cpu)


@dataclass(frozen=True)
class Mini:
    """The machine, its kernel and the facts."""

    machine: Machine
    kernel: MiniKernel
    facts: Facts


def mini_machine(
    elf: Path,
    *,
    kaslr: int = 0x1C000000,
    load_at: int = 0x2C00000,
    levels: int = 4,
    cpus: int = 2,
    tasks: int = 20,
    panic_cpu: int | None = None,
    vmcoreinfo: str = "note",
    user_process: bool = True,
    qemu: bool = False,
    ram: tuple[tuple[int, int], ...] | None = None,
) -> Mini:
    """A machine with the mini kernel and `tasks` tasks beside the idle and the running ones.

    load_at: physical address of _text, a multiple of 2 MiB; it gives phys_base.
    panic_cpu: CPU whose task panicked; None is a machine that was dumped from outside.
    vmcoreinfo: "note" (and in memory), "memory" only, or "none".
    qemu: blank utsname and QEMU's own notes, as dump-guest-memory writes them.
    """
    machine = Machine(ram=ram or _ram(tasks))
    kernel = MiniKernel(machine, elf, kaslr=kaslr, load_at=load_at, levels=levels, cpus=cpus)
    plan = _plan(cpus, tasks, panic_cpu, user_process)
    build_id = kernel.image.build_id
    facts = Facts(
        RELEASE, build_id, CRASH_TIME, kaslr, kernel.phys_base, levels, cpus, panic_cpu, plan
    )
    planter = Planter(kernel, plan)
    planter.place()
    if user_process:
        facts.user = _user_memory(kernel)
        _give_mm(planter, facts.user.pgd)
    planter.plant()
    _set_panic(kernel, panic_cpu)
    _cpu_notes(kernel, facts, qemu)
    if vmcoreinfo != "none":
        facts.vmcoreinfo_phys = _vmcoreinfo(kernel, facts)
        if vmcoreinfo == "memory":
            machine.vmcoreinfo = b""
    return Mini(machine, kernel, facts)


def _ram(tasks: int) -> tuple[tuple[int, int], ...]:
    # Room for small stacks and structures of many tasks; a second range lies above 4 GiB.
    end = 0x8000000 + -(-tasks * 0x1000 // SIZE_2M) * SIZE_2M
    return ((0, 0xA0000), (0x100000, end), (0x100000000, 0x100800000))


def _plan(cpus: int, tasks: int, panic_cpu: int | None, user_process: bool) -> list[Task]:
    idle, running = [], []
    for cpu in range(cpus):
        is_busy = cpu == panic_cpu or (cpu % 2 == 1 and user_process)
        idle.append(idle_task(cpu, running=not is_busy))
        if is_busy:
            running.append(plan_running(cpu, tasks + 1 + cpu, cpu == panic_cpu))
    planned = list(plan_tasks(tasks, cpus)) if tasks else []
    if not user_process:
        for task in planned:
            task.kernel_thread = True
    return idle + planned + running


def _user_memory(kernel: MiniKernel) -> UserFacts:
    machine = kernel.machine
    tables = PageTables(machine, kernel.levels)
    tables.copy_kernel_half(kernel.tables)
    text = b"".join(b"user text %06x " % (USER_TEXT + at) for at in range(0, 2 * PAGE, 17))
    text = text[: 2 * PAGE]
    for index in (1, 0):  # the frames lie in the other order
        frame = machine.alloc()
        machine.write(frame, text[index * PAGE : (index + 1) * PAGE])
        tables.map(USER_TEXT + index * PAGE, frame, PAGE, user=True)
    huge = b"in a huge page of the user" * 8
    frame = machine.alloc(SIZE_2M, SIZE_2M)
    machine.write(frame, huge)
    tables.map(USER_HUGE, frame, SIZE_2M, user=True)
    tables.map(USER_STACK_TOP - PAGE, machine.alloc(), PAGE, user=True)
    return UserFacts(tables.root + kernel.direct_map, text, huge)


def _give_mm(planter: Planter, pgd: int) -> None:
    # Each process has an mm_struct of its own, all with the same page tables.
    mms: dict[int, int] = {}
    heap = planter.heap
    for task in planter.tasks:
        if task.kernel_thread or task.exit_state:
            continue
        if task.tgid not in mms:
            mms[task.tgid] = mm = heap.new("mm_struct")
            heap.put(mm, "mm_struct.pgd", pgd)
            heap.put(mm, "mm_struct.mm_users", 1)
            heap.put(mm, "mm_struct.start_code", USER_TEXT)
            heap.put(mm, "mm_struct.end_code", USER_TEXT + 2 * PAGE)
        task.mm, task.pgd = mms[task.tgid], pgd


def _set_panic(kernel: MiniKernel, panic_cpu: int | None) -> None:
    if panic_cpu is not None:
        kernel.put_u32(kernel.sym("panic_cpu"), panic_cpu)
        kernel.put_u32(kernel.sym("crashing_cpu"), panic_cpu)


def _cpu_notes(kernel: MiniKernel, facts: Facts, qemu: bool) -> None:
    for cpu in range(facts.cpus):
        task = facts.running(cpu)
        facts.regs.append(_registers(kernel, task))
        # QEMU does not know of tasks: its notes number the CPUs from 1 on.
        note = prstatus(cpu + 1 if qemu else task.pid, facts.regs[cpu])
        kernel.machine.notes.append(note)
        if facts.panic_cpu is not None:
            kernel.put_crash_note(cpu, note)
    if qemu:
        kernel.machine.utsname = BLANK_UTSNAME
        for cpu, regs in enumerate(facts.regs):
            pgd = facts.running(cpu).pgd
            cr3 = kernel.phys(pgd) if pgd else kernel.tables.root
            kernel.machine.notes.append(qemu_cpu(regs, cr3, kernel.percpu_offsets[cpu]))


def _registers(kernel: MiniKernel, task: Task) -> dict[str, int]:
    if task.chain == "user":
        user = {"rip": USER_TEXT + 16, "rsp": USER_STACK_TOP - 64, "cs": USER_CS, "ss": USER_SS}
        return {**user, "eflags": 0x246, "rax": 0x55, "rbp": 0}
    rip = kernel.image.return_address(*RUNNING_IN[task.chain]) + kernel.kaslr
    kernel_regs = {"rip": rip, "rsp": task.sp, "rbp": task.bp}
    kernel_regs["gs_base"] = kernel.percpu_offsets[task.cpu]
    return {**kernel_regs, "cs": KERNEL_CS, "ss": KERNEL_SS, "eflags": 0x2, "rbx": 0xB0 + task.cpu}


def _vmcoreinfo(kernel: MiniKernel, facts: Facts) -> int:
    # Text and note in pages of their own, as crash_core.c has them; returns where the text is.
    symbols = {n: kernel.sym(n) for n in ("init_uts_ns", "_stext", "init_top_pgt")}
    symbols["swapper_pg_dir"] = symbols["init_top_pgt"]
    fields: Mapping[str, object] = {
        "OSRELEASE": facts.release,
        "BUILD-ID": facts.build_id,
        "PAGESIZE": PAGE,
        **{f"SYMBOL({name})": f"{value:x}" for name, value in symbols.items()},
        "NUMBER(phys_base)": facts.phys_base,
        "NUMBER(pgtable_l5_enabled)": int(facts.levels == 5),
        "KERNELOFFSET": f"{facts.kaslr:x}",
        "NUMBER(KERNEL_IMAGE_SIZE)": KERNEL_IMAGE_SIZE,
        "CRASHTIME": facts.crash_time,
    }
    text = vmcoreinfo_text(fields)
    kernel.machine.vmcoreinfo = text
    text_page, note_page = kernel.alloc(), kernel.alloc()
    kernel.put(text_page, text)
    kernel.put(note_page, vmcoreinfo_note(text))
    kernel.put_u64(kernel.sym("vmcoreinfo_data"), text_page)
    kernel.put_u64(kernel.sym("vmcoreinfo_size"), len(text))
    kernel.put_u64(kernel.sym("vmcoreinfo_note"), note_page)
    return kernel.phys(text_page)
