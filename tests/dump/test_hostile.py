# SPDX-License-Identifier: GPL-2.0-or-later
"""Dump.open: files that are no dumps, or lie about their lengths: a sentence, never a crash."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from writer.diskdump import HEADER_FIELDS, SUB_HEADER_FIELDS, patch_header, write_diskdump
from writer.elf import write_elf
from writer.flatten import flatten
from writer.machine import Machine
from writer.notes import note
from writer.sample import FILLED

from accel import _accel, in_child, open_dump, pages_read

WILD = {"i": (0, -1, 1, 1 << 30, -(1 << 31)), "I": (0, 1, 1 << 30, (1 << 32) - 1)}
WILD["Q"] = (0, 1, 1 << 40, 1 << 62, (1 << 64) - 1, (1 << 64) - 4096)
FIELDS = {k: v for k, v in (HEADER_FIELDS | SUB_HEADER_FIELDS).items() if k != "signature"}
CASES = [(name, value) for name, (_, code) in FIELDS.items() for value in WILD[code]]
FUZZ_ROUNDS = 60


def refusal(path: Path) -> str:
    with pytest.raises(_accel.OpenError) as caught:
        open_dump(path)
    return str(caught.value)


def opens_or_refuses(path: Path) -> str:
    """What comes of a file, in words; any exception but OpenError is a bug."""
    try:
        dump = open_dump(path)
    except _accel.OpenError as error:
        return f"refused: {error}"
    found = pages_read(dump, FILLED)
    dump.close()
    return f"opened, {len(found)} pages, {dump.warnings}"


def test_file_that_is_not_there(tmp_path: Path) -> None:
    text = refusal(tmp_path / "absent")
    assert "absent" in text and "No such file" in text


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    text = refusal(tmp_path / "empty")
    assert str(tmp_path / "empty") in text and "empty" in text.replace(str(tmp_path), "")


def test_directory(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path)


def test_no_files_at_all() -> None:
    with pytest.raises(_accel.OpenError):
        open_dump()


@pytest.mark.skipif(os.geteuid() == 0, reason="not applicable: root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"KDUMP   ")
    (tmp_path / "secret").chmod(0)
    assert "Permission denied" in refusal(tmp_path / "secret")


def test_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "refused" in in_child(lambda: opens_or_refuses(tmp_path / "fifo"))


@pytest.mark.parametrize("size", [1, 100, 4096, 100_000])
def test_garbage(size: int, tmp_path: Path) -> None:
    path = tmp_path / "garbage"
    path.write_bytes(random.Random(size).randbytes(size))
    assert str(path) in refusal(path)


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a dump\n" * 1000)
    assert "notes.txt" in refusal(tmp_path / "notes.txt")


def test_program_is_told_from_a_core(mini_elf: Path) -> None:
    text = refusal(mini_elf)
    assert mini_elf.name in text


def test_file_that_vanishes_while_open_reads_on(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_diskdump(machine, path)
    dump = open_dump(path)
    path.unlink()
    assert dump.read_physical(0x100000, 4096) == machine.page(0x100)


@pytest.mark.parametrize("kind", ["kdump", "elf"])
def test_file_that_shrinks_while_open_does_not_kill(
    kind: str, machine: Machine, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    write_elf(machine, path) if kind == "elf" else write_diskdump(machine, path)

    def run() -> str:
        dump = open_dump(path)
        dump.read_physical(0x100000, 8)
        os.truncate(path, 8192)
        return str(len(pages_read(dump, FILLED)))

    in_child(run)


@pytest.mark.parametrize(("field", "value"), CASES)
def test_wild_header_value(field: str, value: int, machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_diskdump(machine, path)
    patch_header(path, field, value)
    in_child(lambda: opens_or_refuses(path))


def _elf(machine: Machine, path: Path) -> Path:
    return write_elf(machine, path)


def _kdump(machine: Machine, path: Path) -> Path:
    write_diskdump(machine, path)
    return path


def _flat(machine: Machine, path: Path) -> Path:
    return flatten(_kdump(machine, path.with_suffix(".k")), path, record=20_000)


@pytest.mark.parametrize("write", [_elf, _kdump, _flat])
@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_in_the_headers_never_crash(
    write: Callable[[Machine, Path], Path], seed: int, machine: Machine, tmp_path: Path
) -> None:
    whole = write(machine, tmp_path / "dump").read_bytes()
    path = tmp_path / "fuzzed"

    def run() -> str:
        for step in range(FUZZ_ROUNDS):
            dice = random.Random(seed * 1000 + step)
            data = bytearray(whole)
            for _ in range(dice.choice((1, 3, 30))):
                at = dice.choice((dice.randrange(600), dice.randrange(9000)))
                data[at] = dice.choice((0, 0xFF, 0x7F, 0x80, dice.randrange(256)))
            path.write_bytes(data)
            opens_or_refuses(path)
        return ""

    in_child(run)


@pytest.mark.parametrize("seed", range(4))
def test_random_page_descriptors_never_crash(seed: int, machine: Machine, tmp_path: Path) -> None:
    layout = write_diskdump(machine, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "fuzzed"

    def run() -> str:
        for step in range(FUZZ_ROUNDS):
            dice = random.Random(seed * 1000 + step)
            data = bytearray(whole)
            for _ in range(30):
                at = dice.randrange(layout.descriptors_at, layout.size)
                data[at] = dice.choice((0, 0xFF, 0x7F, 0x80, dice.randrange(256)))
            path.write_bytes(data)
            opens_or_refuses(path)
        return ""

    in_child(run)


@pytest.mark.parametrize("kind", ["kdump", "elf"])
@pytest.mark.parametrize(
    "bad",
    [
        note("CORE", 1, bytes(100)),
        note("CORE", 1, b""),
        struct.pack("<III", 5, 0xFFFFFFFF, 1) + b"CORE\0\0\0\0",
        struct.pack("<III", 0xFFFFFFFC, 4, 1) + bytes(8),
        b"\x01",
    ],
    ids=["short", "empty", "huge descriptor", "huge name", "one byte"],
)
def test_malformed_notes(kind: str, bad: bytes, machine: Machine, tmp_path: Path) -> None:
    machine.notes.append(bad)
    path = tmp_path / "dump"
    write_elf(machine, path) if kind == "elf" else write_diskdump(machine, path)
    result = in_child(lambda: opens_or_refuses(path))
    assert result.startswith("opened") or "PRSTATUS" in result
