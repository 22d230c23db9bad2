# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump.open: dumps that are cut, incomplete or not ours: what is left reads, nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from writer.diskdump import DiskdumpOptions, write_diskdump, write_split
from writer.elf import EM_AARCH64, EM_S390, ElfOptions, write_elf
from writer.flatten import cut, flatten
from writer.machine import PAGE, Machine, Utsname
from writer.sample import FILLED, NOISE_PFN, full_machine

from accel import _accel, in_child, open_dump, pages_read

READABLE = (NOISE_PFN, *FILLED)


def read_truly(path: Path, machine: Machine) -> tuple[_accel.Dump, set[int]]:
    """The dump and the page frames that could be read; none of them reads wrong."""
    dump = open_dump(path)
    found = pages_read(dump, READABLE)
    assert [hex(pfn) for pfn, data in found.items() if data != machine.page(pfn)] == []
    return dump, set(found)


@pytest.mark.parametrize("method", ["none", "zlib"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_kdump_cut_in_its_data_keeps_the_pages_before(
    method: str, share: float, machine: Machine, tmp_path: Path
) -> None:
    layout = write_diskdump(machine, tmp_path / "dump", DiskdumpOptions(compression=method))
    size = layout.data_at + int((layout.size - layout.data_at) * share)
    path = cut(tmp_path / "dump", tmp_path / "cut", size)

    def run() -> str:
        dump, found = read_truly(path, machine)
        assert dump.truncated and dump.pages_cut > 0
        assert any("cut" in text or "ends" in text or "short" in text for text in dump.warnings)
        return str(len(found))

    assert int(in_child(run)) < len(READABLE)
    if share > 0.9:
        assert int(in_child(run)) > 10


@pytest.mark.parametrize("size_of", ["descriptors", "bitmap", "second bitmap"])
def test_kdump_cut_before_its_data_never_reads_wrong(
    size_of: str, machine: Machine, tmp_path: Path
) -> None:
    layout = write_diskdump(machine, tmp_path / "dump")
    bitmap = layout.descriptors_at - layout.bitmap_at
    size = {
        "descriptors": (layout.descriptors_at + layout.data_at) // 2,
        "bitmap": layout.bitmap_at + 100,
        "second bitmap": layout.bitmap_at + bitmap // 2 + 100,
    }[size_of]
    path = cut(tmp_path / "dump", tmp_path / "cut", size)

    def run() -> str:
        try:
            dump, found = read_truly(path, machine)
        except _accel.OpenError as error:
            assert str(path) in str(error)
            return "refused"
        assert dump.truncated and dump.warnings
        return str(len(found))

    in_child(run)


@pytest.mark.parametrize("size", [0, 1, 7, 100, 463, 464, 4095, 4096, 4150, 5000, 8192])
@pytest.mark.parametrize("kind", ["kdump", "elf", "flat"])
def test_dump_cut_in_its_headers_is_refused_by_name(
    size: int, kind: str, machine: Machine, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    write_elf(machine, whole) if kind == "elf" else write_diskdump(machine, whole)
    if kind == "flat":
        whole = flatten(whole, tmp_path / "flat")
    path = cut(whole, tmp_path / "cut", size)

    def run() -> str:
        try:
            dump, found = read_truly(path, machine)
        except _accel.OpenError as error:
            assert str(path) in str(error)
            return "refused"
        assert dump.truncated and not found
        return "opened"

    in_child(run)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("odd", [0, 1, 2048])
def test_elf_cut_in_its_data_keeps_the_pages_before(
    share: float, odd: int, machine: Machine, tmp_path: Path
) -> None:
    whole = write_elf(machine, tmp_path / "dump")
    size = int(whole.stat().st_size * share) // PAGE * PAGE + PAGE + odd
    path = cut(whole, tmp_path / "cut", size)
    if size >= whole.stat().st_size:
        pytest.skip("not applicable: nothing is cut")

    def run() -> str:
        dump, found = read_truly(path, machine)
        assert dump.truncated and dump.pages_cut > 0
        return str(len(found))

    assert int(in_child(run)) <= len(READABLE)


def test_elf_cut_within_a_page_does_not_invent_its_rest(tmp_path: Path) -> None:
    machine = full_machine()
    whole = write_elf(machine, tmp_path / "dump")
    last_ram = machine.ram[-1][1] - machine.ram[-1][0]
    path = cut(whole, tmp_path / "cut", whole.stat().st_size - last_ram + 0x1800)
    dump = open_dump(path)
    assert dump.read_physical(0x100000000, PAGE) == machine.page(0x100000)
    with pytest.raises(_accel.ReadError):
        dump.read_physical(0x100001800, 8)
    assert not open_dump(whole).truncated


def test_flattened_dump_without_its_end_says_so(machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump")
    path = flatten(tmp_path / "dump", tmp_path / "flat", end_mark=False)
    dump, found = read_truly(path, machine)
    assert found and dump.warnings


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_flattened_dump_cut_within_a_record(share: float, machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump")
    whole = flatten(tmp_path / "dump", tmp_path / "flat", record=5000)
    path = cut(whole, tmp_path / "cut", int(whole.stat().st_size * share))

    def run() -> str:
        try:
            dump, _ = read_truly(path, machine)
        except _accel.OpenError as error:
            return str(error)
        assert dump.truncated and dump.warnings
        return ""

    in_child(run)


def test_incomplete_flag_is_a_warning(machine: Machine, tmp_path: Path) -> None:
    write_diskdump(machine, tmp_path / "dump", DiskdumpOptions(incomplete=True))
    dump, found = read_truly(tmp_path / "dump", machine)
    assert found and any("incomplete" in text for text in dump.warnings)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_split_dump_without_a_part_warns(missing: int, machine: Machine, tmp_path: Path) -> None:
    paths = [tmp_path / f"part{index}" for index in range(3)]
    write_split(machine, paths)
    present = [path for index, path in enumerate(paths) if index != missing]
    dump = open_dump(*present)
    found = pages_read(dump, READABLE)
    assert all(data == machine.page(pfn) for pfn, data in found.items())
    assert any("part" in text for text in dump.warnings)


def test_one_part_of_a_split_dump_warns(machine: Machine, tmp_path: Path) -> None:
    paths = [tmp_path / f"part{index}" for index in range(3)]
    write_split(machine, paths)
    assert any("part" in text for text in open_dump(paths[0]).warnings)


@pytest.mark.parametrize("case", ["same part twice", "another dump's part", "two whole dumps"])
def test_files_that_are_not_one_dump_are_refused(
    case: str, machine: Machine, tmp_path: Path
) -> None:
    ours = [tmp_path / f"ours{index}" for index in range(2)]
    theirs = [tmp_path / f"theirs{index}" for index in range(2)]
    write_split(machine, ours)
    other = full_machine()
    other.utsname = Utsname(release="5.10.0-other", nodename="elsewhere")
    write_split(other, theirs, DiskdumpOptions(timestamp=1_600_000_000))
    write_diskdump(machine, tmp_path / "whole")
    files = {
        "same part twice": [ours[0], ours[0]],
        "another dump's part": [ours[0], theirs[1]],
        "two whole dumps": [tmp_path / "whole", tmp_path / "whole"],
    }[case]
    with pytest.raises(_accel.OpenError) as caught:
        open_dump(*files)
    assert files[1].name in str(caught.value) or files[0].name in str(caught.value)


@pytest.mark.parametrize("elf", [False, True])
@pytest.mark.parametrize("arch", ["aarch64", "s390x"])
def test_dump_of_another_architecture_is_refused_by_name(
    elf: bool, arch: str, tmp_path: Path
) -> None:
    machine, path = full_machine(), tmp_path / "dump"
    machine.utsname = Utsname(machine=arch)
    order = ">" if arch == "s390x" else "<"
    if elf:
        em = EM_S390 if arch == "s390x" else EM_AARCH64
        write_elf(machine, path, ElfOptions(em_machine=em, byte_order=order))
    else:
        write_diskdump(machine, path, DiskdumpOptions(byte_order=order))

    def run() -> str:
        try:
            open_dump(path)
        except _accel.OpenError as error:
            return str(error)
        return "opened"

    message = in_child(run)
    assert arch.rstrip("x") in message or "big-endian" in message, message
