# SPDX-License-Identifier: GPL-2.0-or-later
"""The accelerator's unwinder and symbol table, for the models that fill them."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import SymbolTable, Unwinder


def new_symbol_table() -> SymbolTable:
    """An empty table of symbols."""
    return _accel.SymbolTable()


def registers_of_note(arch: str, prstatus: bytes) -> dict[str, int]:
    """Registers of an NT_PRSTATUS note by name, {} when it is too short."""
    return _accel.registers_of_note(arch, prstatus)


def new_unwinder(fork_return: int) -> Unwinder:
    """An unwinder without tables.

    :param fork_return: address of ret_from_fork_asm, where a task that never ran begins.
    """
    return _accel.Unwinder(fork_return)
