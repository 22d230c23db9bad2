# SPDX-License-Identifier: GPL-2.0-or-later
"""More about modules: versions, memory around them, what was unloaded, symbols by section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import vmalloc
from LinuxDump.module_sections import sections
from LinuxDump.modules import Module, modules
from pykdump import compat, lowlevel, models
from pykdump.errors import PykdumpError
from pykdump.layout import Layout
from pykdump.walks import walk_list

_MODULE = Layout("struct module", "init", "exit")
_NAME_MAX = 56  # MODULE_NAME_LEN
_PAGE = 4096
_MAX_GAP = 16 << 20  # a larger one is no gap between modules
_HEAD = 64  # bytes of memory that are told about
#: Sections of --details: title, and the names that belong there.
SECTIONS = {
    ".text": (".text", ".text.unlikely", ".init.text", ".exit.text", ".noinstr.text"),
    ".bss": (".bss",),
    ".data": (".data", ".data..read_mostly", ".data..ro_after_init", ".ref.data"),
    ".readonly_data": (".rodata", ".rodata.str", "__ksymtab_strings", ".rodata.cst16"),
}


@dataclass(frozen=True)
class Placed:
    """A module, and the memory around it."""

    module: Module
    start_addr: int
    end_addr: int
    alloc_bytes: int  #: of the vmalloc areas that hold it
    gap_bytes: int | None  #: to the module before; None for the first


@dataclass(frozen=True)
class Unloaded:
    """A module that is not loaded any more."""

    name: str
    taints: int
    count: int  #: how often it was unloaded


@dataclass(frozen=True)
class Leftover:
    """Memory in a gap between modules that is still in the dump."""

    addr: int
    size_bytes: int
    text: str  #: words that can be read there


@dataclass(frozen=True)
class Symbol:
    """A symbol of a module."""

    addr: int
    name: str


@dataclass(frozen=True)
class ModuleDetails:
    """All about a module."""

    module: Module
    version: str
    source_version: str
    init: str
    exit: str
    symbols: dict[str, tuple[Symbol, ...]]  #: by title of the section


def placed() -> list[Placed]:
    """The modules by address, with the gaps between them."""
    found: list[Placed] = []
    by_addr = sorted(modules(), key=lambda module: module.text.addr)
    for module in by_addr:
        start = min(piece.addr for piece in module.pieces)
        end = max(piece.end_addr for piece in module.pieces)
        # From 6.4 on the pieces of a module may lie apart: its text then stands for it.
        if any(start <= other.text.addr < end for other in by_addr if other is not module):
            start, end = module.text.addr, module.text.end_addr
        gap = start - _up(found[-1].end_addr) if found else None
        found.append(Placed(module, start, end, _allocated(module), gap))
    return found


def _up(addr: int) -> int:
    return (addr + _PAGE - 1) // _PAGE * _PAGE


def _allocated(module: Module) -> int:
    areas = {vmalloc.area_at(piece.addr) for piece in module.pieces}
    return sum(area.end_addr - area.addr for area in areas if area is not None)


def last_unloaded() -> str:
    """The module that was unloaded last, with its taints; "" when none was."""
    addr = lowlevel.find_symbol("last_unloaded_module")
    if addr is None:
        return ""
    try:
        raw = lowlevel.dump().read(addr, 2 * _NAME_MAX)
    except PykdumpError:
        return ""
    # v6.1 6f1dae1d84b6 ("module: Show the last unloaded module's taint flag(s)")
    name = raw.partition(b"\0")[0]
    return name.decode("utf-8", "backslashreplace")


def unloaded() -> list[Unloaded]:
    """The modules that tainted the kernel and are gone, where the kernel keeps them."""
    # v6.1 99bd9956551b ("module: Introduce module unload taint tracking")
    head = lowlevel.find_symbol("unloaded_tainted_modules")
    if head is None or not compat.has("struct mod_unload_taint"):
        return []
    at = lowlevel.member("struct mod_unload_taint", "list").offset
    layout = Layout("struct mod_unload_taint", "name", "taints", "count")
    rows = layout.read_many([node - at for node in walk_list(head).nodes])
    return [
        Unloaded(row.name.decode("utf-8", "backslashreplace"), row.taints, row.count)
        for row in rows
        if row is not None
    ]


def leftovers() -> Iterator[Leftover]:
    """What is still there in the gaps between modules, page by page."""
    for each in placed():
        if each.gap_bytes is None or not 0 < each.gap_bytes <= _MAX_GAP:
            continue
        for addr in range(each.start_addr - each.gap_bytes, each.start_addr, _PAGE):
            if any(module.holds(addr) for module in modules()):
                continue
            try:
                raw = lowlevel.dump().read(addr, _PAGE)
            except PykdumpError:
                continue
            if any(raw):
                yield Leftover(addr, _PAGE, " ".join(_words(raw))[:_HEAD])


def _words(raw: bytes) -> Iterator[str]:
    for part in raw.split(b"\0"):
        if len(part) >= 6 and part.isascii() and part.decode().isprintable():
            yield part.decode()


def details(module: Module) -> ModuleDetails:
    """All about a module; symbols are those that the dump's kallsyms have."""
    row = _MODULE.read(module.addr)
    table = models.get().symbols()
    names = [Symbol(addr, name) for name, addr in table.of_module(module.name)]
    places = _section_places(module)

    def function(addr: int) -> str:
        if not addr or not module.runs(addr):
            return f"{addr:#x}, freed" if addr else "none"
        found = table.at(addr)
        return found[0] if found and found[2] == module.name else f"{addr:#x}"

    return ModuleDetails(
        module=module,
        version=_text(module, "version"),
        source_version=_text(module, "srcversion"),
        init="?" if row is None else function(row.init),
        exit="?" if row is None else function(row.exit),
        symbols={
            title: tuple(sym for sym in names if _section_of(sym.addr, places) in members)
            for title, members in SECTIONS.items()
        },
    )


def _text(module: Module, member: str) -> str:
    if not compat.has(f"struct module.{member}"):
        return ""
    row = Layout("struct module", member).read(module.addr)
    try:
        return lowlevel.read_string(row[0]).decode("utf-8", "replace") if row and row[0] else ""
    except PykdumpError:
        return ""


def _section_places(module: Module) -> list[tuple[int, str]]:
    try:
        return sorted((addr, name) for name, addr in sections(module))
    except PykdumpError:
        return [(module.text.addr, ".text"), (module.text.end_addr, ".data")]


def _section_of(addr: int, places: list[tuple[int, str]]) -> str:
    name = ""
    for start, each in places:
        if start > addr:
            break
        name = each
    return name
