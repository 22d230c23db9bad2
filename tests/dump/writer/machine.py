# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine to be dumped: sparse physical memory, notes of its CPUs, what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

PAGE = 4096
ZERO_PAGE = bytes(PAGE)
DEFAULT_RAM = ((0x0, 0xA0000), (0x100000, 0x8000000))


@dataclass(frozen=True)
class Utsname:
    """What a kdump header holds of utsname; QEMU leaves all of it blank."""

    sysname: str = "Linux"
    nodename: str = "mini"
    release: str = "6.1.0-mini"
    version: str = "#1 SMP PREEMPT_DYNAMIC mini"
    machine: str = "x86_64"
    domainname: str = "(none)"

    def fields(self) -> tuple[bytes, ...]:
        """The six strings in the order of struct new_utsname."""
        names = (self.sysname, self.nodename, self.release)
        return tuple(s.encode() for s in (*names, self.version, self.machine, self.domainname))


BLANK_UTSNAME = Utsname("", "", "", "", "", "")


@dataclass
class Machine:
    """Physical memory of a dumped machine. RAM that nobody wrote to is zero."""

    ram: tuple[tuple[int, int], ...] = DEFAULT_RAM  #: [start, end) of each range
    utsname: Utsname = field(default_factory=Utsname)
    vmcoreinfo: bytes = b""  #: text of the VMCOREINFO note; b"" for no such note
    notes: list[bytes] = field(default_factory=list)  #: whole ELF notes of the CPUs
    excluded: set[int] = field(default_factory=set)  #: page frames that the dump leaves out
    pages: dict[int, bytearray] = field(default_factory=dict)
    phys_base: int = 0  #: for the kdump sub header
    next_free: int = 0x200000

    @property
    def max_pfn(self) -> int:
        """One more than the highest page frame."""
        return max(end for _, end in self.ram) // PAGE

    def has_ram(self, pfn: int) -> bool:
        """Whether there is RAM at a page frame."""
        return any(start <= pfn * PAGE < end for start, end in self.ram)

    def ram_pfns(self) -> Iterator[int]:
        """All page frames with RAM, ascending."""
        for start, end in sorted(self.ram):
            yield from range(start // PAGE, end // PAGE)

    def present_pfns(self) -> Iterator[int]:
        """The page frames that the dump holds, ascending."""
        return (pfn for pfn in self.ram_pfns() if pfn not in self.excluded)

    def page(self, pfn: int) -> bytes | bytearray:
        """Contents of a page frame."""
        return self.pages.get(pfn, ZERO_PAGE)

    def write(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        """Store bytes at a physical address."""
        done = 0
        while done < len(data):
            pfn, offset = divmod(addr + done, PAGE)
            page = self.pages.get(pfn)
            if page is None:
                assert self.has_ram(pfn), f"no RAM at {pfn * PAGE:#x}"
                page = self.pages[pfn] = bytearray(PAGE)
            size = min(PAGE - offset, len(data) - done)
            page[offset : offset + size] = data[done : done + size]
            done += size

    def write_u64(self, addr: int, value: int) -> None:
        """Store a little-endian word at a physical address."""
        self.write(addr, (value & (1 << 64) - 1).to_bytes(8, "little"))

    def read(self, addr: int, size: int) -> bytes:
        """Bytes at a physical address; zeros where there is no RAM."""
        out = bytearray()
        while len(out) < size:
            pfn, offset = divmod(addr + len(out), PAGE)
            out += self.page(pfn)[offset : offset + size - len(out)]
        return bytes(out)

    def read_u64(self, addr: int) -> int:
        """A little-endian word at a physical address."""
        return int.from_bytes(self.read(addr, 8), "little")

    def alloc(self, size: int = PAGE, align: int = PAGE) -> int:
        """Reserve physical memory; returns its address."""
        addr = -(-self.next_free // align) * align
        self.next_free = addr + -(-size // PAGE) * PAGE
        return addr

    def exclude(self, *addrs: int) -> None:
        """Leave the pages of these physical addresses out of the dump."""
        self.excluded.update(addr // PAGE for addr in addrs)

    def exclude_zero_pages(self) -> None:
        """Leave out every page of zeros, as `makedumpfile -d 1` does."""
        self.excluded.update(pfn for pfn in self.ram_pfns() if not any(self.page(pfn)))


def runs(pfns: Iterable[int]) -> Iterator[tuple[int, int]]:
    """[first, end) of each run of adjacent page frames in an ascending sequence."""
    first = end = None
    for pfn in pfns:
        if pfn != end:
            if first is not None and end is not None:
                yield first, end
            first = pfn
        end = pfn + 1
    if first is not None and end is not None:
        yield first, end
