# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: its memory map and stacks.

Lines are NAME: VALUE: MACHINE TYPE, MEMORY SIZE, CPUS, PROCESSOR SPEED, HZ and PAGE SIZE, the
bases of the kernel's areas, the SIZE of its stacks, and where those of each CPU lie: IRQ, double
fault, NMI, debug, machine check, VC exception and VC fallback, entry. Columns of -m: PHYSICAL
ADDRESS RANGE and TYPE.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashcmd import machine, struct, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import cpus, pages, percpu, stack_areas
from pykdump import lowlevel, vmcorearch
from pykdump.layout import Layout

# enum e820_type, arch/x86/include/asm/e820/types.h
_TYPES = {1: "RAM", 2: "RESERVED", 3: "ACPI", 4: "NVS", 5: "UNUSABLE", 7: "PMEM"}
_ENTRY = Layout("struct e820_entry", "addr", "size", "type")
_MOST = 4096
# As crash names them.
_TITLES = {
    "double fault stack": "DOUBLEFAULT",
    "machine check stack": "MCE",
    "VC exception stack": "VC",
    "VC fallback stack": "VC2",
}


def collect(given: Given) -> Text:
    if "-c" in given:
        return text(_cpuinfo(given))
    if "-m" in given:
        return text(_memory_map())
    return text(_machine())


def _machine() -> Iterator[str]:
    dump = lowlevel.dump()
    rows = {
        "MACHINE TYPE": dump.arch,
        "MEMORY SIZE": values.size_of(dump.memory_bytes),
        "CPUS": cpus_text(),
        "PROCESSOR SPEED": f"{khz() // 1000} Mhz" if khz() else "(unknown)",
        "HZ": str(vmcorearch.HZ),
        "PAGE SIZE": str(dump.page_size),
        "KERNEL VIRTUAL BASE": f"{pages.page_offset():x}",
        "KERNEL VMALLOC BASE": f"{machine.vmalloc_base():x}",
        "KERNEL VMEMMAP BASE": f"{pages.vmemmap():x}",
        "KERNEL START MAP": f"{machine.START_KERNEL_MAP:x}",
        "KERNEL MODULES BASE": f"{machine.modules_base():x}",
        "KERNEL STACK SIZE": str(stack_areas.thread_size()),
    }
    for key, value in rows.items():
        yield f"{key:>22}: {value}"
    by_cpu = {cpu: stack_areas.cpu_stacks(cpu) for cpu in range(len(percpu.per_cpu_offsets()))}
    for name in dict.fromkeys(area.name for areas in by_cpu.values() for area in areas):
        found = {cpu: a for cpu, areas in by_cpu.items() for a in areas if a.name == name}
        title = _TITLES.get(name, name.upper().removesuffix(" STACK"))
        size = next(iter(found.values()))
        yield f"{f'{title} STACK SIZE':>22}: {size.end - size.start}"
        yield f"{f'{title} STACKS':>22}:"
        for cpu, area in found.items():
            yield f"{f'CPU {cpu}':>22}: {area.start:x}"


def cpus_text() -> str:
    """How many CPUs there are, and how many of them are off."""
    present = len(cpus.present_cpus())
    offline = present - len(cpus.online_cpus())
    return f"{present} [OFFLINE: {offline}]" if offline > 0 else str(present)


def khz() -> int:
    """Speed of the CPUs; 0 where the kernel does not tell."""
    for name in ("tsc_khz", "cpu_khz"):
        where = lowlevel.find_symbol(name)
        if where is not None:
            return lowlevel.read_uint(where, 4)
    return 0


def _cpuinfo(given: Given) -> Iterator[str]:
    for cpu in range(len(percpu.per_cpu_offsets())):
        yield f"CPU {cpu}:"
        yield from struct.shown("struct cpuinfo_x86", [], percpu.per_cpu("cpu_info", cpu), given)
        yield ""


def _memory_map() -> Iterator[str]:
    table = lowlevel.read_pointer(lowlevel.symbol_address("e820_table"))
    count = lowlevel.read_uint(table, 4)
    at = lowlevel.member("struct e820_table", "entries").offset
    yield "      PHYSICAL ADDRESS RANGE         TYPE"
    for row in _ENTRY.read_array(table + at, min(count, _MOST)):
        if row is None:
            yield "(not in the dump)"
            continue
        name = _TYPES.get(row.type, str(row.type))
        yield f"{row.addr:016x} - {row.addr + row.size:016x}  E820_{name}"


COMMANDS = (
    Command(
        "mach",
        "",
        collect,
        options=(
            Option("-m", "the firmware's map of physical memory"),
            Option("-c", "struct cpuinfo_x86 of each CPU"),
            Option("-x", "numbers in hexadecimal"),
            Option("-d", "numbers in decimal"),
        ),
        absent=(("-o", "it is the log of the firmware of ppc64 machines"),),
    ),
)
