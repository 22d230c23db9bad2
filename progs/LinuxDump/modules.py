# SPDX-License-Identifier: GPL-2.0-or-later
"""Loaded modules: where each lies, its symbols and unwind tables (include/linux/module.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pykdump import compat, lowlevel
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.logging import pylog
from pykdump.walks import walk_list

if TYPE_CHECKING:
    from LinuxDump import BTstack

_MODULE = Layout("struct module", "name", "state", "taints", "refcnt.counter", "kallsyms")
_ORC = Layout("struct module", "arch.num_orcs", "arch.orc_unwind_ip", "arch.orc_unwind")
# Up to v6.3 a module's core was one piece, text first.
_CORE, _INIT = (
    Layout("struct module", f"{part}.base", f"{part}.size", f"{part}.text_size")
    for part in ("core_layout", "init_layout")
)
_KALLSYMS = Layout("struct mod_kallsyms", "symtab", "num_symtab", "strtab", "typetab")

_SYMBOL_SIZE = 24  # Elf64_Sym
_MAX_SYMBOLS = 1 << 20
_MAX_STRINGS = 64 << 20
_MAX_MODULES = 10_000
_PAGE = 4096
_U64 = 0xFFFF_FFFF_FFFF_FFFF
_MAX_PIECE = 1 << 30
# enum mod_mem_type: what stays after a module's init, and what does not; code first.
_KEPT_KINDS = ("MOD_TEXT", "MOD_DATA", "MOD_RODATA", "MOD_RO_AFTER_INIT")
_INIT_KINDS = ("MOD_INIT_TEXT", "MOD_INIT_DATA", "MOD_INIT_RODATA")
_MODULE_REF_BASE = 1  # kernel/module/main.c


class Piece(NamedTuple):
    """A piece of memory of a module."""

    addr: int
    size_bytes: int

    @property
    def end_addr(self) -> int:
        return self.addr + self.size_bytes

    def holds(self, addr: int) -> bool:
        return self.addr <= addr < self.end_addr


class Module(NamedTuple):
    """A module as it was when the dump was taken."""

    addr: int  #: struct module *
    name: str
    state: str  #: "live", "coming", "going" or "unformed"
    text: Piece
    pieces: tuple[Piece, ...]  #: text and all else that it has, its init's while that is there
    refs: int
    taints: int
    init_text: Piece | None = None  #: the code of its init, until the kernel has freed it

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)

    def holds(self, addr: int) -> bool:
        """Whether an address lies in the module."""
        return any(piece.holds(addr) for piece in self.pieces)

    def runs(self, addr: int) -> bool:
        """Whether an address lies in the module's code."""
        return self.text.holds(addr) or (self.init_text is not None and self.init_text.holds(addr))

    def data(self) -> list[tuple[int, int]]:
        """Start and end of each piece of memory that is not code."""
        code = [self.text] if self.init_text is None else [self.text, self.init_text]
        starts = {text.addr: text.end_addr for text in code}  # code comes first in its piece
        data = [(starts.get(piece.addr, piece.addr), piece.end_addr) for piece in self.pieces]
        return [(start, end) for start, end in data if start < end]


_modules: tuple[lowlevel.Kernel, list[Module], list[str]] | None = None


def modules() -> list[Module]:
    """The modules that are loaded, newest first; read once a dump."""
    return _known()[1]


def tell_damage() -> bool:
    """Warn once more of what of the modules cannot be read; says whether there is such."""
    damage = _known()[2]
    for line in damage:
        pylog.warning(line)
    return bool(damage)


def _known() -> tuple[lowlevel.Kernel, list[Module], list[str]]:
    global _modules
    if _modules is None or _modules[0] is not lowlevel.kernel():
        damage: list[str] = []
        _modules = (lowlevel.kernel(), _read_modules(damage), damage)
        tell_damage()
    return _modules


def module_at(addr: int) -> Module | None:
    """The module in which an address lies."""
    return next((module for module in modules() if module.holds(addr)), None)


