# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts: their descriptors, handlers and counts (include/linux/irqdesc.h)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import cpus, percpu, trees
from pykdump import lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import CString, Layout
from pykdump.logging import pylog

# v6.5 made a maple tree of the radix tree.
_TREES = (("sparse_irqs", trees.maple_tree), ("irq_desc_tree", trees.radix_tree))

_DESC = Layout("struct irq_desc", "irq_data.irq", "action", "kstat_irqs", "name")
_CHIP = Layout("struct irq_desc", CString("irq_data.chip.name"))
_ACTION = Layout("struct irqaction", "handler", "next", "irq", "flags", CString("name"))


@dataclass(frozen=True)
class Action:
    """A ``struct irqaction``: a handler."""

    addr: int
    handler_addr: int
    name: str


@dataclass(frozen=True)
class Irq:
    """An interrupt."""

    irq: int
    addr: int  #: struct irq_desc *
    actions: tuple[Action, ...]
    chip: str
    trigger: str  #: "edge", "fasteoi", "" when nothing says
    counts: tuple[int, ...]  #: by CPU


def irqs(*, counts: bool = False) -> list[Irq]:
    """All interrupts that have a descriptor, by number."""
    for name, walker in _TREES:
        root = lowlevel.find_symbol(name)
        if root is not None:
            break
    else:
        raise PykdumpError("interrupts are kept in a way that is not known here")
    walk = walker(root)
    if walk.end != "complete":
        pylog.warning(f"the tree of interrupts is broken: {walk.end} at {walk.stopped_at:#x}")
    pairs = [(first, entry) for first, _, entry in walk.entries if entry]
    addrs = [addr for _, addr in pairs]
    found = []
    for (irq, addr), row, chip in zip(pairs, _DESC.read_many(addrs), _CHIP.read_many(addrs)):
        if row is None:
            pylog.warning(f"irq_desc {addr:#x} of interrupt {irq} cannot be read")
            continue
        numbers = _counts(row.kstat_irqs) if counts else ()
        name = _text(chip[0]) if chip is not None and chip[0] is not None else ""
        trigger = _string(row.name)
        found.append(Irq(irq, addr, tuple(_actions(row.action)), name, trigger, numbers))
    return found


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def _string(addr: int) -> str:
    if not addr:
        return ""
    try:
        return _text(lowlevel.read_string(addr, 64))
    except PykdumpError:
        return ""


def _actions(addr: int) -> Iterator[Action]:
    seen: set[int] = set()
    while addr and addr not in seen and len(seen) < 256:
        seen.add(addr)
        row = _ACTION.read(addr)
        if row is None:
            pylog.warning(f"irqaction {addr:#x} cannot be read")
            return
        yield Action(addr, row.handler, _text(row.name or b""))
        addr = row.next


def _counts(pointer: int) -> tuple[int, ...]:
    # The count is the first, or only, member of what each CPU has.
    found = []
    for cpu in cpus.present_cpus():
        try:
            found.append(lowlevel.read_uint(percpu.per_cpu_ptr(pointer, cpu), 4))
        except PykdumpError:
            found.append(0)
    return tuple(found)


def affinity(irq: Irq) -> list[int] | None:
    """CPUs that an interrupt may come to; None when that is not known."""
    for path in ("irq_common_data.affinity", "irq_data.affinity"):
        member = lowlevel.find_member("struct irq_desc", path)
        if member is None:
            continue
        addr = irq.addr + member.offset
        try:
            # With CONFIG_CPUMASK_OFFSTACK a cpumask_var_t is a pointer, else an array of one.
            is_pointer = member.type_name.endswith("*")
            return _cpus_in(lowlevel.read_pointer(addr) if is_pointer else addr)
        except PykdumpError:
            return None
    return None


def _cpus_in(mask: int) -> list[int]:
    count = percpu.nr_cpu_ids()
    bits = lowlevel.read_uint(mask, (count + 63) // 64 * 8)
    return [cpu for cpu in range(count) if bits >> cpu & 1]


def softirqs() -> list[int]:
    """Handlers of the softirqs by number; 0 for none."""
    table = lowlevel.symbol_address("softirq_vec")
    count = lowlevel.variable_size("softirq_vec") // 8
    return [lowlevel.read_pointer(table + 8 * number) for number in range(min(count, 64))]
