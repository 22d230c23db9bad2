# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts: descriptors and handlers.

WHAT are numbers of interrupts; without it all that have a descriptor.

Columns: IRQ, IRQ_DESC/_DATA (struct irq_desc), IRQACTION (struct irqaction), NAME; of -s a count
for each CPU (CPU0 ...), the chip with the trigger, and names; of -a AFFINITY: the CPUs that it may
come to; of -b SOFTIRQ_VEC and ACTION; of -d the number of a vector and its entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from crashcmd import percpu_words, values
from crashcmd.command import Command, Given, Option, Text, text
from LinuxDump import cpus, irqs
from LinuxDump.irqs import Irq
from pykdump import lowlevel
from pykdump.errors import CrashError

_GATE = struct.Struct("<HHHHI4x")


def collect(given: Given) -> Any:
    if "-b" in given:
        return text(_softirqs())
    if "-d" in given:
        return text(_descriptors())
    found = irqs.irqs(counts="-s" in given)
    if given.words:
        wanted = {values.number(word): word for word in given.words}
        missing = [word for number, word in wanted.items() if number not in {i.irq for i in found}]
        if missing:
            raise given.error(f"there is no interrupt {' or '.join(missing)}")
        found = [irq for irq in found if irq.irq in wanted]
    return tuple(found)


def _descriptors() -> Iterator[str]:
    # struct gate_desc, arch/x86/include/asm/desc_defs.h: the address lies in three pieces.
    where = lowlevel.find_symbol("idt_table")
    if where is None:
        raise CrashError("irq: idt_table is not known")
    size = lowlevel.sizeof("struct gate_struct")
    raw = lowlevel.dump().read(where, 256 * size)
    for number in range(256):
        low, _, _, middle, high = _GATE.unpack_from(raw, number * size)
        addr = low | middle << 16 | high << 32
        place = f"[{number}]"
        yield f"{place:>5} {values.symbol(addr) or f'{addr:x}'}"


def _softirqs() -> Iterator[str]:
    yield "SOFTIRQ_VEC      ACTION     "
    for number, action in enumerate(irqs.softirqs()):
        if action:
            place = f"[{number}]"
            yield f"    {place:<5}   {action:x}  <{values.symbol(action)}>"


def render(record: Any, given: Given) -> Iterator[str]:
    if isinstance(record, Text):
        yield from record.lines
    elif "-s" in given:
        chosen = given.value("-c")
        yield from _counts(record, None if chosen is None else percpu_words.cpus(chosen))
    elif "-a" in given:
        yield from _affinities(record)
    else:
        yield " IRQ   IRQ_DESC/_DATA      IRQACTION      NAME"
        for irq in record:
            yield from _rows(irq)


def _rows(irq: Irq) -> Iterator[str]:
    if not irq.actions:
        yield f"{irq.irq:3}   {irq.addr:x}      (unused)      "
    for place, action in enumerate(irq.actions):
        start = f"{irq.irq:3}   {irq.addr:x}" if not place else " " * 22
        yield f'{start}  {action.addr:x}  "{action.name}"'


def _counts(record: tuple[Irq, ...], chosen: list[int] | None) -> Iterator[str]:
    every = list(cpus.present_cpus())
    places = [at for at, cpu in enumerate(every) if chosen is None or cpu in chosen]
    yield "     " + "".join(f"{f'CPU{every[at]}':>10} " for at in places)
    for irq in record:
        if irq.actions:
            numbers = "".join(f"{count:10} " for count in _at(irq.counts, places))
            chip = f"{irq.chip}-{irq.trigger}" if irq.trigger else irq.chip
            names = ",".join(action.name for action in irq.actions)
            yield f"{irq.irq:3}: {numbers} {chip:15}  {names}".rstrip()


def _at(counts: Sequence[int], places: Sequence[int]) -> list[int]:
    return [counts[at] for at in places if at < len(counts)]


def _affinities(record: tuple[Irq, ...]) -> Iterator[str]:
    yield "IRQ NAME                 AFFINITY"
    for irq in record:
        if irq.actions:
            mask = irqs.affinity(irq)
            shown = "(unknown)" if mask is None else ranges(mask)
            names = ",".join(action.name for action in irq.actions)
            yield f"{irq.irq:3} {names:20} {shown}"


def ranges(numbers: list[int]) -> str:
    """``0-3,8`` of numbers in ascending order."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


COMMANDS = (
    Command(
        "irq",
        "[WHAT ...]",
        collect,
        render,
        (
            Option("-b", "handlers of the softirqs", alone=True),
            Option("-a", "the CPUs that interrupts may come to"),
            Option("-s", "how many came to each CPU"),
            Option("-c", "of -s only these CPUs, as in 0,2-4", "CPUS"),
            Option("-u", "only those that have a descriptor, as in any case"),
            Option("-d", "the processor's table of interrupt descriptors", alone=True),
        ),
    ),
)
