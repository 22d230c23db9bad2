# SPDX-License-Identifier: GPL-2.0-or-later
"""Types and symbols of the open kernel: the only user of GDB's types.

Types come from GDB, once each; addresses of symbols from vmlinux itself, so that nothing makes GDB
read the debug info of a unit that nobody asked about. Importable without GDB, for tests.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pykdump import kept, members
from pykdump.errors import NoDumpError, SymbolMissingError, TypeMissingError
from pykdump.members import Member, is_member, is_number, note_origin, of_answer, type_name

try:
    import gdb

    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported, reading needs GDB
    pass

if TYPE_CHECKING:
    from pykdump._accel import Dump, ElfInfo


@dataclass(frozen=True)
class Kernel:
    """The dump that is open and the vmlinux that describes it."""

    dump: Dump
    elf: ElfInfo
    vmlinux: str

    #: How far KASLR moved the kernel: run-time address minus link address.
    offset: int


_kernel: Kernel | None = None
_types: dict[str, gdb.Type] = {}
_sizes: dict[str, int | None] = {}
_members: dict[tuple[str, str], Member | None] = {}
_enumerators: dict[str, dict[str, int]] = {}
_symbols: dict[str, int | None] = {}

#: Changes whenever types are forgotten: offsets computed before are then stale. What was read from
#: the dump stays true as long as `kernel()` is the same object.
generation = 0

_watchers: list[Callable[[], None]] = []


def attach(kernel: Kernel) -> None:
    """Make this the kernel that all the rest of the package reads."""
    global _kernel
    _symbols.clear()
    _kernel = kernel
    _accel.use_memory(kernel.dump)
    forget()


def detach() -> None:
    """No kernel is open any more."""
    global _kernel
    kept.close()
    _kernel = None
    _accel.use_memory(None)
    forget()


def forget() -> None:
    """Drop all that was learnt from debug info: some was loaded or went."""
    global generation
    generation += 1
    kept.changed()
    _types.clear()
    _sizes.clear()
    _members.clear()
    members.forget()
    _enumerators.clear()
    for watcher in _watchers:
        watcher()
    forget_members()


def forget_members() -> None:
    """Drop what the classes of structs know of their members."""
    _accel.forget_members()


def on_forget(watcher: Callable[[], None]) -> None:
    """Call this whenever types are forgotten, to drop what was computed from them."""
    _watchers.append(watcher)


def is_open() -> bool:
    """Whether a dump is open."""
    return _kernel is not None


def kernel() -> Kernel:
    """The open kernel; raises NoDumpError when there is none."""
    if _kernel is None:
        raise NoDumpError("no dump is open; open one with: pykdump open VMCORE")
    return _kernel


def dump() -> Dump:
    """The open dump; raises NoDumpError when there is none."""
    return kernel().dump


# --- types


def find_type(name: str) -> gdb.Type:
    """GDB's type of a C name (``struct x``, ``union x``, ``enum x``, ``u64``); a struct is whole.

    GDB reads the debug info of a unit for that. What other functions here say may be kept from
    another session. Raises TypeMissingError.
    """
    found = _find_type(name)
    if found is None:
        raise _missing(name)
    return found


def _find_type(name: str) -> gdb.Type | None:
    if name not in _types:
        try:
            _types[name] = gdb.lookup_type(name).strip_typedefs()
        except gdb.error as error:
            if says_missing(error):
                return None
            raise TypeMissingError(f"{name} is unknown: GDB says: {error}") from None
    note_origin(_types[name])
    return _types[name]


def says_missing(error: Exception) -> bool:
    """Whether it is the debug info that lacks a type; else GDB could not read it."""
    return str(error).startswith("No ")


def _missing(name: str) -> TypeMissingError:
    return TypeMissingError(
        f"{name} is unknown: the loaded debug info has no such type; "
        "if a module defines it, load the module's debug info"
    )


def has_type(name: str) -> bool:
    """Whether the debug info has a type of this name."""
    return _find_size(name) is not None


def sizeof(name: str) -> int:
    """Size of a type in bytes; raises TypeMissingError."""
    found = _find_size(name)
    if found is None:
        raise _missing(name)
    return found


def _find_size(name: str) -> int | None:
    if name not in _sizes:

        def ask() -> int | None:
            found = _find_type(name)
            return None if found is None else int(found.sizeof)

        _sizes[name] = kept.answer(f"size {name}", ask, is_number)
    return _sizes[name]


def alignof(name: str) -> int:
    """Alignment of a type in bytes; raises TypeMissingError."""
    return int(kept.answer(f"alignment {name}", lambda: int(find_type(name).alignof), is_number))


def member(struct: str, path: str) -> Member:
    """Where ``path`` lies in ``struct``: ``comm``, ``se.exec_start``, ``mm.pgd``.

    A step that is a pointer is followed. Members of anonymous structs and unions are found by their
    own names. Raises TypeMissingError.
    """
    found = find_member(struct, path)
    if found is None:
        raise TypeMissingError(f"{struct} has no member {path}: this kernel is laid out otherwise")
    return found


def find_member(struct: str, path: str) -> Member | None:
    """The same, None when the struct or the member is not there."""
    key = (struct, path)
    if key not in _members:

        def ask() -> Any:
            start = _find_type(struct)
            return None if start is None else members.find(start, path, _find_type)

        try:
            _members[key] = of_answer(kept.answer(f"member {struct}.{path}", ask, is_member))
        except TypeMissingError:  # GDB could not read it
            _members[key] = None
    return _members[key]


def member_of_variable(variable: str, path: str) -> Member:
    """Where ``path`` lies in a variable whose type has no name; raises TypeMissingError."""

    def ask() -> Any:
        return members.find(variable_type(variable).strip_typedefs(), path, _find_type)

    found = of_answer(kept.answer(f"member of {variable}.{path}", ask, is_member))
    if found is None:
        raise TypeMissingError(
            f"{variable} has no member {path}: this kernel is laid out otherwise"
        )
    return found


def enumerators(name: str) -> dict[str, int]:
    """Values of an enum by name; raises TypeMissingError."""
    if name not in _enumerators:

        def ask() -> dict[str, int] | None:
            enum = _find_type(name)
            return None if enum is None else enumerators_of(enum)

        found = kept.answer(f"enum {name}", ask, are_enumerators)
        if found is None:
            raise _missing(name)
        _enumerators[name] = found
    return _enumerators[name]


def enumerators_of(enum: gdb.Type) -> dict[str, int]:
    """The same of GDB's type."""
    return {str(field.name): int(field.enumval) for field in enum.fields()}


