# SPDX-License-Identifier: GPL-2.0-or-later
"""Files are told apart by content, whatever their names."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import pytest
from writer.diskdump import write_diskdump
from writer.elf import ElfOptions, write_elf
from writer.flatten import flatten
from writer.sample import full_machine

from pykdump.files import Kind, kind_of, section_names


@pytest.mark.parametrize("phdrs", ["first", "after_sections", "end"])
def test_elf_dump_is_a_vmcore_wherever_its_program_headers_are(phdrs: str, tmp_path: Path) -> None:
    path = write_elf(full_machine(), tmp_path / "x", ElfOptions(phdrs=phdrs))
    assert kind_of(str(path)) is Kind.VMCORE


def test_kdump_and_flattened_dumps_are_vmcores(tmp_path: Path) -> None:
    kdump = tmp_path / "kdump"
    write_diskdump(full_machine(), kdump)
    flat = tmp_path / "flat"
    flatten(kdump, flat)
    assert kind_of(str(kdump)) is kind_of(str(flat)) is Kind.VMCORE


def test_core_of_a_process_is_none(tmp_path: Path) -> None:
    # As the kernel writes it: p_paddr is 0, the notes are the process's.
    note = struct.pack("<III8sI", 5, 4, 1, b"CORE\0", 0)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = struct.pack("<IIQQQQQQ", 4, 0, 176, 0, 0, len(note), 0, 4)
    segments += struct.pack("<IIQQQQQQ", 1, 5, 4096, 0x400000, 0, 0, 4096, 4096)
    (tmp_path / "core").write_bytes(header + segments + note)
    assert kind_of(str(tmp_path / "core")) is Kind.USER_CORE


def test_programs_and_other_files(tmp_path: Path) -> None:
    assert kind_of(sys.executable) is Kind.VMLINUX
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("vmcore " * 100)
    (tmp_path / "cut").write_bytes(b"\x7fELF\x02\x01")
    for name in ("empty", "text", "cut"):
        assert kind_of(str(tmp_path / name)) is Kind.OTHER
    with pytest.raises(OSError):
        kind_of(str(tmp_path / "missing"))


def test_section_names_of_a_program() -> None:
    program = shutil.which("true") or sys.executable
    assert {".text", ".dynsym"} <= section_names(program)
    assert section_names(__file__) == set()