def taint_letters(taints: int) -> str:
    """What a module taints the kernel with, as in /proc/modules: "OE" is out of tree, unsigned.

    A bit that the kernel's table does not name, or cannot be read, is shown as "?".
    """
    table = lowlevel.find_symbol("taint_flags")
    bits = [bit for bit in range(taints.bit_length()) if taints >> bit & 1]
    if table is None or not bits or not compat.has("struct taint_flag.c_true"):
        return "?" * len(bits)
    stride = lowlevel.sizeof("struct taint_flag")
    rows = Layout("struct taint_flag", "c_true").read_many([table + bit * stride for bit in bits])
    letters = [0 if row is None else row.c_true & 0xFF for row in rows]
    return "".join(chr(letter) if 0x20 < letter < 0x7F else "?" for letter in letters)


def _read_modules(damage: list[str]) -> list[Module]:
    head = lowlevel.find_symbol("modules")
    if head is None:  # CONFIG_MODULES is off
        return []
    walk = walk_list(head, limit=_MAX_MODULES)
    if walk.end == "complete" and not walk.nodes:
        return []
    node_at = lowlevel.member("struct module", "list").offset
    if walk.end != "complete":
        damage.append(
            f"the list of modules is broken after {len(walk.nodes)} ({walk.end} at struct module "
            f"{(walk.stopped_at - node_at) & _U64:#x}, list.next): modules may be missing"
        )
    addrs = [(node - node_at) & _U64 for node in walk.nodes]
    found = []
    states = _state_names()
    for addr, row in zip(addrs, _MODULE.read_many(addrs)):
        pieces = None if row is None else _pieces(addr)
        if row is None or not row.name or not pieces or not _are_sane(pieces):
            damage.append(f"struct module {addr:#x} cannot be read or is damaged, module skipped")
            continue
        init = _init_pieces(addr) or []
        if not init or not _are_sane(init):
            init = [Piece(0, 0)]
        name = row.name.decode("utf-8", "backslashreplace")
        state = states.get(row.state, f"state {row.state}")
        refs = row.refcnt_counter - _MODULE_REF_BASE
        found.append(
            Module(
                addr,
                name,
                state,
                text=pieces[0],
                pieces=(*pieces[1:], *init[1:]),
                refs=refs,
                taints=row.taints,
                init_text=init[0] if init[0].size_bytes else None,
            )
        )
    return found


def _are_sane(pieces: list[Piece]) -> bool:
    # What a module that was freed, or never was one, hardly passes; a piece may be empty.
    used = [piece.addr for piece in pieces if piece.size_bytes]
    return bool(used) and all(addr >> 63 and not addr % _PAGE for addr in used)


def _state_names() -> dict[int, str]:
    values = lowlevel.enumerators("enum module_state")
    return {value: name.removeprefix("MODULE_STATE_").lower() for name, value in values.items()}


def _pieces(addr: int) -> list[Piece] | None:
    # The text, then all pieces, the text's own among them.
    # v6.4 ac3b43283923 ("module: replace module_layout with module_memory")
    if compat.has("struct module.mem"):
        return _memories(addr, _KEPT_KINDS)
    return _one_piece(_CORE, addr)


def _init_pieces(addr: int) -> list[Piece] | None:
    # The same of what the kernel frees after the module's init: sizes are 0 from then on.
    if compat.has("struct module.mem"):
        return _memories(addr, _INIT_KINDS)
    return _one_piece(_INIT, addr) if compat.has("struct module.init_layout") else None


def _one_piece(layout: Layout, addr: int) -> list[Piece] | None:
    row = layout.read(addr)
    if row is None:
        return None
    base, size, text_size = row
    return [Piece(base, text_size), Piece(base, size)] if text_size <= size <= _MAX_PIECE else None


def _memories(addr: int, names: Sequence[str]) -> list[Piece] | None:
    kinds = lowlevel.enumerators("enum mod_mem_type")
    stride = lowlevel.sizeof("struct module_memory")
    first = addr + lowlevel.member("struct module", "mem").offset
    wanted = [kinds[name] for name in names if name in kinds]
    rows = Layout("struct module_memory", "base", "size").read_many(
        [first + kind * stride for kind in (wanted[0], *wanted)]
    )
    if None in rows or any(row.size > _MAX_PIECE for row in rows):
        return None
    return [Piece(*rows[0]), *(Piece(*row) for row in rows[1:] if row.size)]


