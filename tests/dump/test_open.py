# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump.open: every format that dumps come in, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from writer.compress import FLAGS
from writer.diskdump import DiskdumpOptions, write_diskdump, write_split
from writer.elf import ElfOptions, write_elf
from writer.flatten import flatten
from writer.machine import BLANK_UTSNAME, PAGE, Machine
from writer.notes import note, prstatus_desc, qemu_cpu
from writer.sample import EXCLUDED_PFNS, FILLED, NOISE_PFN

from accel import _accel, open_dump, pages_read

PRESENT = (0, 0x9F, NOISE_PFN, 0x200, *FILLED)
NO_RAM = (0xA0, 0xFF, 0x1000, 0x5000, 0xFFFFF, 0x100400, 0x200000)
ELF_LAYOUTS = ("first", "after_sections", "end")


def check(dump: _accel.Dump, machine: Machine) -> None:
    """All that is in the dump reads as it is in the machine, and nothing else reads."""
    absent = {*EXCLUDED_PFNS, *NO_RAM}
    found = pages_read(dump, {*PRESENT, *absent})
    assert found == {pfn: machine.page(pfn) for pfn in PRESENT if pfn not in EXCLUDED_PFNS}
    assert (dump.arch, dump.page_size, dump.truncated, dump.pages_cut) == ("x86_64", PAGE, False, 0)
    ram = sum(end - start for start, end in machine.ram)
    assert dump.memory_bytes == ram and dump.pages_total == ram // PAGE
    assert dump.pages_present == ram // PAGE - len(EXCLUDED_PFNS)
    assert dump.release == "6.1.0-mini"
    assert dump.vmcoreinfo["OSRELEASE"] == "6.1.0-mini" and dump.vmcoreinfo_from == "note"
    pids = [int.from_bytes(desc[32:36], "little") for desc in dump.cpu_notes()]
    assert pids == [11, 22]


