# SPDX-License-Identifier: GPL-2.0-or-later
"""Show the kernel's modules: where they lie, which taint it, what is left of unloaded ones."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from LinuxDump import module_details
from LinuxDump.modules import Module, add_to_tables, modules, taint_letters
from pykdump import __version__, code, models
from pykdump.colors import paint
from pykdump.printing import printable
from pykdump.tool import Tool, UsageError


@dataclass(frozen=True)
class Row:
    """A module of the list."""

    addr: int  #: struct module *
    name: str
    size_bytes: int
    taints: str  #: letters: "OE" is from outside the tree, unsigned
    start_addr: int
    end_addr: int
    alloc_bytes: int
    gap_bytes: int | None  #: to the module before


@dataclass(frozen=True)
class Function:
    """The code of a function."""

    name: str
    instructions: tuple[code.Instruction, ...]


@dataclass(frozen=True)
class Modinfo:
    """What was asked for; the rest is empty or None."""

    modules: tuple[Row, ...] = ()
    tainted: int = 0
    last_unloaded: str = ""
    unloaded: tuple[module_details.Unloaded, ...] = ()
    leftovers: tuple[module_details.Leftover, ...] = ()
    details: module_details.ModuleDetails | None = None
    functions: tuple[Function, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-t", dest="tainted", action="store_true", help="only those that taint")
    parser.add_argument("-a", dest="ranges", action="store_true", help="ranges of addresses")
    parser.add_argument("-g", dest="gaps", action="store_true", help="memory, and gaps before each")
    parser.add_argument(
        "-u", dest="unloaded", action="store_true", help="what is left of unloaded modules"
    )
    parser.add_argument("--details", metavar="NAME", help="all about a module, with its symbols")
    parser.add_argument("--disasm", metavar="NAME", help="the code of a module's functions")
    parser.add_argument("--version", action="store_true", help="print the version")


def collect(options: argparse.Namespace) -> Modinfo:
    if options.version:
        return Modinfo()
    if options.details:
        add_to_tables()
        return Modinfo(details=module_details.details(_named(options.details)))
    if options.disasm:
        add_to_tables()
        return Modinfo(functions=tuple(_functions(_named(options.disasm))))
    rows = tuple(
        Row(
            addr=each.module.addr,
            name=each.module.name,
            size_bytes=each.module.size_bytes,
            taints=taint_letters(each.module.taints),
            start_addr=each.start_addr,
            end_addr=each.end_addr,
            alloc_bytes=each.alloc_bytes,
            gap_bytes=each.gap_bytes,
        )
        for each in module_details.placed()
        if each.module.taints or not options.tainted
    )
    return Modinfo(
        modules=rows,
        tainted=sum(1 for row in rows if row.taints),
        last_unloaded=module_details.last_unloaded(),
        unloaded=tuple(module_details.unloaded()),
        leftovers=tuple(module_details.leftovers()) if options.unloaded else (),
    )


def _named(name: str) -> Module:
    wanted = name.replace("-", "_")
    for module in modules():
        if module.name.replace("-", "_") == wanted:
            return module
    raise UsageError(f"there is no module {name} in the dump; see: pykdump modinfo")


def _functions(module: Module) -> Iterator[Function]:
    places = [
        (addr, name)
        for name, addr in models.get().symbols().of_module(module.name)
        if module.text.holds(addr)
    ]
    places.sort()
    ends = [*(addr for addr, _ in places[1:]), module.text.end_addr]
    for (addr, name), end in zip(places, ends):
        if end > addr:
            yield Function(name, tuple(code.instructions(addr, end)))


# --- text


def render(found: Modinfo, options: argparse.Namespace) -> Iterator[str]:
    if options.version:
        yield f"modinfo version {__version__}"
    elif found.details is not None:
        yield from _detail_lines(found.details)
    elif options.disasm:
        for function in found.functions:
            name = printable(function.name)
            yield f"---- BEGIN disassemble {name}() ----"
            yield from (f"{each.addr:#x}:  {each.text}" for each in function.instructions)
            yield f"---- END disassemble {name}() ----"
            yield ""
    else:
        yield from _list_lines(found, options)


def _list_lines(found: Modinfo, options: argparse.Namespace) -> Iterator[str]:
    width = max([24, *(len(printable(row.name)) for row in found.modules)])
    heading = f"{'struct module *':<18} {'MODULE_NAME':<{width}} {'SIZE':>9}"
    if options.gaps:
        heading += f" {'ALLOC_SIZE':>11} {'GAPSIZE':>10}"
    yield heading
    for row in found.modules:
        text = f"{row.addr:<#18x} {printable(row.name):<{width}} {row.size_bytes:>9}"
        if options.gaps:
            gap = "-" if row.gap_bytes is None else str(row.gap_bytes)
            text += f" {row.alloc_bytes:>11} {gap:>10}"
        if options.tainted and row.taints:
            text += f"  {row.taints}"
        if options.ranges:
            text += f"  addr range : {row.start_addr:#x} - {row.end_addr:#x}"
        yield paint(text, "lightred") if row.taints else text
    for left in found.leftovers:
        text = f"{left.addr:<#18x} {'<gap>':<{width}} {left.size_bytes:>9}  {printable(left.text)}"
        yield paint(text, "magenta")
    if options.unloaded and not found.leftovers:
        yield "nothing of unloaded modules is left between those that are loaded"
    yield ""
    yield f"There are {found.tainted} tainted modules"
    yield f"Last unloaded module : {printable(found.last_unloaded) or 'none'}"
    for gone in found.unloaded:
        letters = taint_letters(gone.taints)
        yield f"Unloaded, tainted    : {printable(gone.name)} ({letters}), {gone.count} times"


def _detail_lines(found: module_details.ModuleDetails) -> Iterator[str]:
    module = found.module
    yield f"struct module  : {module.addr:#x}"
    yield f"name           : {printable(module.name)}"
    yield f"version        : {printable(found.version) or 'none'}"
    yield f"source version : {printable(found.source_version) or 'none'}"
    yield f"init           : {printable(found.init)}"
    yield f"exit           : {printable(found.exit)}"
    yield f"state          : {module.state}, {module.refs} references"
    for title, symbols in found.symbols.items():
        yield ""
        yield f"{title} section"
        yield from (f"  {symbol.addr:#x}  {printable(symbol.name)}" for symbol in symbols)


TOOL = Tool(add_arguments, collect, render, uses_colors=True)
