# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the mini kernel: image at its KASLR address, page tables, per-CPU areas."""

from __future__ import annotations

import struct
from pathlib import Path

from .elfimage import ABSOLUTE, ElfImage
from .machine import PAGE, Machine
from .paging import SIZE_2M, SIZE_4K, PageTables

KERNEL_MAP = 0xFFFFFFFF80000000  # __START_KERNEL_map
KERNEL_IMAGE_SIZE = 0x40000000
DIRECT_MAP = {4: 0xFFFF888000000000, 5: 0xFF11000000000000}
VMALLOC = {4: 0xFFFFC90000000000, 5: 0xFFA0000000000000}
PERCPU_UNIT = 0x8000
PERCPU_DYNAMIC = 0x2000  # where the dynamic part of a per-CPU area begins


class MiniKernel:
    """The mini kernel in a machine's memory. Addresses are virtual unless they are called phys."""

    def __init__(
        self, machine: Machine, elf: Path, *, kaslr: int, load_at: int, levels: int, cpus: int
    ) -> None:
        """load_at: physical address of _text, a multiple of 2 MiB."""
        self.machine = machine
        self.image = ElfImage(elf)
        self.kaslr = kaslr
        self.levels = levels
        self.cpus = cpus
        self.direct_map = DIRECT_MAP[levels]
        self.vmalloc_next = VMALLOC[levels]
        self.phys_base = load_at - (self.sym("_text") - KERNEL_MAP)
        machine.phys_base = self.phys_base
        machine.next_free = load_at
        self.image_size = -(-(self.sym("_end") - self.sym("_text")) // SIZE_2M) * SIZE_2M
        machine.alloc(self.image_size, SIZE_2M)
        self._load()
        self.tables = PageTables(machine, levels, root=self.phys(self.sym("init_top_pgt")))
        self._map_memory()
        self.percpu_offsets = [self._boot_cpu(cpu) for cpu in range(cpus)]
        self._set_variables()

    def sym(self, name: str) -> int:
        """Address of a symbol in the running kernel; of a per-CPU one where it is linked."""
        value = self.image.symbols[name]
        return value + self.kaslr if value >= KERNEL_MAP else value

    def phys(self, addr: int) -> int:
        """Physical address of an address in the image or in the direct map."""
        if addr >= KERNEL_MAP:
            return addr - KERNEL_MAP + self.phys_base
        return addr - self.direct_map

    def translate(self, addr: int) -> int:
        """Physical address of any kernel address, by the page tables."""
        return self.tables.translate(addr)

    def alloc(self, size: int = PAGE) -> int:
        """Reserve memory; returns its address in the direct map."""
        return self.machine.alloc(size) + self.direct_map

    def vmalloc(self, pages: int) -> tuple[int, list[int]]:
        """Map scattered pages behind each other; returns the address and the physical ones."""
        addr = self.vmalloc_next
        self.vmalloc_next += (pages + 1) * PAGE  # a guard page follows
        frames = [self.machine.alloc() for _ in range(pages)][::-1]
        for index, frame in enumerate(frames):
            self.tables.map(addr + index * PAGE, frame, PAGE)
        return addr, frames

    def per_cpu(self, name: str, cpu: int) -> int:
        """Address of a CPU's copy of a per-CPU variable."""
        return self.sym(name) + self.percpu_offsets[cpu]

    def put(self, addr: int, data: bytes) -> None:
        """Store bytes in the image or in the direct map."""
        self.machine.write(self.phys(addr), data)

    def put_u64(self, addr: int, *values: int) -> None:
        """Store words."""
        self.put(addr, b"".join((v & (1 << 64) - 1).to_bytes(8, "little") for v in values))

    def put_u32(self, addr: int, value: int) -> None:
        """Store an int."""
        self.put(addr, (value & 0xFFFFFFFF).to_bytes(4, "little"))

    def _load(self) -> None:
        contents = {s.name: bytearray(self.image.data(s)) for s in self.image.loaded()}
        for reloc in self.image.relocations():
            size = ABSOLUTE.get(reloc.type)
            if size and self.image.moves_with_kaslr(reloc.symbol):
                data, at = contents[reloc.section.name], reloc.where - reloc.section.addr
                value = int.from_bytes(data[at : at + size], "little") + self.kaslr
                data[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        for section in self.image.loaded():
            if section.name == ".data..percpu":
                addr = self.sym("__per_cpu_load")
                self.percpu_template = bytes(contents[section.name])
            else:
                addr = section.addr + self.kaslr
            self.put(addr, contents[section.name])

    def _map_memory(self) -> None:
        text = self.sym("_text")
        self.tables.map(text, self.phys(text), self.image_size, page=SIZE_2M)
        for start, end in self.machine.ram:
            # As the kernel does it: small pages below 2M, and the largest that fit above.
            small = max(start, min(end, SIZE_2M))
            self.tables.map(self.direct_map + start, start, small - start, page=SIZE_4K)
            self.tables.map(self.direct_map + small, small, end - small)

    def _boot_cpu(self, cpu: int) -> int:
        area = self.alloc(PERCPU_UNIT)
        offset = area - self.sym("__per_cpu_start")
        self.put(area, self.percpu_template)
        self.put_u64(self.sym("this_cpu_off") + offset, offset)
        self.put_u32(self.sym("cpu_number") + offset, cpu)
        self.put_u64(self.sym("planted_counter") + offset, 100 + cpu)
        self.put_u32(self.sym("runqueues") + offset + self.image.offsets["rq.cpu"][0], cpu)
        self.put_u64(self.sym("__per_cpu_offset") + 8 * cpu, offset)
        return offset

    def _set_variables(self) -> None:
        mask = (1 << self.cpus) - 1
        for name in ("possible", "online", "present", "active"):
            self.put_u64(self.sym(f"__cpu_{name}_mask"), mask)
        self.put_u32(self.sym("nr_cpu_ids"), self.cpus)
        self.put_u32(self.sym("__num_online_cpus"), self.cpus)
        self.put_u32(self.sym("__pgtable_l5_enabled"), int(self.levels == 5))
        self.put_u64(self.sym("phys_base"), self.phys_base)
        self.put_u64(self.sym("page_offset_base"), self.direct_map)
        self.put_u64(self.sym("vmalloc_base"), VMALLOC[self.levels])
        self.put_u64(self.sym("saved_command_line"), self.sym("boot_command_line"))
        # crash_notes is a pointer into the dynamic part of the per-CPU areas.
        self.put_u64(self.sym("crash_notes"), self.sym("__per_cpu_start") + PERCPU_DYNAMIC)

    def put_crash_note(self, cpu: int, note: bytes) -> None:
        """Store a CPU's note where the kernel's own crash path keeps it."""
        where = self.sym("__per_cpu_start") + PERCPU_DYNAMIC + self.percpu_offsets[cpu]
        self.put(where, note + struct.pack("<III", 0, 0, 0))