@pytest.mark.parametrize("method", FLAGS)
def test_kdump_of_each_compression(method: str, machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_diskdump(machine, path, DiskdumpOptions(compression=method, dump_level=31))
    dump = open_dump(path)
    check(dump, machine)
    assert dump.dump_level == 31
    assert dump.size_bytes == path.stat().st_size and dump.paths == [str(path)]
    assert dump.format.startswith("kdump")
    assert method in dump.format or method == "none"


@pytest.mark.parametrize("phdrs", ELF_LAYOUTS)
def test_elf_with_program_headers_anywhere(phdrs: str, machine: Machine, tmp_path: Path) -> None:
    dump = open_dump(write_elf(machine, tmp_path / "dump", ElfOptions(phdrs=phdrs)))
    check(dump, machine)
    assert dump.format == "ELF" and dump.dump_level is None


def test_elf_with_virtual_addresses_in_its_segments(machine: Machine, tmp_path: Path) -> None:
    options = ElfOptions(vaddr_base=0xFFFF888000000000)
    check(open_dump(write_elf(machine, tmp_path / "dump", options)), machine)


def test_elf_segment_with_a_tail_that_is_not_in_the_file(machine: Machine, tmp_path: Path) -> None:
    dump = open_dump(write_elf(machine, tmp_path / "dump", ElfOptions(memsz_extra=4 * PAGE)))
    with pytest.raises(_accel.ReadError):
        dump.read_physical(0x100400000, 8)
    assert dump.pages_total == sum(end - start for start, end in machine.ram) // PAGE + 4


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("rotate", [0, 1])
def test_split_parts_in_any_order(
    count: int, rotate: int, machine: Machine, tmp_path: Path
) -> None:
    paths = [tmp_path / f"part{index}" for index in range(count)]
    write_split(machine, paths)
    dump = open_dump(*paths[rotate:], *paths[:rotate])
    check(dump, machine)
    assert dump.format == f"kdump (zlib), split in {count}"
    assert dump.warnings == []


@pytest.mark.parametrize("method", ["zlib", "zstd"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_flattened_kdump(method: str, shuffle: bool, machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump", DiskdumpOptions(compression=method))
    path = flatten(tmp_path / "dump", tmp_path / "flat", record=10_000, shuffle=shuffle)
    dump = open_dump(path)
    check(dump, machine)
    assert dump.format == f"flattened kdump ({method})"


def test_flattened_elf(machine: Machine, tmp_path: Path) -> None:
    path = flatten(write_elf(machine, tmp_path / "dump"), tmp_path / "flat")
    dump = open_dump(path)
    check(dump, machine)
    assert dump.format == "flattened ELF"


def test_opening_leaves_nothing_behind(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_diskdump(machine, tmp_path / "dump")
    path = flatten(tmp_path / "dump", tmp_path / "flat")
    (tmp_path / "dump").unlink()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = path.read_bytes()
    dump = open_dump(path)
    assert [p.name for p in tmp_path.iterdir()] == ["flat"]
    dump.close()
    assert path.read_bytes() == before


def test_blank_utsname_is_no_obstacle(machine: Machine, tmp_path: Path) -> None:
    machine.utsname = BLANK_UTSNAME
    write_diskdump(machine, tmp_path / "dump")
    check(open_dump(tmp_path / "dump"), machine)


@pytest.mark.parametrize("elf", [False, True])
def test_qemu_notes_are_recognised(elf: bool, machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    assert not open_dump(write_elf(machine, path)).has_qemu_notes()
    machine.notes += [qemu_cpu({"rip": 1}, cr3=0x1000) for _ in range(2)]
    write_elf(machine, path) if elf else write_diskdump(machine, path)
    dump = open_dump(path)
    assert dump.has_qemu_notes()
    assert [len(desc) for desc in dump.cpu_notes()] == [336, 336]


def test_cpu_notes_are_found_among_others(machine: Machine, tmp_path: Path) -> None:
    machine.notes.insert(0, note("LINUX", 0x202, bytes(832)))
    machine.notes.insert(2, note("VMCOREINFO_XEN", 0, b"x"))
    check(open_dump(write_elf(machine, tmp_path / "dump")), machine)


def test_registers_of_a_note() -> None:
    regs = {"rip": 0xFFFFFFFF81000123, "rsp": 0xFFFFC90000000FF8, "rbp": 7, "rax": 2**64 - 1}
    found = _accel.registers_of_note("x86_64", prstatus_desc(1, {**regs, "eflags": 0x246}))
    assert {name: found[name] for name in regs} == regs
    assert found["eflags"] == 0x246
    assert _accel.registers_of_note("x86_64", bytes(100)) == {}


def test_no_vmcoreinfo_at_all_opens_and_is_not_located(machine: Machine, tmp_path: Path) -> None:
    machine.vmcoreinfo = b""
    machine.utsname = replace(machine.utsname, release="5.10.0-header")
    write_diskdump(machine, tmp_path / "dump")
    dump = open_dump(tmp_path / "dump")
    assert (dump.vmcoreinfo, dump.vmcoreinfo_from, dump.located) == ({}, "", False)
    assert dump.release == "5.10.0-header"
    with pytest.raises(_accel.Error):
        dump.read(0xFFFFFFFF81000000, 8)


def test_reading_after_close_is_an_error(machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump")
    dump = open_dump(tmp_path / "dump")
    dump.close()
    dump.close()
    with pytest.raises(_accel.Error):
        dump.read_physical(0x100000, 8)


def test_reads_across_pages_and_refuses_to_skip_a_hole(machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump")
    dump = open_dump(tmp_path / "dump")
    assert dump.read_physical(0x100FF0, 0x2020) == machine.read(0x100FF0, 0x2020)
    assert dump.read_physical(0x100000, 0) == b""
    with pytest.raises(_accel.ReadError, match="0x110000"):
        dump.read_physical(0x10FFF0, 32)
    with pytest.raises(_accel.ReadError):
        dump.read_physical(2**64 - 8, 16)


def test_closing_writes_to_no_freed_memory(machine: Machine, tmp_path: Path) -> None:
    """libkdumpfile 0.5.1 does when a kdump file's last context is freed; glibc can show it."""
    write_diskdump(machine, tmp_path / "dump")
    folder = Path(_accel.__file__).parent
    script = f"""
import sys
sys.path.insert(0, {str(folder)!r})
import _accel
for _ in range(5):
    dump = _accel.Dump.open([{str(tmp_path / "dump")!r}])
    dump.read_physical(0x100000, 8)
    dump.close()
"""
    environment = {**os.environ, "MALLOC_PERTURB_": "165"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
