# SPDX-License-Identifier: GPL-2.0-or-later
"""A dump with planted lists, structs and hash tables of known size, made of a real one.

A run of zero pages in the RAM of a real dump is overwritten, so that the kernel's own page tables
lead there and every reader of vmcores can read it.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.forms import move_program_headers

PAGE = 4096
NODES = 1_000_000
BUCKETS = 1 << 20
CHAINED = 100_000
#: Of all there is half as much and twice as much, too, to see growth: what is half as much lies in
#: the caches of some processors from one round to the next, what is more in those of none.
SIZES = {"small": 0.5, "": 1, "large": 2}
ALL_NODES = int(NODES * sum(SIZES.values()))
_PHDR = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_PT_LOAD = 1


@dataclass(frozen=True)
class Segment:
    """A program header."""

    kind: int
    offset: int
    paddr: int
    size: int


@dataclass(frozen=True)
class Planted:
    """Where things were planted; addresses are those of the kernel's direct map."""

    vmcore: Path
    heads: dict[str, int]  #: by size: list_head of the same_vma of so many, in random order
    tables: dict[str, int]  #: by size: hlist_heads, with CHAINED nodes for every BUCKETS of them


def offsets(vmlinux: Path) -> dict[str, int]:
    """Sizes and offsets in the structs that are planted."""
    wanted = {
        "avc": "sizeof(struct anon_vma_chain)",
        "same_vma": "&((struct anon_vma_chain *)0)->same_vma",
        "last": "&((struct anon_vma_chain *)0)->rb_subtree_last",
        "user": "sizeof(struct user_struct)",
        "uidhash_node": "&((struct user_struct *)0)->uidhash_node",
        "uid": "&((struct user_struct *)0)->uid",
    }
    command = ["gdb", "-nx", "-batch", "-iex", "set index-cache enabled on", str(vmlinux)]
    for expression in wanted.values():
        command += ["-ex", f"output/d (long)({expression})", "-ex", "echo \\n"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(wanted, map(int, done.stdout.split()[-len(wanted) :])))


def plant(whole: Path, vmlinux: Path, direct_map: int, out: Path) -> Planted:
    """Write the dump.

    :param whole: an ELF dump with all RAM, as QEMU writes it.
    :param direct_map: the kernel's page_offset_base.
    """
    at = offsets(vmlinux)
    move_program_headers(whole, out)
    place, paddr = _zero_run(out, _Image(at, 0).size)
    image = _Image(at, direct_map + paddr)
    with open(out, "r+b") as file:
        file.seek(place)
        file.write(image.data)
    return image.planted(out)


class _Image:
    """The planted memory."""

    def __init__(self, at: dict[str, int], base: int) -> None:
        self.base = base
        user = -(-at["user"] // 64) * 64
        self.structs = PAGE
        self.heads = {size: 16 * i for i, size in enumerate(SIZES)}
        self.tables = {}
        place = self.structs + ALL_NODES * at["avc"]
        for size, share in SIZES.items():
            self.tables[size] = place
            place += int(share * (BUCKETS * 8 + CHAINED * user))
        self.size = -(-place // PAGE) * PAGE
        self.data = bytearray(self.size if base else 0)
        if base:
            self._fill(at, user)

    def _fill(self, at: dict[str, int], user: int) -> None:
        chance = random.Random(1)
        first = 0
        for size, share in SIZES.items():
            order = list(range(first, first + int(NODES * share)))
            first += len(order)
            chance.shuffle(order)
            self._link(self.heads[size], order, at)
            buckets, entries = int(BUCKETS * share), int(CHAINED * share)
            users = self.tables[size] + 8 * buckets
            self._chain(chance, self.tables[size], buckets, users, entries, user, at)

    def _link(self, head: int, order: list[int], at: dict[str, int]) -> None:
        nodes = [self.structs + i * at["avc"] + at["same_vma"] for i in order]
        ring = [head, *nodes, head]
        for before, here, after in zip([ring[-2], *ring], ring[:-1], ring[1:]):
            struct.pack_into("<QQ", self.data, here, self.base + after, self.base + before)
        for i in order:
            avc = self.structs + i * at["avc"]
            struct.pack_into("<QQ", self.data, avc, i * 3, i * 5)
            struct.pack_into("<Q", self.data, avc + at["last"], i)

    def _chain(
        self,
        chance: random.Random,
        buckets: int,
        count: int,
        users: int,
        entries: int,
        size: int,
        at: dict[str, int],
    ) -> None:
        for i in range(entries):
            node = users + i * size + at["uidhash_node"]
            bucket = buckets + 8 * chance.randrange(count)
            (first,) = struct.unpack_from("<Q", self.data, bucket)
            struct.pack_into("<QQ", self.data, node, first, self.base + bucket)
            struct.pack_into("<Q", self.data, bucket, self.base + node)
            struct.pack_into("<I", self.data, users + i * size + at["uid"], i)

    def planted(self, vmcore: Path) -> Planted:
        return Planted(
            vmcore=vmcore,
            heads={size: self.base + at for size, at in self.heads.items()},
            tables={size: self.base + at for size, at in self.tables.items()},
        )


def _segments(path: Path) -> Iterator[Segment]:
    with open(path, "rb") as file:
        header = file.read(64)
        (phoff,) = struct.unpack_from("<Q", header, 32)
        (phnum,) = struct.unpack_from("<H", header, 56)
        file.seek(phoff)
        for _ in range(phnum):
            kind, _, offset, _, paddr, filesz, _, _ = _PHDR.unpack(file.read(_PHDR.size))
            yield Segment(kind, offset, paddr, filesz)


def _zero_run(whole: Path, size: int) -> tuple[int, int]:
    """Place in the file, and physical address, of a run of zero pages that is large enough."""
    step = 1 << 20
    with open(whole, "rb") as file:
        for segment in _segments(whole):
            if segment.kind != _PT_LOAD:
                continue
            run = 0
            file.seek(segment.offset)
            for at in range(0, segment.size - step, step):
                run = 0 if any(file.read(step)) else run + step
                if run >= size:
                    first = at + step - run
                    return segment.offset + first, segment.paddr + first
    raise ValueError(f"{whole} has no {size} zero bytes in a row")


def zlib_form(planted: Planted) -> Path:
    """The same dump as makedumpfile compresses it."""
    out = planted.vmcore.with_suffix(".zlib")
    subprocess.run(
        ["makedumpfile", "-c", "-d", "0", "-f", planted.vmcore, out],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return out
