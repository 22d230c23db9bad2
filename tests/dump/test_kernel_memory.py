# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump.read, translate, locate and read_user on the mini kernel's memory."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from writer.diskdump import write_diskdump
from writer.elf import write_elf
from writer.machine import PAGE
from writer.mini import USER_HUGE, USER_TEXT, Mini, mini_machine

from accel import _accel, open_dump


def opened(mini: Mini, folder: Path, elf: bool = False) -> _accel.Dump:
    path = folder / "dump"
    write_elf(mini.machine, path) if elf else write_diskdump(mini.machine, path)
    return open_dump(path)


def check_located(dump: _accel.Dump, mini: Mini) -> None:
    kernel, facts = mini.kernel, mini.facts
    assert dump.located
    found = (dump.kaslr_offset, dump.phys_base, dump.levels)  # phys_base is an unsigned long
    assert found == (facts.kaslr, facts.phys_base % (1 << 64), facts.levels)
    banner = kernel.sym("linux_banner")
    assert dump.read(banner, 24) == b"Linux version 6.1.0-mini"
    assert dump.translate(banner) == kernel.phys(banner)
    comm_at = kernel.image.offsets["task_struct.comm"][0]
    for task in facts.tasks:
        assert dump.read(task.addr + comm_at, 16).split(b"\0")[0] == task.comm


@pytest.mark.parametrize("levels", [4, 5])
@pytest.mark.parametrize("elf", [False, True])
@pytest.mark.parametrize("kaslr", [0, 0x1C000000])
def test_kernel_that_vmcoreinfo_describes(
    levels: int, elf: bool, kaslr: int, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, levels=levels, kaslr=kaslr)
    dump = opened(mini, tmp_path, elf)
    check_located(dump, mini)
    facts = mini.facts
    assert (dump.build_id, dump.crash_time) == (facts.build_id, facts.crash_time)
    assert (dump.vmcoreinfo_from, dump.located_by) == ("note", "vmcoreinfo")


@pytest.mark.parametrize("levels", [4, 5])
@pytest.mark.parametrize("qemu", [False, True])
def test_vmcoreinfo_is_found_in_memory(
    levels: int, qemu: bool, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, levels=levels, vmcoreinfo="memory", qemu=qemu)
    dump = opened(mini, tmp_path)
    check_located(dump, mini)
    assert dump.vmcoreinfo_from.startswith("memory at 0x")
    assert dump.vmcoreinfo["BUILD-ID"] == mini.facts.build_id


