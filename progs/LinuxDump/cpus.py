# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs: which there are, what each was doing, and which registers belong to which."""

from __future__ import annotations

from collections.abc import Sequence

from LinuxDump import percpu
from pykdump import lowlevel
from pykdump.errors import PykdumpError, ReadError
from pykdump.layout import Layout
from pykdump.logging import pylog

#: Symbols that this module reads, for one look-up of them all.
SYMBOLS = (
    *percpu.SYMBOLS,
    "__cpu_possible_mask",
    "__cpu_present_mask",
    "__cpu_online_mask",
    "runqueues",
    "crash_notes",
    "panic_cpu",
    "crashing_cpu",
)

_RQ = Layout("struct rq", "curr", "idle", "clock")

# An ELF note: three 32-bit words, the name "CORE" padded to 8 bytes, then the registers.
_NOTE_HEADER = 20
_NT_PRSTATUS = 1


def possible_cpus() -> list[int]:
    """CPUs that could ever be there; all of nr_cpu_ids when the mask is not in the dump."""
    found = _mask("__cpu_possible_mask")
    return list(range(percpu.nr_cpu_ids())) if found is None else found


def present_cpus() -> list[int]:
    """CPUs that the machine had."""
    found = _mask("__cpu_present_mask")
    return possible_cpus() if found is None else found


def online_cpus() -> list[int]:
    """CPUs that ran when the dump was taken; panic() takes the others offline."""
    found = _mask("__cpu_online_mask")
    return possible_cpus() if found is None else found


def _mask(name: str) -> list[int] | None:
    addr = lowlevel.find_symbol(name)
    count = percpu.nr_cpu_ids()
    if addr is None:
        return None
    try:
        bits = lowlevel.read_uint(addr, (count + 63) // 64 * 8)
    except ReadError as error:
        pylog.warning(f"CPUs are taken from nr_cpu_ids: {error}")
        return None
    return [cpu for cpu in range(count) if bits >> cpu & 1]


class RunQueue:
    """What a CPU's ``struct rq`` says."""

    def __init__(self, cpu: int, addr: int, curr: int, idle: int, clock_ns: int) -> None:
        self.cpu = cpu
        self.addr = addr  #: struct rq *
        self.curr = curr  #: struct task_struct * that runs
        self.idle = idle  #: struct task_struct * of the idle task
        self.clock_ns = clock_ns  #: the scheduler's clock


def run_queues() -> list[RunQueue]:
    """The run queue of each possible CPU; an unreadable one is skipped with a warning."""
    cpus = [cpu for cpu in possible_cpus() if cpu < len(percpu.per_cpu_offsets())]
    addrs = [percpu.per_cpu("runqueues", cpu) for cpu in cpus]
    found = []
    for cpu, addr, row in zip(cpus, addrs, _RQ.read_many(addrs)):
        if row is None:
            pylog.warning(f"CPU {cpu}: its struct rq at {addr:#x} is not in the dump, CPU skipped")
        elif row.idle:  # a CPU that was never brought up has a zeroed run queue
            found.append(RunQueue(cpu, addr, row.curr, row.idle, row.clock))
    return found


def registers_by_cpu() -> dict[int, bytes]:
    """The NT_PRSTATUS note of each CPU that has one.

    QEMU writes one for each CPU, in order. kdump writes those of the CPUs that answered, so each is
    looked for in the ``crash_notes`` of a CPU; notes found nowhere are taken for the online CPUs'
    in order, if there are as many.
    """
    dump = lowlevel.dump()
    notes = list(dump.cpu_notes())
    if dump.has_qemu_notes():
        return dict(enumerate(notes))
    by_memory = _match_with_memory(notes)
    if by_memory or not notes:
        return by_memory
    online = online_cpus()
    if len(online) != len(notes):
        pylog.warning(
            f"the dump has registers of {len(notes)} CPUs, {len(online)} were online, and memory "
            "does not say whose they are: not used"
        )
        return {}
    return dict(zip(online, notes))


def _match_with_memory(notes: Sequence[bytes]) -> dict[int, bytes]:
    where = lowlevel.find_symbol("crash_notes")
    if where is None or not notes:
        return {}
    left, found = list(notes), {}
    try:
        pointer = lowlevel.read_pointer(where)
    except ReadError:
        return {}
    for cpu in possible_cpus():
        if not pointer or cpu >= len(percpu.per_cpu_offsets()):
            break
        note = _note_at(percpu.per_cpu_ptr(pointer, cpu))
        if note in left:
            left.remove(note)
            found[cpu] = note
    return found


def _note_at(addr: int) -> bytes:
    try:
        header = lowlevel.dump().read(addr, _NOTE_HEADER)
        name_size, size, kind = (int.from_bytes(header[at : at + 4], "little") for at in (0, 4, 8))
        if kind != _NT_PRSTATUS or name_size != 5 or size > 4096:
            return b""
        return bytes(lowlevel.dump().read(addr + _NOTE_HEADER, size))
    except ReadError:
        return b""


def panic_cpu() -> int | None:
    """The CPU that panicked; None when none did, or the dump does not say."""
    for name in ("panic_cpu", "crashing_cpu"):
        addr = lowlevel.find_symbol(name)
        if addr is None:
            continue
        try:
            cpu = lowlevel.read_int(addr, 4)
            if 0 <= cpu < percpu.nr_cpu_ids():
                return cpu
        except PykdumpError as error:
            pylog.warning(f"{name}: {error}")
    return None
