# SPDX-License-Identifier: GPL-2.0-or-later
"""x86-64 page tables with 4 or 5 levels."""

from __future__ import annotations

from .machine import PAGE, Machine

PRESENT, WRITABLE, USER, LARGE, NX = 1, 2, 4, 0x80, 1 << 63
SIZE_4K, SIZE_2M, SIZE_1G = 1 << 12, 1 << 21, 1 << 30
ENTRY_ADDR = 0x000FFFFFFFFFF000


class PageTables:
    """The page tables of one address space, in the memory of its machine."""

    def __init__(self, machine: Machine, levels: int, root: int | None = None) -> None:
        """root: physical address of the top table; None takes a new page."""
        self.machine = machine
        self.levels = levels
        self.root = machine.alloc() if root is None else root

    def map(
        self, virt: int, phys: int, size: int, *, page: int = SIZE_1G, user: bool = False
    ) -> None:
        """Map a range with pages as large as `page`, its alignment and its size allow."""
        end = virt + size
        while virt < end:
            step = next(
                s
                for s in (SIZE_1G, SIZE_2M, SIZE_4K)
                if s <= page and (virt | phys) % s == 0 and end - virt >= s or s == SIZE_4K
            )
            self._map_page(virt, phys, step, user)
            virt += step
            phys += step

    def unmap(self, virt: int) -> None:
        """Clear the lowest entry that maps an address."""
        self.machine.write_u64(self.entry_addr(virt), 0)

    def copy_kernel_half(self, other: PageTables) -> None:
        """Share the upper half of another address space, as every process does."""
        self.machine.write(
            self.root + PAGE // 2, self.machine.read(other.root + PAGE // 2, PAGE // 2)
        )

    def entry_addr(self, virt: int) -> int:
        """Physical address of the lowest page table entry for an address."""
        table = self.root
        for level in range(self.levels, 0, -1):
            where = table + 8 * self._index(virt, level)
            entry = self.machine.read_u64(where)
            if level == 1 or not entry & PRESENT or (level < 4 and entry & LARGE):
                return where
            table = entry & ENTRY_ADDR
        raise AssertionError

    def translate(self, virt: int) -> int:
        """Physical address of a mapped virtual one."""
        table = self.root
        for level in range(self.levels, 0, -1):
            entry = self.machine.read_u64(table + 8 * self._index(virt, level))
            assert entry & PRESENT, f"{virt:#x} is not mapped"
            if level == 1 or (level < 4 and entry & LARGE):
                mask = (1 << 12 + 9 * (level - 1)) - 1
                return entry & ENTRY_ADDR & ~mask | virt & mask
            table = entry & ENTRY_ADDR
        raise AssertionError

    @staticmethod
    def _index(virt: int, level: int) -> int:
        return virt >> (12 + 9 * (level - 1)) & 511

    def _map_page(self, virt: int, phys: int, size: int, user: bool) -> None:
        leaf = {SIZE_4K: 1, SIZE_2M: 2, SIZE_1G: 3}[size]
        flags = PRESENT | WRITABLE | (USER if user else 0)
        table = self.root
        for level in range(self.levels, leaf, -1):
            where = table + 8 * self._index(virt, level)
            entry = self.machine.read_u64(where)
            if not entry & PRESENT:
                entry = self.machine.alloc() | flags
                self.machine.write_u64(where, entry)
            assert level > 3 or not entry & LARGE, f"{virt:#x} is mapped by a large page"
            table = entry & ENTRY_ADDR
        # NX is set for the sake of readers that forget to mask it off.
        value = phys | flags | NX | (LARGE if leaf > 1 else 0)
        self.machine.write_u64(table + 8 * self._index(virt, leaf), value)
