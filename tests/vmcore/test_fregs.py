# SPDX-License-Identifier: GPL-2.0-or-later
"""`pykdump fregs` and LinuxDump.fregsapi beside the objects that the guests planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gdb_run import Run, launch

from harness import Vmcore


def run(vmcore: Vmcore, *commands: str) -> Run:
    files = next(iter(vmcore.forms.values()))
    words = [word for command in commands for word in ("-c", command)]
    return launch(vmcore.vmlinux, *files, "--batch", *words)


def registers(vmcore: Vmcore, pid: int, routine: str) -> dict[str, Any]:
    (task,) = run(vmcore, f"fregs {pid} -r {routine} --json").json()["tasks"]
    return task["frames"][-1]["registers"]["registers"]


def test_the_mutex_that_a_thread_waits_for_is_the_argument(vmcore: Vmcore) -> None:
    (first, *_) = [
        each for each in vmcore.facts["module"]["threads"] if each["waits_for"] == "mutex"
    ]
    found = registers(vmcore, first["pid"], "__mutex_lock")
    assert int(found["di"]["value_addr"], 16) == first["object"]


def test_paths_of_files_that_tasks_open_are_arguments(vmcore: Vmcore) -> None:
    writer = vmcore.facts["planted"]["frozen_fs_writer"]
    text = run(vmcore, f"fregs {writer['pid']} -aa -r _open").out
    assert f"struct filename * pathname = {writer['mount']}/" in text


def test_text_of_all_options(vmcore: Vmcore) -> None:
    pid = vmcore.facts["planted"]["frozen_fs_writer"]["pid"]
    found = run(
        vmcore,
        *(f"fregs {pid} -a -l", f"fregs {pid} --routine percpu", "fregs -u -r mutex", "fregs -V"),
        *("fregs", "fregs -A -r kthread", "epython fregs.py -u -r nfs", "fregs nosuchtask"),
    )
    assert f"PID: {pid}  TASK: " in found.out and " called from 0x" in found.out
    assert "arg0 struct percpu_rw_semaphore * sem" in found.out and ".c: " in found.out
    assert "fregs version" in found.out and 'no task is called "nosuchtask"' in found.err
    assert found.status == 2 and "Traceback" not in found.out + found.err


def test_scripts_get_registers_and_arguments(vmcore: Vmcore, tmp_path: Path) -> None:
    (first, *_) = [
        each for each in vmcore.facts["module"]["threads"] if each["waits_for"] == "mutex"
    ]
    script = tmp_path / "arguments.py"
    script.write_text(
        f"""
from LinuxDump.Analysis import *
from LinuxDump.BTstack import exec_bt
from LinuxDump.fregsapi import DisasmFlavor, disasm, search_for_registers
(stack,) = exec_bt("bt {first['pid']}")
for frame in search_for_registers(stack, "__mutex_lock"):
    print("found", frame.reg.get("RDI"), "RDI" in frame.lookup_regs)
print("argument", get_tentative_arg({first['pid']}, "__mutex_lock", 0))
print("none", get_tentative_arg({first['pid']}, "nosuch", 0), get_tentative_arg(0, "x", 9))
print("typed", list(get_interesting_arguments({first['pid']}, "mutex", "struct mutex")))
with DisasmFlavor("att"):
    print(disasm(sym2addr("schedule"), 2))
print_pidlist([{first['pid']}, 1], "two", maxpids=1)
print("hang", check_possible_hang(), check_saphana(), check_memory_pressure(lambda names: []))
print_wait_for_AF_UNIX()
"""
    )
    found = run(vmcore, f"epython {script}")
    assert f"argument {first['object']}" in found.out, found.err
    assert f"found ({first['object']}, 0) True" in found.out
    assert "none None None" in found.out and "<schedule" in found.out
    assert f", {first['object']})" in found.out
    assert "<1 tasks skipped>" in found.out and "hang " in found.out
    assert "Traceback" not in found.out + found.err
