# SPDX-License-Identifier: GPL-2.0-or-later
"""The mini kernel in memory, read with libkdumpfile's own address translation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kdumpfile import KVADDR, Kdumpfile
from writer.diskdump import write_diskdump
from writer.mini import Mini, mini_machine

pytestmark = pytest.mark.usefixtures("libkdumpfile")


@contextmanager
def opened(mini: Mini, folder: Path) -> Iterator[Kdumpfile]:
    write_diskdump(mini.machine, folder / "dump")
    with Kdumpfile([folder / "dump"]) as dump:
        dump.set_string("addrxlat.ostype", "linux")
        yield dump


def word(dump: Kdumpfile, addr: int) -> int:
    return int.from_bytes(dump.read(addr & (1 << 64) - 1, 8, KVADDR), "little")


def field(mini: Mini, dump: Kdumpfile, addr: int, member: str) -> bytes:
    offset, size = mini.kernel.image.offsets[member]
    return dump.read(addr + offset, size, KVADDR)


def ring(dump: Kdumpfile, head: int) -> Iterator[int]:
    """The nodes of a list_head list whose prev pointers are right as well."""
    node, before = word(dump, head), head
    while node != head:
        assert word(dump, node + 8) == before
        yield node
        node, before = word(dump, node), node


@pytest.mark.parametrize("levels", [4, 5])
@pytest.mark.parametrize("elf", ["mini_elf", "mini_elf_variant"])
@pytest.mark.parametrize("kaslr", [0, 0x1C000000])
def test_kernel_is_found_where_vmcoreinfo_says(
    levels: int, elf: str, kaslr: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    mini = mini_machine(request.getfixturevalue(elf), levels=levels, kaslr=kaslr)
    kernel = mini.kernel
    with opened(mini, tmp_path) as dump:
        assert dump.read(kernel.sym("linux_banner"), 24, KVADDR) == b"Linux version 6.1.0-mini"
        assert word(dump, kernel.sym("conf_pointer")) == kernel.sym("conf_target")
        assert word(dump, kernel.sym("percpu_start_seen")) == kernel.sym("__per_cpu_start")
        for cpu in (0, 1):
            where = word(dump, kernel.sym("__per_cpu_offset") + 8 * cpu)
            assert word(dump, kernel.sym("planted_counter") + where) == 100 + cpu
            current = mini.facts.running(cpu)
            rq = kernel.sym("runqueues") + where & (1 << 64) - 1
            curr = int.from_bytes(field(mini, dump, rq, "rq.curr"), "little")
            assert (curr, dump.attr(f"cpu.{cpu}.pid")) == (current.addr, current.pid)


def test_tasks_are_linked_as_the_facts_say(mini_elf: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf, tasks=50, panic_cpu=1)
    offsets, facts = mini.kernel.image.offsets, mini.facts
    tasks_at = offsets["task_struct.tasks"][0]
    with opened(mini, tmp_path) as dump:
        listed = [node - tasks_at for node in ring(dump, mini.kernel.sym("init_task") + tasks_at)]
        leaders = [task for task in facts.tasks if task.pid and task.is_leader]
        assert listed == [task.addr for task in leaders]
        for leader in leaders:
            signal = int.from_bytes(field(mini, dump, leader.addr, "task_struct.signal"), "little")
            threads = ring(dump, signal + offsets["signal_struct.thread_head"][0])
            node_at = offsets["task_struct.thread_node"][0]
            assert [node - node_at for node in threads] == [
                facts.task(pid).addr for pid in leader.threads
            ]
        for task in facts.tasks:
            comm = field(mini, dump, task.addr, "task_struct.comm")
            assert comm.split(b"\0")[0] == task.comm
            pid = field(mini, dump, task.addr, "task_struct.pid")
            assert int.from_bytes(pid, "little") == task.pid


def test_sixty_thousand_tasks_have_each_a_place_of_their_own(mini_elf: Path) -> None:
    mini = mini_machine(mini_elf, tasks=60_000, cpus=4)
    tasks = mini.facts.tasks
    assert len(tasks) == 60_000 + 4 + 2  # the idle ones, and what runs on every other CPU
    assert len({task.addr for task in tasks}) == len({task.stack for task in tasks}) == len(tasks)


def test_vmcoreinfo_in_memory_only_is_no_note(mini_elf: Path) -> None:
    mini = mini_machine(mini_elf, vmcoreinfo="memory")
    assert mini.machine.vmcoreinfo == b""
    assert mini.machine.read(mini.facts.vmcoreinfo_phys, 10) == b"OSRELEASE="
    assert mini_machine(mini_elf, vmcoreinfo="none").facts.vmcoreinfo_phys == 0