# --- symbols and unwind tables


def add_to_tables() -> list[Module]:
    """Add the modules' symbols and unwind tables to those of the kernel; returns the modules."""
    from LinuxDump import BTstack  # only who asks for symbols needs its tables

    tables = BTstack.tables()
    if not tables.modules_added:
        for module in modules():
            _add_symbols(module, tables)
            _add_orc(module, tables)
        tables.symbols.sort()
        tables.modules_added.append(True)
    return modules()


class NameTables(NamedTuple):
    """Where the kernel keeps the symbols of a module (struct mod_kallsyms)."""

    symtab: bytes  #: struct elf64_sym[]
    strings: bytes
    letters: bytes  #: of nm, for each symbol; none in kernels before v5.2


def name_tables(module: Module) -> NameTables | None:
    """These tables, 0 where they cannot be read, with a warning; None when nothing can."""
    kallsyms = _MODULE.read(module.addr).kallsyms
    row = _KALLSYMS.read(kallsyms) if kallsyms else None
    if row is None or row.num_symtab > _MAX_SYMBOLS:
        pylog.warning(f"module {module.name}: its symbols cannot be read")
        return None
    symtab, lost = _read_pages(row.symtab, row.num_symtab * _SYMBOL_SIZE)
    strings, lost_strings = _read_pages(row.strtab, _strings_size(module, row))
    if lost or lost_strings:
        pylog.warning(
            f"module {module.name}: {lost + lost_strings} pages of its symbols cannot be read: "
            "names are missing"
        )
    letters = _read_pages(row.typetab, row.num_symtab)[0] if row.typetab else b""
    return NameTables(symtab, strings, letters)


def _add_symbols(module: Module, tables: BTstack.Tables) -> None:
    names = name_tables(module)
    if names is not None:
        tables.symbols.add_module(module.name, names.symtab, names.strings, own_memory(module))


def own_memory(module: Module) -> list[tuple[int, int]]:
    """Start and end of each piece of memory of a module."""
    return [(piece.addr, piece.end_addr) for piece in module.pieces]


def _read_pages(addr: int, size: int) -> tuple[bytes, int]:
    # What can be read, and how many pages cannot: these are 0, and so is a text that leads there.
    dump = lowlevel.dump()
    try:
        return dump.read(addr, size), 0
    except PykdumpError:
        found, lost = bytearray(), 0
    while len(found) < size:
        at = (addr + len(found)) & _U64
        count = min(_PAGE - at % _PAGE, size - len(found))
        try:
            found += dump.read(at, count)
        except PykdumpError:
            lost += 1
            text = found.rfind(b"\0") + 1
            found[text:] = bytes(len(found) - text)
            found += bytes(count)
    return bytes(found), lost


def _strings_size(module: Module, row: Any) -> int:
    # The table of types follows that of strings; before it was there, the end of the module does.
    if 0 < row.typetab - row.strtab <= _MAX_STRINGS:
        return int(row.typetab - row.strtab)
    ends = [piece.end_addr for piece in module.pieces if piece.holds(row.strtab)]
    return min(ends[0] - int(row.strtab), _MAX_STRINGS) if ends else 0


def _add_orc(module: Module, tables: BTstack.Tables) -> None:
    if not compat.has("struct module.arch.num_orcs"):
        return
    row = _ORC.read(module.addr)
    if row is None or not row.arch_num_orcs:
        return
    problem = ""
    for name, text in texts(module):
        problem = tables.unwinder.add(
            lowlevel.dump(),
            name,
            row.arch_orc_unwind_ip,
            row.arch_orc_unwind,
            row.arch_num_orcs,
            text.addr,
            text.end_addr,
        )
    if problem:
        pylog.warning(problem)


def texts(module: Module) -> list[tuple[str, Piece]]:
    """The code of a module, and that of its init, by the names that their unwind tables have."""
    init = [] if module.init_text is None else [(f"{module.name}.init", module.init_text)]
    return [(module.name, module.text), *init]
