# SPDX-License-Identifier: GPL-2.0-or-later
"""The writer of dumps, checked with readers that are not ours: libkdumpfile and makedumpfile."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kdumpfile import KdumpError, Kdumpfile
from writer.compress import FLAGS
from writer.diskdump import DiskdumpOptions, write_diskdump, write_split
from writer.elf import ElfOptions, write_elf
from writer.flatten import flatten
from writer.machine import PAGE, Machine, Utsname, runs
from writer.sample import FILLED, NOISE_PFN, full_machine

pytestmark = pytest.mark.usefixtures("libkdumpfile")

ELF_LAYOUTS = ("first", "after_sections", "end")


def wrong_pages(dump: Kdumpfile, machine: Machine) -> Iterator[str]:
    """What libkdumpfile reads otherwise than the machine has it."""
    for pfn in (0, 0x9F, *FILLED, NOISE_PFN, 0x200):
        if pfn in machine.excluded:
            continue
        try:
            if dump.read(pfn * PAGE, PAGE) != machine.page(pfn):
                yield f"{pfn:#x} differs"
        except KdumpError as error:
            yield f"{pfn:#x}: {error}"


def status_of(dump: Kdumpfile, pfn: int) -> str:
    try:
        dump.read(pfn * PAGE, 8)
    except KdumpError as error:
        return error.status
    return "OK"


def check(dump: Kdumpfile, machine: Machine) -> None:
    assert list(wrong_pages(dump, machine)) == []
    # Not those right before an ELF segment: libkdumpfile 0.5.1 reads them as zeros.
    absent = (0x110, 0x111, 0xA0, 0x5000, 0x200000)
    assert {status_of(dump, pfn) for pfn in absent} == {"NODATA"}
    assert dump.attr("linux.vmcoreinfo.lines.OSRELEASE") == "6.1.0-mini"
    assert [dump.attr(f"cpu.{cpu}.reg.rip") for cpu in (0, 1)] == [
        0xFFFFFFFF8100000B,
        0xFFFFFFFF81000016,
    ]


@pytest.mark.parametrize("method", FLAGS)
def test_kdump_reads_back_with_each_compression(
    method: str, machine: Machine, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    layout = write_diskdump(machine, path, DiskdumpOptions(compression=method))
    assert path.stat().st_size == layout.size
    with Kdumpfile([path]) as dump:
        assert dump.attr("linux.uts.release") == "6.1.0-mini"
        check(dump, machine)


@pytest.mark.parametrize("phdrs", ELF_LAYOUTS)
def test_elf_reads_back_with_program_headers_anywhere(
    phdrs: str, machine: Machine, tmp_path: Path
) -> None:
    path = write_elf(machine, tmp_path / "dump", ElfOptions(phdrs=phdrs))
    with Kdumpfile([path]) as dump:
        check(dump, machine)


@pytest.mark.parametrize("phdrs", ELF_LAYOUTS)
def test_elf_is_one_to_readelf(phdrs: str, machine: Machine, tmp_path: Path) -> None:
    if not shutil.which("readelf"):
        pytest.skip("readelf is missing; install binutils")
    path = write_elf(machine, tmp_path / "dump", ElfOptions(phdrs=phdrs))
    command = ["readelf", "-hlnW", path]
    done = subprocess.run(command, text=True, check=True, capture_output=True)
    assert "Warning" not in done.stderr and "Error" not in done.stderr
    present = list(runs(machine.present_pfns()))
    assert done.stdout.count("  LOAD ") == len(present)
    assert done.stdout.count("NT_PRSTATUS") == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_split_files_make_one_dump_in_any_order(
    order: tuple[int, ...], machine: Machine, tmp_path: Path
) -> None:
    paths = [tmp_path / f"part{index}" for index in range(3)]
    write_split(machine, paths)
    with Kdumpfile([paths[index] for index in order]) as dump:
        check(dump, machine)


def test_blank_utsname_leaves_the_architecture_open(machine: Machine, tmp_path: Path) -> None:
    machine.utsname = Utsname("", "", "", "", "", "")
    write_diskdump(machine, tmp_path / "dump")
    with Kdumpfile([tmp_path / "dump"]) as dump:
        with pytest.raises(KdumpError):
            dump.attr("arch.name")
        assert list(wrong_pages(dump, machine)) == []


def test_big_endian_dump_is_an_s390x(tmp_path: Path) -> None:
    machine = full_machine()
    machine.utsname, machine.notes = Utsname(machine="s390x"), []
    write_diskdump(machine, tmp_path / "dump", DiskdumpOptions(byte_order=">"))
    with Kdumpfile([tmp_path / "dump"]) as dump:
        assert dump.attr("arch.name") == "s390x"
        assert list(wrong_pages(dump, machine)) == []


@pytest.mark.parametrize("shuffle", [False, True])
def test_makedumpfile_rebuilds_the_flattened_dump(
    shuffle: bool, machine: Machine, tmp_path: Path
) -> None:
    if not shutil.which("makedumpfile"):
        pytest.skip("makedumpfile is missing; install makedumpfile")
    write_diskdump(machine, tmp_path / "dump")
    flat = flatten(tmp_path / "dump", tmp_path / "flat", record=10_000, shuffle=shuffle)
    with flat.open("rb") as stream:
        subprocess.run(["makedumpfile", "-R", tmp_path / "rebuilt"], stdin=stream, check=True)
    # makedumpfile rebuilds into a file that may be longer by its write buffer, never shorter.
    rebuilt, original = ((tmp_path / name).read_bytes() for name in ("rebuilt", "dump"))
    assert rebuilt[: len(original)] == original


def test_makedumpfile_refilters_the_elf(machine: Machine, tmp_path: Path) -> None:
    """makedumpfile, which knows /proc/vmcore well, takes the ELF core for one."""
    if not shutil.which("makedumpfile"):
        pytest.skip("makedumpfile is missing; install makedumpfile")
    path = write_elf(full_machine(), tmp_path / "elf", ElfOptions(vaddr_base=0xFFFF888000000000))
    command = ["makedumpfile", "--dump-dmesg", path, tmp_path / "log"]
    done = subprocess.run(command, text=True, capture_output=True)
    assert "not supported" not in done.stderr + done.stdout
    assert "OSRELEASE" not in done.stderr  # it got past VMCOREINFO, to symbols that are not there
