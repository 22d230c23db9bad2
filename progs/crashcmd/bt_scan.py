# SPDX-License-Identifier: GPL-2.0-or-later
"""What looks like an exception frame on a stack, by its values alone; found without unwinding."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from crashcmd.bt_text import text_ranges
from crashcmd.registers import register_lines
from LinuxDump import percpu, stack_areas
from LinuxDump.api_models import KernelModels
from LinuxDump.saved_registers import registers_at
from pykdump import lowlevel
from pykdump.errors import PykdumpError

_IRQ = "IRQ stack"
# As crash names them.
_TITLES = {
    "double fault stack": "DOUBLEFAULT EXCEPTION",
    "NMI stack": "NMI EXCEPTION",
    "debug stack": "DEBUG EXCEPTION",
    "machine check stack": "MCE EXCEPTION",
    "VC exception stack": "VC EXCEPTION",
    "VC fallback stack": "VC2 EXCEPTION",
}
# arch/x86/include/asm/segment.h and processor-flags.h
_KERNEL_CS, _KERNEL_SS = 0x10, (0, 0x18)
_USER_CS, _USER_SS = (0x33, 0x23), 0x2B
_FLAGS_SET, _FLAGS_CLEAR, _FLAGS_IF = 0x2, 0xFFFF_FFFF_FFC0_8028, 0x200
_USER_END = 1 << 47
_PUSHED = struct.Struct("<5Q")


def exception_frames(start: int, end: int) -> list[int]:
    """Where from start to end something may be a ``struct pt_regs``; raises ReadError."""
    at_ip = lowlevel.member("struct pt_regs", "ip").offset
    raw = lowlevel.dump().read(start, (end - start) // 8 * 8)
    found = []
    for cs in (_KERNEL_CS, *_USER_CS):
        wanted = cs.to_bytes(8, "little")
        at = raw.find(wanted)
        while at >= 0:
            if at % 8 == 0 and at >= at_ip + 8 and _is_frame(raw[at - 8 : at + 32]):
                found.append(start + at - 8 - at_ip)
            at = raw.find(wanted, at + 1)
    return sorted(found)


def _is_frame(pushed: bytes) -> bool:
    # What the processor pushes: ip, cs, flags, sp and ss.
    if len(pushed) < _PUSHED.size:
        return False
    ip, cs, flags, sp, ss = _PUSHED.unpack(pushed)
    if flags & _FLAGS_CLEAR or not flags & _FLAGS_SET:
        return False
    if cs != _KERNEL_CS:
        return ss == _USER_SS and bool(flags & _FLAGS_IF) and max(ip, sp) < _USER_END
    is_code = any(first <= ip < last for first, last in text_ranges())
    return is_code and ss in _KERNEL_SS and sp >> 63 == 1


def frame_lines(regs: int, is_whole: bool = True) -> Iterator[str]:
    """Lines of a struct pt_regs, with a heading that tells where it lies."""
    registers = registers_at(regs, is_whole)
    if registers is None:
        return
    is_user = bool(registers["cs"] & 3)
    yield ""
    yield f"  {'USER' if is_user else 'KERNEL'}-MODE EXCEPTION FRAME AT: {regs:x}"
    if not is_user:
        name = KernelModels().symbols().at(registers["ip"])
        where = f"{name[0]}+{name[1]}" if name is not None else f"{registers['ip']:x}"
        yield f"    [exception RIP: {where}]"
    yield from register_lines(registers)


def cpu_stacks(cpus: Sequence[int]) -> Iterator[str]:
    """Lines of ``bt -E``: the IRQ stacks of CPUs, then their exception stacks."""
    chosen = [cpu for cpu in cpus if cpu < len(percpu.per_cpu_offsets())]
    areas = {cpu: stack_areas.cpu_stacks(cpu) for cpu in chosen}
    for cpu in chosen:
        for area in areas[cpu]:
            if area.name == _IRQ:
                yield from _area_lines(cpu, "IRQ", area)
    for cpu in chosen:
        for area in areas[cpu]:
            if area.name in _TITLES:
                yield from _area_lines(cpu, _TITLES[area.name], area)


def _area_lines(cpu: int, title: str, area: stack_areas.Area) -> Iterator[str]:
    yield f"CPU {cpu} {title} STACK:"
    try:
        found = exception_frames(area.start, area.end)
    except PykdumpError as error:
        yield f"({error})"
        found = []
    else:
        if not found:
            yield "(none found)"
    for regs in found:
        yield from frame_lines(regs)
    yield ""
