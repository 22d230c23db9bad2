# SPDX-License-Identifier: GPL-2.0-or-later
"""Per-CPU variables (include/asm-generic/percpu.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pykdump import bulk, lowlevel
from pykdump.errors import PykdumpError, ReadError, SymbolMissingError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.star import with_api

_U64 = 0xFFFF_FFFF_FFFF_FFFF

#: Symbols to look up together: a pass over vmlinux costs more than a look into its result.
SYMBOLS = ("__per_cpu_offset", "__per_cpu_start", "__per_cpu_end", "nr_cpu_ids")

#: What `counter_sums` reads of a counter.
COUNTER = Layout("struct percpu_counter", "count", "counters")

_offsets: tuple[lowlevel.Kernel, list[int]] | None = None


def nr_cpu_ids() -> int:
    """CPU numbers of this machine are below this."""
    addr = lowlevel.find_symbol("nr_cpu_ids")
    if addr is None:  # CONFIG_FORCE_NR_CPUS makes it a macro, UP kernels have one CPU
        table = lowlevel.find_symbol("__per_cpu_offset")
        return 1 if table is None else _length_of_offset_table()
    count = lowlevel.read_uint(addr, 4)
    if not 0 < count <= 1 << 16:
        raise PykdumpError(
            f"nr_cpu_ids is {count} at {addr:#x}: the dump is damaged, or vmlinux another one's"
        )
    return count


class _Offsets(Sequence[int]):
    # A list that is read when somebody looks, not when a script imports the name.
    def __call__(self) -> list[int]:
        global _offsets
        if _offsets is None or _offsets[0] is not lowlevel.kernel():
            _offsets = (lowlevel.kernel(), _read_offsets())
        return _offsets[1]

    def __getitem__(self, index: Any) -> Any:
        return self()[index]

    def __len__(self) -> int:
        return len(self())

    def __repr__(self) -> str:
        return repr(self())


#: What to add to a per-CPU symbol for each CPU; cut, with a warning, where it is unreadable.
#: Scripts use it as a list; calling it gives that list.
per_cpu_offsets = _Offsets()


def _read_offsets() -> list[int]:
    table = lowlevel.find_symbol("__per_cpu_offset")
    if table is None:
        return [0]  # a UP kernel: per-CPU variables are plain ones
    try:
        raw = lowlevel.dump().read(table, 8 * nr_cpu_ids())
    except ReadError as error:
        pylog.warning(f"per-CPU variables cannot be found: {error}")
        return []
    return [int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)]


def _length_of_offset_table() -> int:
    return lowlevel.variable_size("__per_cpu_offset") // 8


def is_percpu_symbol(symbol: str | int) -> bool:
    """Whether vmlinux has this variable once for each CPU.

    :param symbol: its name, or what `sym2addr` says of it.
    """
    start, end = lowlevel.find_symbol("__per_cpu_start"), lowlevel.find_symbol("__per_cpu_end")
    addr = lowlevel.find_symbol(symbol) if isinstance(symbol, str) else int(symbol)
    if start is None or end is None or addr is None:
        return False
    return start <= addr < end


#: Variables that from v6.2 e57ef2ed97c1 ("x86: Put hot per CPU variables into a struct") to v6.14
#: are members of pcpu_hot.
_HOT = {
    "current_task": "current_task",
    "__preempt_count": "preempt_count",
    "cpu_number": "cpu_number",
    "cpu_current_top_of_stack": "top_of_stack",
    "hardirq_stack_ptr": "hardirq_stack_ptr",
}


def _linked(name: str) -> int | None:
    found = lowlevel.link_address(name)
    if found is not None or name not in _HOT:
        return found
    hot, member = lowlevel.link_address("pcpu_hot"), None
    if hot is not None:
        member = lowlevel.find_member("struct pcpu_hot", _HOT[name])
    return None if hot is None or member is None else hot + member.offset


def _is_per_cpu(linked: int) -> bool:
    start, end = lowlevel.link_address("__per_cpu_start"), lowlevel.link_address("__per_cpu_end")
    return start is None or end is None or start <= linked < end  # neither in UP kernels


def find_per_cpu(name: str, cpu: int) -> int | None:
    """Address of a CPU's copy of a per-CPU variable; None when there is no such variable or CPU."""
    linked, offsets = _linked(name), per_cpu_offsets()
    if linked is None or not _is_per_cpu(linked) or not 0 <= cpu < len(offsets):
        return None
    # x86 before v6.15 9d7de2aa8b41 ("x86/percpu/64: Use relative percpu offsets") links per-CPU
    # variables at 0: they are no addresses, and KASLR does not move them.
    kernel = lowlevel.kernel()
    moved = 0 if kernel.elf.percpu_is_zero_based else kernel.offset
    return (linked + moved + offsets[cpu]) & _U64