@pytest.mark.parametrize("levels", [4, 5])
@pytest.mark.parametrize("qemu", [False, True])
@pytest.mark.parametrize("elf", ["mini_elf", "mini_elf_variant"])
def test_kernel_is_located_by_its_vmlinux(
    levels: int, qemu: bool, elf: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    vmlinux = request.getfixturevalue(elf)
    mini = mini_machine(vmlinux, levels=levels, vmcoreinfo="none", qemu=qemu)
    dump = opened(mini, tmp_path)
    dump.locate(str(vmlinux))
    check_located(dump, mini)


def test_another_vmlinux_does_not_locate_the_kernel(
    mini_elf: Path, mini_elf_variant: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, vmcoreinfo="none")
    dump = opened(mini, tmp_path)
    other = tmp_path / "other"
    other.write_bytes(mini_elf_variant.read_bytes().replace(b"6.1.0-mini", b"6.9.9-mini"))
    with pytest.raises(_accel.Error):
        dump.locate(str(other))
    assert not dump.located


def test_elf_info_of_both_kernels(mini_elf: Path, mini_elf_variant: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf)
    info = _accel.read_elf(str(mini_elf))
    assert (info.build_id, info.machine) == (mini.facts.build_id, "x86_64")
    assert info.has_debuginfo and info.percpu_is_zero_based
    assert not _accel.read_elf(str(mini_elf_variant)).percpu_is_zero_based
    symbols = info.symbols(["init_task", "no_such_symbol"])
    assert symbols == {"init_task": mini.kernel.image.symbols["init_task"]}
    banner = mini.kernel.image.symbols["linux_banner"]
    assert info.read(banner, 13) == b"Linux version"
    with pytest.raises(_accel.Error):
        info.read(0x1234, 8)
    (tmp_path / "text").write_text("no ELF")
    with pytest.raises(_accel.Error, match="text"):
        _accel.read_elf(str(tmp_path / "text"))


@pytest.mark.parametrize("levels", [4, 5])
def test_user_memory_in_small_and_large_pages(levels: int, mini_elf: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf, levels=levels)
    user, dump = mini.facts.user, opened(mini, tmp_path)
    assert user
    assert dump.read_user(user.pgd, USER_TEXT, len(user.text)) == user.text
    assert dump.read_user(user.pgd, USER_TEXT + 4000, 200) == user.text[4000:4200]
    assert dump.read_user(user.pgd, USER_HUGE, len(user.huge)) == user.huge
    assert dump.translate(USER_HUGE, user.pgd) % (1 << 21) == 0
    with pytest.raises(_accel.ReadError):
        dump.read_user(user.pgd, user.unmapped, 8)
    with pytest.raises(_accel.ReadError):
        dump.read_user(user.pgd, USER_TEXT + 2 * PAGE - 8, 16)


def test_addresses_that_no_table_maps(mini_elf: Path, tmp_path: Path) -> None:
    dump = opened(mini_machine(mini_elf), tmp_path)
    wild = (0, 8, 0x400000, 0x800000000000, 0xDEAD000000000100, 0xFFFF7FFFFFFFFFFF, 2**64 - 8)
    for addr in wild:
        with pytest.raises(_accel.ReadError, match=f"at (0x)?{addr:x}"):
            dump.read(addr, 8)


def test_read_names_the_first_address_that_is_excluded(mini_elf: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf)
    kernel = mini.kernel
    page = kernel.sym("_text") + 0x20_0000 + PAGE  # the second page of .data
    mini.machine.exclude(kernel.phys(page))
    dump = opened(mini, tmp_path)
    with pytest.raises(_accel.ReadError, match=f"{page:#x}.*excluded"):
        dump.read(page - 16, 32)
    assert dump.read(page - 16, 16) == mini.machine.read(kernel.phys(page) - 16, 16)


def test_page_tables_that_are_excluded_are_a_read_error(mini_elf: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf)
    task = mini.facts.task(1)
    mini.machine.exclude(mini.kernel.tables.entry_addr(task.stack))
    dump = opened(mini, tmp_path)
    with pytest.raises(_accel.ReadError):
        dump.read(task.sp, 8)
    assert dump.read(mini.kernel.sym("linux_banner"), 5) == b"Linux"


def test_large_pages_of_the_direct_map(mini_elf: Path, tmp_path: Path) -> None:
    """1 GiB pages with flag bits set, 2 MiB and 4 KiB ones."""
    ram = ((0, 0xA0000), (0x100000, 0x8000000), (0x100000000, 0x140200000))
    mini = mini_machine(mini_elf, ram=ram)
    marks = {0x1000: b"4 KiB", 0x7F00000: b"2 MiB", 0x13FFFF000: b"1 GiB", 0x140100000: b"after"}
    for phys, mark in marks.items():
        mini.machine.write(phys, mark)
    mini.machine.exclude_zero_pages()
    dump = opened(mini, tmp_path)
    for phys, mark in marks.items():
        assert dump.read(mini.kernel.direct_map + phys, len(mark)) == mark
        assert dump.translate(mini.kernel.direct_map + phys) == phys


def test_task_list_walks_and_decodes_in_bulk(mini_elf: Path, tmp_path: Path) -> None:
    mini = mini_machine(mini_elf, tasks=5000)
    dump, offsets = opened(mini, tmp_path), mini.kernel.image.offsets
    head = mini.kernel.sym("init_task") + offsets["task_struct.tasks"][0]
    walk = _accel.walk_list(dump, head)
    leaders = [task for task in mini.facts.tasks if task.pid and task.is_leader]
    addrs = [node - offsets["task_struct.tasks"][0] for node in walk.nodes]
    assert (walk.end, addrs) == ("complete", [task.addr for task in leaders])
    pid, comm = offsets["task_struct.pid"][0], offsets["task_struct.comm"][0]
    layout = _accel.Layout([("pid", [], pid, 4, "s"), ("comm", [], comm, 16, "c")])
    assert layout.read_many(dump, addrs) == [(task.pid, task.comm) for task in leaders]
    assert _accel.walk_list(dump, head, limit=10).end == "limit"
    wild = layout.read_many(dump, [addrs[0], 0, 0xDEAD000000000100])
    assert wild == [(leaders[0].pid, leaders[0].comm), None, None]


def test_columns_of_a_walk_are_arrays_with_the_reasons_for_what_is_missing(
    mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=300)
    dump, offsets = opened(mini, tmp_path), mini.kernel.image.offsets
    tasks = offsets["task_struct.tasks"][0]
    walk = _accel.walk_list(dump, mini.kernel.sym("init_task") + tasks)
    leaders = [task for task in mini.facts.tasks if task.pid and task.is_leader]
    pid, comm = offsets["task_struct.pid"][0], offsets["task_struct.comm"][0]
    prev = ("prev", [tasks + 8], 0, 8, "u")
    layout = _accel.Layout([("pid", [], pid, 4, "s"), ("comm", [], comm, 16, "c"), prev])
    pids, comms, prevs = layout.read_columns(dump, walk, less=tasks)
    assert memoryview(pids).tolist() == pids.tolist() == [task.pid for task in leaders]
    assert comms.tolist() == [task.comm for task in leaders]
    assert memoryview(comms).itemsize == 16
    assert list(prevs) == [task.addr + tasks for task in leaders]  # next of the one before

    broken = array("Q", [leaders[0].addr, 0, 0xDEAD000000000100])
    pids, comms, prevs = layout.read_columns(dump, broken)
    assert (pids[0], pids[1], pids[-1]) == (leaders[0].pid, None, None)
    assert pids.faults == [(1, pid), (2, 0xDEAD000000000100 + pid)]
    assert dump.why_unreadable(pids.faults[1][1]) == "not an address that this processor has"
    with pytest.raises(IndexError):
        pids[3]


def test_lists_of_the_conformance_data(mini_elf: Path, tmp_path: Path) -> None:
    from conformance import LISTS

    mini = mini_machine(mini_elf)
    dump, kernel = opened(mini, tmp_path), mini.kernel
    walks = _accel.walk_lists(dump, [kernel.sym(name) for name in LISTS])
    value_before_link = 8  # struct conf_node: int value; struct list_head link
    for (name, (values, end)), walk in zip(LISTS.items(), walks):
        found = []
        for node in walk.nodes:
            if node in (0, 0xDEAD000000000100):
                continue
            found.append(int.from_bytes(dump.read(node - value_before_link, 4), "little"))
        assert (found, walk.end) == (values, end), name
