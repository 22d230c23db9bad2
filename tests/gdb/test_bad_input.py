# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong, damaged and foreign files: one sentence, nothing open, a right dump opens afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gdb_run import gdb, launch
from mini_dump import MiniDump, written
from writer.elf import ElfOptions, write_elf
from writer.mini import mini_machine


def refused(panicked: MiniDump, vmcore: object, vmlinux: object, *options: str) -> str:
    """The one sentence with which a dump is refused; a right one opens afterwards."""
    run = gdb(
        f"pykdump open {' '.join(options)} --vmlinux {vmlinux} {vmcore}",
        "pykdump status",
        f"pykdump open --vmlinux {panicked.vmlinux} {panicked.vmcore}",
        "p init_task.comm",
    )
    assert "swapper/0" in run.out, run
    first, rest = run.err.split("no dump is open", 1)
    assert rest == "; open one with: pykdump open VMCORE\n"
    assert "Traceback" not in first and "Error" not in first
    assert len(first.strip().splitlines()) == 1
    return first.strip()


def test_not_a_dump(panicked: MiniDump) -> None:
    assert "not a kernel dump" in refused(panicked, "/etc/passwd", panicked.vmlinux)


def test_empty_and_missing_files(panicked: MiniDump, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert "empty" in refused(panicked, empty, panicked.vmlinux)
    assert "No such file" in refused(panicked, tmp_path / "missing", panicked.vmlinux)
    assert "missing" in refused(panicked, panicked.vmcore, tmp_path / "missing")


def test_vmlinux_of_another_build_is_refused_with_both_build_ids(
    panicked: MiniDump, mini_elf_variant: Path
) -> None:
    sentence = refused(panicked, panicked.vmcore, mini_elf_variant)
    assert panicked.facts.build_id in sentence and "--force" in sentence
    assert len(set(re.findall(r"\b[0-9a-f]{40}\b", sentence))) == 2


def test_force_opens_the_dump_of_another_build_with_a_warning(
    panicked: MiniDump, mini_elf_variant: Path
) -> None:
    run = launch(panicked.vmcore, mini_elf_variant, "--force", "-c", "info threads")
    assert run.status == 0 and "does not match the dump" in run.err


@pytest.mark.parametrize("vmcoreinfo", ["memory", "none"])
def test_without_vmcoreinfo_the_kernel_in_memory_tells_whose_vmlinux_it_is(
    vmcoreinfo: str, panicked: MiniDump, mini_elf: Path, mini_elf_variant: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=5, cpus=2, panic_cpu=0, vmcoreinfo=vmcoreinfo)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads")
    assert len(run.threads()) == len(mini.facts.tasks), run.err
    assert launch(dump.vmcore, mini_elf_variant).status == 2


def test_vmlinux_without_debug_info(panicked: MiniDump, tmp_path: Path) -> None:
    stripped = tmp_path / "vmlinux"
    subprocess.run(["objcopy", "-g", str(panicked.vmlinux), str(stripped)], check=True)
    assert "has no debug info" in refused(panicked, panicked.vmcore, stripped)


def test_dump_of_another_architecture(panicked: MiniDump, tmp_path: Path) -> None:
    mini = mini_machine(panicked.vmlinux, tasks=3)
    other = write_elf(mini.machine, tmp_path / "arm", ElfOptions(em_machine=183))
    sentence = refused(panicked, other, panicked.vmlinux)
    assert "183" in sentence or "aarch64" in sentence


def test_vmlinux_that_is_found_nowhere_says_where_it_was_looked_for(panicked: MiniDump) -> None:
    run = launch(panicked.vmcore)
    assert run.status == 2
    assert panicked.facts.build_id in run.err
    assert str(panicked.vmcore.parent / "vmlinux") in run.err
    assert "/usr/lib/debug/.build-id/" in run.err


def test_vmlinux_is_found_by_its_build_id(panicked: MiniDump, tmp_path: Path) -> None:
    shutil.copy(panicked.vmlinux, tmp_path / "vmlinux-of-mine")
    env = {"PYKDUMP_DEBUGINFO": f"/nowhere:{tmp_path}"}
    run = launch(panicked.vmcore, "-c", "pykdump status --json", env=env)
    assert run.json()["vmlinux"] == str(tmp_path / "vmlinux-of-mine")


def test_a_task_list_cut_by_a_bad_pointer_still_gives_all_tasks(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=40, cpus=2, panic_cpu=0)
    offset = mini.kernel.image.offsets["task_struct.tasks"][0]
    victim = mini.facts.task(15)
    mini.kernel.put_u64(victim.addr + offset, 0xDEAD000000000100)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads")
    assert len(run.threads()) == len(mini.facts.tasks)
    assert f"list of processes is broken at task_struct {victim.addr:#x}" in run.err
    assert "0xdead000000000100" in run.err


@pytest.mark.parametrize("pointer", [0, 8, 0xFFFFFFFFFFFFFFF8])
def test_a_task_list_that_ends_in_a_wild_pointer_still_gives_all_tasks(
    pointer: int, plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=40, cpus=2, panic_cpu=0)
    for member in "task_struct.tasks", "task_struct.thread_node", "task_struct.sibling":
        offset = mini.kernel.image.offsets[member][0]
        mini.kernel.put_u64(mini.facts.task(15).addr + offset, pointer)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads")
    assert len(run.threads()) == len(mini.facts.tasks), run.err


def test_a_task_list_that_cycles_still_gives_all_tasks(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=40, cpus=2, panic_cpu=0)
    offset = mini.kernel.image.offsets["task_struct.tasks"][0]
    mini.kernel.put_u64(mini.facts.task(15).addr + offset, mini.facts.task(3).addr + offset)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads")
    assert len(run.threads()) == len(mini.facts.tasks)
    assert (
        f"{mini.facts.task(15).addr:#x}: its tasks.next is" in run.err and "met before" in run.err
    )


def test_tasks_on_excluded_pages_cost_a_warning_and_the_rest_remains(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=200, cpus=2, panic_cpu=0)
    page = mini.facts.task(100).addr & ~0xFFF
    lost = [task.pid for task in mini.facts.tasks if task.addr & ~0xFFF == page]
    mini.machine.exclude(mini.kernel.phys(page))
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads")
    listed = {int(row["tid"]) for row in run.threads()}
    everyone = {task.pid for task in mini.facts.tasks if task.pid}
    assert len(everyone - listed) <= len(lost) + 3, everyone - listed
    assert "warning" in run.err


def test_unreadable_init_task_leaves_the_cpus_as_threads(
    plugin: None, mini_elf: Path, tmp_path: Path
) -> None:
    mini = mini_machine(mini_elf, tasks=5, cpus=2, panic_cpu=0)
    for name in ("init_task", "__per_cpu_offset", "nr_cpu_ids"):
        mini.machine.exclude(mini.kernel.phys(mini.kernel.sym(name)) & ~0xFFF)
    dump = written(mini, mini_elf, tmp_path / "vmcore")
    run = launch(dump.vmcore, dump.vmlinux, "-c", "info threads", "-c", "pykdump status")
    assert run.out.count("registers of note") == 2
    assert run.status == 0 and "no tasks:" in run.err


def test_extension_for_another_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "accel").mkdir()
    (tmp_path / "accel" / "_accel.cpython-36m-x86_64-linux-gnu.so").touch()
    run = gdb(env={"PYKDUMP_BUILD": str(tmp_path)})
    assert "another Python" in run.err and "packaging/build" in run.err
    run = gdb(env={"PYKDUMP_BUILD": str(tmp_path / "nothing")})
    assert "cannot be loaded" in run.err and "Traceback" not in run.err


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4])
def test_ctrl_c_while_opening_leaves_nothing_open(
    delay: float, panicked: MiniDump, tmp_path: Path
) -> None:
    mini = mini_machine(panicked.vmlinux, tasks=20000)
    dump = written(mini, panicked.vmlinux, tmp_path / "vmcore")
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import os, subprocess, sys
subprocess.Popen(["sh", "-c", "sleep {delay}; kill -INT %d" % os.getpid()])
try:
    gdb.execute("pykdump open {dump.vmcore}")
    import time; time.sleep(2)
except (gdb.error, KeyboardInterrupt) as error:
    print("ended:", error)
try:
    gdb.execute("pykdump status")
except gdb.error as error:
    print("now:", error)
gdb.execute("pykdump open {panicked.vmcore}")
print("tid", gdb.selected_thread().ptid[1])
"""
    )
    run = gdb(f"source {script}", args=[panicked.vmlinux])
    assert f"tid {panicked.facts.running(1).pid}" in run.out, run
    if "was interrupted: no dump is open" in run.out:
        assert "now: no dump is open" in run.out