def are_enumerators(kept_answer: Any) -> bool:
    """Whether this can be what `enumerators` gives."""
    return isinstance(kept_answer, dict) and all(type(n) is int for n in kept_answer.values())


# --- symbols


def prefetch_symbols(names: Sequence[str]) -> None:
    """Look these symbols up in one pass over vmlinux."""
    unknown = [name for name in names if name not in _symbols]
    if unknown:
        found = kernel().elf.symbols(unknown)
        _symbols.update((name, found.get(name)) for name in unknown)


def link_address(name: str) -> int | None:
    """Value of a symbol of vmlinux as linked, before KASLR; None when it is not there."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a symbol is text, not {name!r}")
    if name not in _symbols:
        prefetch_symbols([name])
    return _symbols[name]


def per_cpu_symbol(linked: int) -> str:
    """``NAME`` or ``NAME+0x10`` of a place in vmlinux as linked; "" outside its per-CPU section."""
    # vmlinux may link absolute symbols at the same places; GDB knows the section of each.
    addr = (linked + kernel().offset) & 0xFFFF_FFFF_FFFF_FFFF
    said = gdb.execute(f"info symbol {addr:#x}", to_string=True) or ""
    found = re.match(r"(\S+)(?: \+ (\d+))? in section \.data\.\.percpu", said)
    return f"{found[1]}+{int(found[2]):#x}" if found and found[2] else found[1] if found else ""


def find_symbol(name: str) -> int | None:
    """Address of a kernel symbol in the dump; of a per-CPU one what to add to the start of a CPU's
    area. None when there is none."""
    linked = link_address(name)
    # What is linked below the kernel's half is no address, and KASLR does not move it: per-CPU
    # variables of x86 before v6.15 are counted from 0.
    if linked is None or linked < 1 << 63:
        return linked
    return (linked + kernel().offset) & 0xFFFF_FFFF_FFFF_FFFF


def symbol_address(name: str) -> int:
    """Address of a kernel symbol in the dump; raises SymbolMissingError.

    For per-CPU variables use LinuxDump.percpu: what vmlinux holds is no address.
    """
    found = find_symbol(name)
    if found is None:
        raise SymbolMissingError(f"{name} is unknown: {kernel().vmlinux} has no such symbol")
    return found


def code_constant(name: str, size: int) -> int:
    """A variable that the kernel wrote into its code as it booted (runtime_const_ptr() of 6.11).

    The list of places is freed with the kernel's init memory; vmlinux still has it.
    """
    start = link_address(f"__start_runtime_ptr_{name}")
    end = link_address(f"__stop_runtime_ptr_{name}")
    if start is None or end is None:
        raise SymbolMissingError(f"{name} is unknown: {kernel().vmlinux} has no such constant")
    init = link_address("__init_begin") or 0, link_address("__init_end") or 0
    for entry in range(start, end, 4):
        to_place = int.from_bytes(kernel().elf.read(entry, 4), "little", signed=True)
        # Of these, those in init code are freed too.
        if not init[0] <= entry + to_place < init[1]:
            return read_uint((entry + to_place + kernel().offset) & 0xFFFF_FFFF_FFFF_FFFF, size)
    raise SymbolMissingError(f"{name} is used by init code only, which is freed")


# --- reads


def read_uint(addr: int, size: int) -> int:
    """Unsigned integer of ``size`` bytes at a kernel address; raises ReadError."""
    return int.from_bytes(dump().read(addr, size), "little")


def read_int(addr: int, size: int) -> int:
    """Signed integer of ``size`` bytes at a kernel address; raises ReadError."""
    return int.from_bytes(dump().read(addr, size), "little", signed=True)


def read_pointer(addr: int) -> int:
    """Pointer at a kernel address; raises ReadError."""
    return read_uint(addr, 8)


def read_string(addr: int, limit: int = 256) -> bytes:
    """Text up to its NUL, or ``limit`` bytes of it; raises ReadError."""
    text = b""
    while len(text) < limit and b"\0" not in text:
        size = min(64, 4096 - (addr + len(text)) % 4096)
        text += dump().read(addr + len(text), size)
    return text.partition(b"\0")[0][:limit]


def why_unreadable(addr: int) -> str:
    """Why a kernel address cannot be read, "readable" when it can."""
    return dump().why_unreadable(addr)


# --- for expressions that the user types


def typed_pointer(type_name: str, addr: int) -> gdb.Value:
    """GDB's value of a pointer to an object of this type."""
    return gdb.Value(addr).cast(find_type(type_name).pointer())