def per_cpu(name: str, cpu: int) -> int:
    """Address of a CPU's copy of a per-CPU variable; raises SymbolMissingError.

    That of a module is known once the module's debug info is loaded.
    """
    addr = find_per_cpu(name, cpu)
    if addr is None:
        from LinuxDump import module_sections  # it needs this module

        addr = module_sections.per_cpu(name, cpu)
    if addr is None:
        raise SymbolMissingError(
            f"per-CPU variable {name} of CPU {cpu} cannot be found: vmlinux and the modules whose "
            "debug info is loaded have no such variable, or the dump no such CPU "
            f"(it has {len(per_cpu_offsets())})"
        )
    return addr


def per_cpu_ptr(pointer: int, cpu: int) -> int:
    """A CPU's copy of what a ``__percpu`` pointer in memory stands for; raises IndexError."""
    offsets = per_cpu_offsets()
    if not 0 <= cpu < len(offsets):
        raise IndexError(f"there is no CPU {cpu}: the dump has CPUs 0 to {len(offsets) - 1}")
    return (int(pointer) + offsets[cpu]) & _U64


def per_cpu_array(name: str) -> list[int]:
    """Addresses of all CPUs' copies of a per-CPU variable, by CPU; raises SymbolMissingError."""
    if not per_cpu_offsets() and _linked(name) is None:
        raise SymbolMissingError(f"there is no per-CPU variable {name} in vmlinux")
    return [per_cpu(name, cpu) for cpu in range(len(per_cpu_offsets()))]


def sums(pointers: Sequence[int], size: int, *, is_signed: bool = False) -> list[int]:
    """Sums over all CPUs that could ever be there of per-CPU integers.

    A CPU whose copy cannot be read is left out, with a warning.

    :param pointers: ``__percpu`` pointers, of which NULL gives 0.
    :param size: of the integer in bytes.
    """
    offsets = per_cpu_offsets()
    found = bulk.sum_per_cpu(pointers, offsets, size=size, is_signed=is_signed)
    lost = [ptr for ptr, (_, read) in zip(pointers, found) if ptr and read < len(offsets)]
    if lost:
        cpu, addr = unreadable(lost[:1], size)[0]
        pylog.warning(
            f"{len(lost)} per-CPU counters cannot be read on all CPUs, the first CPU {cpu}'s at "
            f"{addr:#x}: their sums are too small"
        )
    return [total for total, _ in found]


def unreadable(pointers: Sequence[int], size: int) -> list[tuple[int, int]]:
    """CPU and address of the copies of per-CPU integers that cannot be read.

    :param pointers: ``__percpu`` pointers.
    :param size: of the integer in bytes.
    """
    found = []
    for pointer in pointers:
        for cpu, offset in enumerate(per_cpu_offsets()):
            try:
                lowlevel.read_uint((pointer + offset) & _U64, size)
            except ReadError:
                found.append((cpu, (pointer + offset) & _U64))
    return found


def counter_sums(counters: Sequence[int]) -> list[int | None]:
    """Values of ``struct percpu_counter`` with what the CPUs still hold (percpu_counter_sum).

    None for one that cannot be read.

    :param counters: ``struct percpu_counter *``.
    """
    rows = COUNTER.read_many(counters)
    parts = sums([0 if row is None else row.counters for row in rows], 4, is_signed=True)
    return [None if row is None else row.count + part for row, part in zip(rows, parts)]


# --- classic names

_api = with_api(globals())


def __getattr__(name: str) -> Any:
    if name == "CPUS":
        return len(per_cpu_offsets())
    if name == "__all__" and lowlevel.is_open():  # a star import asks for the value of each name
        return [*_api(name), "CPUS"]
    return _api(name)


def get_cpu_var(variable: str | int) -> list[int]:
    """Addresses of a per-CPU variable, one a CPU.

    :param variable: its name, or what its symbol holds.
    """
    if isinstance(variable, str):
        return per_cpu_array(variable)
    return [per_cpu_ptr(variable, cpu) for cpu in range(len(per_cpu_offsets()))]


def get_cpu_var_type(variable: str) -> str:
    """Name of a per-CPU variable's type."""
    if lowlevel.link_address(variable) is None and _linked(variable) is not None:
        return str(_api("getStructInfo")("struct pcpu_hot")[_HOT[variable]].basetype)
    return str(_api("whatis")(variable).ctype)


def percpu_ptr(pointer: Any, cpu: int) -> Any:
    """A CPU's copy of what a ``__percpu`` pointer stands for, as the same kind of object."""
    addr = per_cpu_ptr(int(pointer), cpu)
    if hasattr(type(pointer), "PYT_symbol"):
        return _api("readSU")(pointer.PYT_symbol, addr)
    if hasattr(type(pointer), "ptrlev"):
        return type(pointer)(addr, pointer.ti)
    return addr


def percpu_counter_sum(counter: int) -> int:
    """Value of a ``struct percpu_counter``; raises ReadError when it cannot be read."""
    (found,) = counter_sums([int(counter)])
    if found is None:
        raise ReadError(f"cannot read struct percpu_counter at {int(counter):#x}")
    return found
