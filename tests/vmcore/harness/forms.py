# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of a dump: what QEMU wrote, turned into the files that users meet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from .recompress import FLAG_SNAPPY, FLAG_ZSTD, recompress
from .steps import HarnessError, run

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")


def move_program_headers(source: Path, target: Path) -> None:
    """Copy QEMU's ELF with the program headers at offset 64, where makedumpfile expects them.

    QEMU 7.2 and later write section headers first, program headers after.  The room for both is
    the same, so no segment moves: the section table goes, its bytes become zeros.
    """
    with open(source, "rb") as elf:
        fields = list(_EHDR.unpack(elf.read(_EHDR.size)))
        phoff, phentsize, phnum = fields[5], fields[9], fields[10]
        elf.seek(phoff)
        headers = elf.read(phentsize * phnum)
    first_data = min(_PHDR.unpack_from(headers, at)[2] for at in range(0, len(headers), phentsize))
    if _EHDR.size + len(headers) > first_data:
        raise HarnessError(f"{source.name}: no room for the program headers at offset 64")
    sparse_copy(source, target)
    fields[5], fields[6], fields[11], fields[12], fields[13] = _EHDR.size, 0, 0, 0, 0
    with open(target, "r+b") as elf:
        elf.write((_EHDR.pack(*fields) + headers).ljust(first_data, b"\0"))


def sparse_copy(source: Path, target: Path) -> None:
    """Copy ``source`` with holes for its blocks of zeros."""
    run(["cp", "--sparse=always", source, target], timeout_s=300)


def reassemble(flat: Path, target: Path) -> None:
    """Turn a flattened dump into the plain one."""
    run(["sh", "-c", 'makedumpfile -R "$1" < "$2"', "sh", target, flat], timeout_s=300)


def trim_flattened(disk: Path, target: Path) -> None:
    """Copy a flattened dump off a disk that is larger than it.

    After a header of 4096 bytes come records, a big-endian offset and size and that many bytes;
    an offset of -1 ends them.
    """
    with open(disk, "rb") as reader, open(target, "wb") as writer:
        header = reader.read(4096)
        if not header.startswith(b"makedumpfile\0"):
            raise HarnessError(f"{disk.name} holds no flattened dump")
        writer.write(header)
        while record := reader.read(16):
            offset, size = struct.unpack(">qq", record)
            writer.write(record)
            if offset < 0:
                return
            writer.write(reader.read(size))
    raise HarnessError(f"{disk.name}: the flattened dump has no end")


def filter_dump(elf: Path, targets: list[Path], *options: str) -> None:
    """Run makedumpfile on an ELF whose headers :func:`move_program_headers` moved."""
    run(["makedumpfile", *options, elf, *targets], timeout_s=600)


def _make_lzo(elf: Path, target: Path) -> None:
    filter_dump(elf, [target], "-l", "-d", "0")


def _make_snappy(elf: Path, target: Path) -> None:
    recompress(target.with_name("vmcore.zlib"), target, FLAG_SNAPPY)


def _make_split(elf: Path, target: Path) -> None:
    parts = [target.with_name(f"{target.name}.{number}") for number in (1, 2, 3)]
    # By default parts differ by up to 1 GiB: the first then holds all pages of a small guest.
    filter_dump(elf, parts, "-l", "-d", "31", "--split", "--splitblock-size", "4096")


def _make_lzo_at(level: int) -> Callable[[Path, Path], None]:
    return lambda elf, target: filter_dump(elf, [target], "-l", "-d", str(level))


def _make_zstd_at(level: int) -> Callable[[Path, Path], None]:
    def make(elf: Path, target: Path) -> None:
        plain = target.with_name(target.name + ".plain")
        filter_dump(elf, [plain], "-c", "-d", str(level))
        recompress(plain, target, FLAG_ZSTD)
        plain.unlink()

    return make


def _make_elf_d31(elf: Path, target: Path) -> None:
    filter_dump(elf, [target], "-E", "-d", "31")


#: Forms made of those that QEMU writes: from the ELF with moved headers, to the second path.
DERIVED: dict[str, Callable[[Path, Path], None]] = {
    "lzo": _make_lzo,
    "snappy": _make_snappy,
    "split": _make_split,
    "d17-lzo": _make_lzo_at(17),
    "d31-lzo": _make_lzo_at(31),
    "d17-zstd": _make_zstd_at(17),
    "d31-zstd": _make_zstd_at(31),
    "elf-d31": _make_elf_d31,
}
