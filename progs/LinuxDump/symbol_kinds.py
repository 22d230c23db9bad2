# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols with the letters of nm and /proc/kallsyms: T text, D data, B bss, R read-only data.

Small letters are local symbols. vmlinux tells the kernel's, struct mod_kallsyms a module's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from LinuxDump import modules
from pykdump import lowlevel
from pykdump.unwinding import new_symbol_list

if TYPE_CHECKING:
    from pykdump._accel import SymbolList


class Symbol(NamedTuple):
    """A symbol."""

    addr: int
    letter: str
    name: str
    module: str  #: "" for the kernel's


class Symbols:
    """Symbols of the kernel and its modules, by address."""

    def __init__(self, symbols: SymbolList) -> None:
        self._symbols = symbols

    def __len__(self) -> int:
        return len(self._symbols)

    def at(self, place: int) -> Symbol:
        """The symbol at a place."""
        return Symbol(*self._symbols.row(place))

    def place(self, addr: int) -> int:
        """Place of the symbol at or before an address, -1 before all."""
        return self._symbols.count_up_to(addr) - 1

    def only_function_at(self, addr: int) -> tuple[str, int] | None:
        """The kernel's function with an address, and the offset; None where it has other names."""
        return self._symbols.only_function_at(addr)

    def named(self, name: str) -> list[int]:
        """Places of the symbols with a name."""
        return self._symbols.named(name)

    def containing(self, text: str) -> list[Symbol]:
        """Symbols with this in their names."""
        return [self.at(place) for place in self._symbols.containing(text)]

    def lines(self, module: str = "") -> str:
        """A line for each symbol of a module, or of the kernel: address, letter and name."""
        return self._symbols.lines(module)


_known: tuple[lowlevel.Kernel, Symbols] | None = None


def symbols() -> Symbols:
    """All symbols of the open dump, read once."""
    global _known
    kernel = lowlevel.kernel()
    if _known is None or _known[0] is not kernel:
        found = new_symbol_list()
        found.add_vmlinux(kernel.elf, kernel.offset)
        _add_modules(found, modules.modules())
        found.sort()
        _known = (kernel, Symbols(found))
    return _known[1]


def _add_modules(found: SymbolList, every: Iterable[modules.Module]) -> None:
    for module in every:
        names = modules.name_tables(module)
        if names is not None:
            text = module.text.addr, module.text.end_addr
            found.add_module(module.name, *names, modules.own_memory(module), text)