def variable_type(name: str) -> gdb.Type:
    """Type of a variable; raises SymbolMissingError when the debug info does not have it."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None or found.type is None:
        raise SymbolMissingError(f"{name} is unknown: the debug info has no such variable")
    note_origin(found.type)
    return found.type


def variable_size(name: str) -> int:
    """Size of a variable in bytes; raises SymbolMissingError."""
    return int(kept.answer(f"size of {name}", lambda: int(variable_type(name).sizeof), is_number))


def variable_type_name(name: str) -> str:
    """Type of a variable without typedefs: ``struct mutex``; "" for a struct without a name.

    Raises SymbolMissingError.
    """

    def ask() -> str:
        return type_name(variable_type(name).strip_typedefs())

    return str(kept.answer(f"type of {name}", ask, lambda found: isinstance(found, str)))


def variable_address(name: str) -> int | None:
    """Address that GDB gives a variable, of modules too; None when it does not know the name."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None or found.addr_class != gdb.SYMBOL_LOC_STATIC:
        return None
    address = found.value().address
    return None if address is None else int(address) & 0xFFFF_FFFF_FFFF_FFFF


def scope_of(function: str) -> tuple[gdb.Block, int]:
    """The block of all that the file of a function declares, and the function's address; raises
    SymbolMissingError."""
    found = gdb.lookup_global_symbol(function) or gdb.lookup_static_symbol(function)
    if found is None or found.symtab is None or found.addr_class != gdb.SYMBOL_LOC_BLOCK:
        raise SymbolMissingError(f"{function} is unknown: the debug info has no such function")
    place = found.value().address
    return found.symtab.static_block(), 0 if place is None else int(place) & 0xFFFF_FFFF_FFFF_FFFF


# --- classic names

#: Where scripts import from this module what has another home here.
_HOMES = {
    **dict.fromkeys(("SmartString", "tEnum", "tPtr"), "pykdump.values"),
    **dict.fromkeys(("Addr", "Deref", "readSU", "readSymbol"), "pykdump.access"),
    **dict.fromkeys(("structSetAttr", "structSetProcAttr", "AttrSetter"), "pykdump.pseudo"),
    "StructResult": "pykdump.structs",
    **dict.fromkeys(("nc_member_offset", "sdef2ArtSU"), "pykdump.highlevel"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
