# SPDX-License-Identifier: GPL-2.0-or-later
"""Run inside GDB: source lines of kernel code, as we read them and as GDB does, to $LINES_OUT."""

import json
import os
import random

import gdb

from LinuxDump.symbol_kinds import symbols
from pykdump import frames, lowlevel

SYMBOLS, OF_EACH = 120, 6


def addresses():
    """Of random functions of the kernel: where they begin, and within."""
    start, end = (lowlevel.symbol_address(name) for name in ("_stext", "_etext"))
    table = symbols()
    places = range(table.place(start), table.place(end))
    addrs = sorted({table.at(place).addr for place in places if table.at(place).addr >= start})
    chosen = random.Random(1).sample(range(len(addrs) - 1), SYMBOLS)
    for place in chosen:
        first, size = addrs[place], addrs[place + 1] - addrs[place]
        yield first
        for number in range(1, OF_EACH):
            yield first + size * number // OF_EACH


def of_gdb(addr):
    """File and line; and the functions there with where each was called, of the last ""."""
    found = gdb.find_pc_line(addr)
    place = [found.symtab.filename, found.line] if found.symtab and found.line else None
    functions = []
    block = gdb.block_for_pc(addr)
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            functions.append([block.function.name, block.function.symtab.filename])
            functions[-1].append(block.function.line)
        block = block.superblock
    for function in functions[-1:]:
        function[1:] = "", 0  # of the function itself this is where it is declared
    return {"place": place, "functions": functions}


def ours(addr):
    place, chain = frames.source_line(addr), frames.source_lines(addr)
    calls = [[each.file, each.line] for each in chain[1:]] + [["", 0]]
    functions = [[each.function, *call] for each, call in zip(chain, calls) if each.function]
    return {"place": place, "functions": functions}


with open(os.environ["LINES_OUT"], "w") as out:
    rows = [[addr, ours(addr)] for addr in addresses()]  # before GDB is asked
    asked = [addr for addr, _ in rows if frames._linked(addr)[0].line_at(frames._linked(addr)[1])]
    json.dump([[addr, our, of_gdb(addr), addr in asked] for addr, our in rows], out)
