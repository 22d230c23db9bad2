# SPDX-License-Identifier: GPL-2.0-or-later
"""The accelerator's unwinder and symbol tables, for the models that fill them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pykdump import lowlevel
from pykdump.errors import Interrupted

try:
    from pykdump import _accel
except ImportError:  # plain pytest: models can be imported
    pass

if TYPE_CHECKING:
    from pykdump._accel import SymbolList, SymbolTable, Unwinder


def new_symbol_table() -> SymbolTable:
    """An empty table of symbols."""
    return _accel.SymbolTable()


def new_symbol_list() -> SymbolList:
    """An empty list of symbols with letters."""
    return _accel.SymbolList()


def registers_of_note(arch: str, prstatus: bytes) -> dict[str, int]:
    """Registers of an NT_PRSTATUS note by name, {} when it is too short."""
    return _accel.registers_of_note(arch, prstatus)


def words_texts(
    ranges: Sequence[tuple[int, int]],
    symbols: SymbolTable | None = None,
    caches: Mapping[int, str] = {},
    *,
    with_address: bool = False,
) -> list[str | None]:
    """Words of memory from start to end of each range, two a line; None where it is unreadable.

    Each line comes after a newline, and begins with the address.

    :param symbols: for names in place of words that lead into the kernel's image.
    :param caches: names of slab caches by the address of a page: ``[CACHE]`` in place of words that
        lead into these.
    :param with_address: ``[ADDRESS:CACHE]`` in place of these.
    """
    found, interrupted = _accel.words_texts(lowlevel.dump(), ranges, symbols, caches, with_address)
    if interrupted:
        raise Interrupted(f"interrupted after {len(found)} of {len(ranges)} pieces of stacks")
    return found


def fill_texts(
    templates: Sequence[str],
    rows: Sequence[tuple[int | str, ...]],
    symbols: SymbolTable | None = None,
    caches: Mapping[int, str] = {},
    *,
    with_address: bool = False,
    code: Sequence[tuple[int, int]] = (),
    offsets: str = "",
) -> list[tuple[int, str | None]]:
    """Texts made of templates: in these NUL and ``x`` or ``016x`` stand for a number, NUL and ``s``
    for a text, NUL and ``w`` for words as `words_texts` makes them, ``r`` for these without an
    indent, ``n`` for those from behind the number before up to the end of the next one, ``t`` for a
    line of each word that is an address of `code`, ``o`` for such lines with numbers of those that
    a call may return to, ``016mOFFSET.SIZE;`` for a member of the struct whose address is the row's
    last number.

    Each is the text of rows that follow each other, with an empty line between two, behind the
    number of the last of them; None is for a row without a template and one that cannot be read.

    :param rows: the template's place among all, then what comes in its places: of ``w``, ``r``,
        ``t`` and ``o`` the start and the end; an empty one has no template.
    :param code: where it lies, for ``t`` and ``o``.
    :param offsets: "d" or "x": those of ``o`` with the offsets into functions.
    """
    found, interrupted = _accel.fill_texts(
        lowlevel.dump(), templates, rows, symbols, caches, with_address, code, offsets
    )
    if interrupted:
        done = found[-1][0] + 1 if found else 0
        raise Interrupted(f"interrupted after {done} of {len(rows)} texts")
    return found


def word_pages(ranges: Sequence[tuple[int, int]]) -> list[int]:
    """Addresses of the pages that words of these ranges lead to; no user space, not all of others
    that are not of the direct map.
    """
    found, interrupted = _accel.word_pages(lowlevel.dump(), ranges)
    if interrupted:
        raise Interrupted(f"interrupted while {len(ranges)} pieces of stacks were read")
    return found


def new_unwinder(fork_return: int) -> Unwinder:
    """An unwinder without tables.

    :param fork_return: address of ret_from_fork_asm, where a task that never ran begins.
    """
    return _accel.Unwinder(fork_return)
